"""Average precision by object keypoint similarity (OKS), as the COCO keypoint challenge computes it.

The numbers come from COCO's own code, pycocotools (https://cocodataset.org/#keypoints-eval), so that they compare
with published ones.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets import Labels, read_labels
from bottomup.datasets.coco import parse_coco
from bottomup.datasets.sizes import check_sizes
from bottomup.evaluation.results import match_photos
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17

# In the order of COCOeval.stats. AP is the mean over OKS thresholds 0.50, 0.55, ..., 0.95; M and L are people
# of 32^2 to 96^2 and above 96^2 pixels of area; AR is the recall with at most 20 people a photo.
STATISTICS = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")

Predict = Callable[[Path], People]


def evaluate(
    predict: Predict, folder: str | Path, *, ids: Collection[int] | None = None, skeleton: Skeleton = COCO_17
) -> dict[str, float]:
    """Run a detector over a folder of labelled photos and compare with the labels.

    Parameters
    ----------
    predict:
        Gets the path of a photo and returns its people; a `Detector` is one.
    folder:
        Holds photos and labels, in COCO's form or another that `read_labels` knows.
    ids:
        Ids of the photos to use; None uses all.
    skeleton:
        The joints of the labels. People of another skeleton are converted to it.

    Returns
    -------
    The ten numbers of `STATISTICS` in 0..1, or -1 where no labelled person is of that size.

    Raises ImportError that names the extra if pycocotools is missing, FileNotFoundError if there are no labels,
    ValueError if they are in no known form, have other joints, if ids are not in them, or if they were made for photos
    of another size.
    """
    labels = read_labels(folder)
    if labels.skeleton.joints != skeleton.joints:
        raise ValueError(
            f"folder must have the joints of {skeleton.name} but {labels.source} has {list(labels.skeleton.joints)}"
        )
    chosen = sorted(labels.photos if ids is None else ids)
    missing = [key for key in chosen if key not in labels.photos]
    if missing:
        raise ValueError(f"ids must be of photos in {folder} but {missing[:5]} are not")
    check_sizes(labels.photos[key] for key in chosen)
    results: list[dict[str, Any]] = []
    for key in chosen:
        results += predict(labels.photos[key].path).convert(skeleton).to_coco(key)
    return evaluate_results(results, labels, ids=chosen, skeleton=skeleton)


def evaluate_results(
    results: Sequence[Mapping[str, Any]],
    truth: Labels | Mapping[str, Any],
    *,
    ids: Collection[int],
    skeleton: Skeleton = COCO_17,
    max_people: int = 20,
) -> dict[str, float]:
    """The statistics of finished results.

    Parameters
    ----------
    results:
        COCO's result dictionaries (`People.to_coco`); those with a `file_name` are of the photo of that name.
    truth:
        From `read_labels`, or the content of a COCO annotation file.
    ids:
        Ids of the photos that count; results of others are left out.
    skeleton:
        The joints of both.
    max_people:
        Only so many results of a photo count, the best. COCO's rule is 20.

    A label that says `num_keypoints: 0` is ignored even if joints of it are labelled, as COCO's and CrowdPose's own
    evaluations do. It makes a difference for CrowdPose, whose numbers count neither head nor neck: people of whom
    nothing else is visible are left out. Where there is no such number, labelled joints are counted.

    Raises ImportError that names the extra if pycocotools is missing, ValueError if `truth` is not in COCO form or the
    results contradict themselves or the labels' file names (`match_photos`).
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ImportError('OKS needs pycocotools: pip install "bottomup[eval]"') from error
    labels = truth if isinstance(truth, Labels) else parse_coco(truth, joints=skeleton)
    # Photos and people get numbers of our own: pycocotools takes an id of 0 for none, and files' ids may repeat.
    numbers = {key: number for number, key in enumerate(sorted(set(ids) & set(labels.photos)), start=1)}

    def index(annotations: list[dict[str, Any]]) -> Any:
        coco = COCO()
        coco.dataset = {"images": [{"id": n} for n in numbers.values()], "categories": [{"id": 1, "name": "person"}]}
        coco.dataset["annotations"] = annotations
        coco.createIndex()
        return coco

    kept = [one for one in match_photos(results, labels) if one["image_id"] in numbers]
    with contextlib.redirect_stdout(io.StringIO()):  # it prints a table of its own
        given = index(_annotations(labels, numbers))
        found = index([_result(n, numbers[one["image_id"]], one) for n, one in enumerate(kept, start=1)])
        evaluation = COCOeval(given, found, "keypoints")
        evaluation.params.imgIds = list(numbers.values())
        evaluation.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        evaluation.params.maxDets = [max_people]
        evaluation.evaluate()
        evaluation.accumulate()
    return dict(zip(STATISTICS, _summarise(evaluation.eval, evaluation.params.iouThrs), strict=True))


def _summarise(figures: Mapping[str, Any], thresholds: Any) -> list[float]:
    """What `COCOeval.summarize` makes of the accumulated figures; its own takes 20 people a photo for granted."""
    half, three_quarters = (int(np.abs(np.asarray(thresholds) - value).argmin()) for value in (0.5, 0.75))
    all_sizes, medium, large = range(3)

    def mean(table: Any) -> float:
        return float(table[table > -1].mean()) if (table > -1).any() else -1.0

    # precision is (thresholds, recalls, categories, areas, 1), recall the same without recalls.
    return [
        mean(figures[name][rows, ..., area, 0])
        for name in ("precision", "recall")
        for rows, area in (
            (slice(None), all_sizes), (slice(half, half + 1), all_sizes),
            (slice(three_quarters, three_quarters + 1), all_sizes), (slice(None), medium), (slice(None), large),
        )
    ]  # fmt: skip


def _annotations(labels: Labels, numbers: Mapping[int, int]) -> list[dict[str, Any]]:
    """COCO's entries of the people in the photos of `numbers`."""
    annotations: list[dict[str, Any]] = []
    for key, number in numbers.items():
        photo = labels.photos[key]
        seen = photo.visible
        triples = np.concatenate([np.where(seen[..., None], photo.keypoints, 0), 2.0 * seen[..., None]], axis=2)
        for person, row in enumerate(triples):
            ignored = bool(photo.ignored[person])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "keypoints": row.ravel().tolist(),
                    "num_keypoints": 0 if ignored else int(seen[person].sum()),
                    "area": float(photo.areas[person]),
                    "bbox": [*photo.boxes[person, :2].tolist(), *photo.sides[person].tolist()],
                    "iscrowd": int(photo.crowds[person]),
                }
            )
    return annotations


def _result(number: int, image: int, result: Mapping[str, Any]) -> dict[str, Any]:
    # As `COCO.loadRes` does it, which cannot read a list without results.
    x, y = np.array(result["keypoints"][0::3]), np.array(result["keypoints"][1::3])
    box = [float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y))]
    own = {"id": number, "image_id": image, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
    return {"keypoints": result["keypoints"], "score": result["score"], **own}
