"""Average precision by object keypoint similarity (OKS), as the COCO keypoint challenge computes it.

The numbers come from COCO's own code, pycocotools (https://cocodataset.org/#keypoints-eval), so that they compare
with published ones.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
    """Run a detector over a folder in COCO form and compare with its labels.

    Parameters
    ----------
    predict:
        Gets the path of a photo and returns its people; a `Detector` is one.
    folder:
        Holds `images/` and `annotations.json`.
    ids:
        Ids of the photos to use; None uses all.
    skeleton:
        The joints of the labels. People of another skeleton are converted to it.

    Returns
    -------
    The ten numbers of `STATISTICS` in 0..1, or -1 where no labelled person is of that size.

    Raises ImportError that names the extra if pycocotools is missing, FileNotFoundError if there is no
    `annotations.json`, ValueError if it is not in COCO form, has other joints, or if ids are not in it.
    """
    truth = read_truth(folder, skeleton)
    images = {int(image["id"]): image for image in truth["images"]}
    chosen = sorted(images if ids is None else ids)
    missing = [key for key in chosen if key not in images]
    if missing:
        raise ValueError(f"ids must be of photos in {folder} but {missing[:5]} are not")
    results: list[dict[str, Any]] = []
    for key in chosen:
        people = predict(Path(folder) / "images" / images[key]["file_name"])
        results += people.convert(skeleton).to_coco(key)
    return evaluate_results(results, truth, ids=chosen, skeleton=skeleton)


def read_truth(folder: str | Path, skeleton: Skeleton = COCO_17) -> dict[str, Any]:
    """The content of a folder's `annotations.json`; raises as `evaluate` does."""
    file = Path(folder) / "annotations.json"
    try:
        truth: dict[str, Any] = json.loads(file.read_text())
        joints = [tuple(category["keypoints"]) for category in truth["categories"] if category.get("keypoints")]
        if not all("id" in image for image in truth["images"]):
            raise KeyError("id")
        truth["annotations"] = [dict(annotation) for annotation in truth["annotations"]]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"folder must hold annotations in COCO form but {file} has not: {error!r}") from error
    if joints != [skeleton.joints]:
        raise ValueError(f"folder must have the joints of {skeleton.name} but {file} has {joints}")
    return truth


def evaluate_results(
    results: Sequence[Mapping[str, Any]],
    truth: Mapping[str, Any],
    *,
    ids: Collection[int],
    skeleton: Skeleton = COCO_17,
    max_people: int = 20,
) -> dict[str, float]:
    """The statistics of finished results.

    Parameters
    ----------
    results:
        COCO's result dictionaries (`People.to_coco`).
    truth:
        Content of a COCO annotation file.
    ids:
        Ids of the photos that count; results of others are left out.
    skeleton:
        The joints of both.
    max_people:
        Only so many results of a photo count, the best. COCO's rule is 20.

    A label that says `num_keypoints: 0` is ignored even if joints of it are labelled, as COCO's and CrowdPose's own
    evaluations do. It makes a difference for CrowdPose, whose numbers count neither head nor neck: people of whom
    nothing else is visible are left out. Where there is no such number, labelled joints are counted.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError as error:
        raise ImportError('OKS needs pycocotools: pip install "bottomup[eval]"') from error

    def index(annotations: list[dict[str, Any]]) -> Any:
        coco = COCO()
        coco.dataset = {"images": list(truth["images"]), "categories": [{"id": 1, "name": "person"}]}
        coco.dataset["annotations"] = annotations
        coco.createIndex()
        return coco

    with contextlib.redirect_stdout(io.StringIO()):  # it prints a table of its own
        labels = index([_label(annotation, skeleton) for annotation in truth["annotations"]])
        found = index([_result(number, result) for number, result in enumerate(results, start=1)])
        evaluation = COCOeval(labels, found, "keypoints")
        evaluation.params.imgIds = sorted(ids)
        evaluation.params.kpt_oks_sigmas = np.array(skeleton.sigmas)
        evaluation.params.maxDets = [max_people]
        evaluation.evaluate()
        evaluation.accumulate()
    return dict(zip(STATISTICS, _summarise(evaluation.eval, evaluation.params.iouThrs), strict=True))


def _summarise(figures: Mapping[str, Any], thresholds: Any) -> list[float]:
    """What `COCOeval.summarize` makes of the accumulated figures; its own takes 20 people a photo for granted."""
    half, three_quarters = (int(np.abs(np.asarray(thresholds) - value).argmin()) for value in (0.5, 0.75))
    everybody, medium, large = range(3)

    def mean(table: Any) -> float:
        return float(table[table > -1].mean()) if (table > -1).any() else -1.0

    # precision is (thresholds, recalls, categories, areas, 1), recall the same without recalls.
    return [
        mean(figures[name][rows, ..., area, 0])
        for name in ("precision", "recall")
        for rows, area in (
            (slice(None), everybody), (slice(half, half + 1), everybody),
            (slice(three_quarters, three_quarters + 1), everybody), (slice(None), medium), (slice(None), large),
        )
    ]  # fmt: skip


def _label(annotation: Mapping[str, Any], skeleton: Skeleton) -> dict[str, Any]:
    """A label with all that the evaluation reads; crowds often come without keypoints."""
    keypoints = list(annotation.get("keypoints") or [0] * 3 * skeleton.num_joints)
    visible = sum(v > 0 for v in keypoints[2::3])
    counted = annotation.get("num_keypoints", visible) if visible else 0
    return {**annotation, "category_id": 1, "keypoints": keypoints, "num_keypoints": counted}


def _result(number: int, result: Mapping[str, Any]) -> dict[str, Any]:
    # As `COCO.loadRes` does it, which cannot read a list without results.
    x, y = np.array(result["keypoints"][0::3]), np.array(result["keypoints"][1::3])
    box = [float(x.min()), float(y.min()), float(np.ptp(x)), float(np.ptp(y))]
    return {**result, "id": number, "category_id": 1, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
