"""Reading what people are labelled in photos: annotation files in COCO form, of any of the known joints."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton
from bottomup.skeletons import SKELETONS

FloatArray = npt.NDArray[np.float64]

AREA_OF_BOX = 0.53
"""Share of its box that a person covers: what CrowdPose's own evaluation takes, which has no outlines."""


@dataclass(frozen=True)
class LabelledPeople:
    """The N labels of one photo; coordinates are image pixels.

    keypoints: (N, K, 2) float64, NaN where a joint is not labelled.
    areas: (N,) float64 square pixels.
    boxes: (N, 4) float64 x, y, width, height.
    heads: (N, 4) float64 x, y, width, height of the head, NaN where the file has no `head_box`.
    ignored: (N,) bool: crowds and people whose joints do not count. Finding them is neither right nor wrong.
    """

    keypoints: FloatArray
    areas: FloatArray
    boxes: FloatArray
    heads: FloatArray
    ignored: npt.NDArray[np.bool_]

    @property
    def visible(self) -> npt.NDArray[np.bool_]:
        """(N, K), True where a joint is labelled."""
        return np.asarray(np.isfinite(self.keypoints[..., 0]))

    def scored(self) -> LabelledPeople:
        """Only the people that count."""
        keep = ~self.ignored
        return LabelledPeople(
            self.keypoints[keep], self.areas[keep], self.boxes[keep], self.heads[keep], self.ignored[keep]
        )


@dataclass(frozen=True)
class Labels:
    """The labels of some photos.

    source: the file they come from.
    skeleton: what the K joints are.
    images: COCO's entry of each photo, by id, in ascending order.
    annotations: COCO's entries of the people in them, complete: each has keypoints, num_keypoints, bbox, area, iscrowd.
    estimated_areas: how many people have their area from their box.
    """

    source: Path
    skeleton: Skeleton
    images: Mapping[int, Mapping[str, Any]]
    annotations: Sequence[Mapping[str, Any]]
    estimated_areas: int = 0

    def people(self) -> dict[int, LabelledPeople]:
        """The people of every photo, by its id."""
        table: dict[int, list[Mapping[str, Any]]] = {key: [] for key in self.images}
        for annotation in self.annotations:
            table[annotation["image_id"]].append(annotation)
        return {key: _arrays(annotations, self.skeleton.num_joints) for key, annotations in table.items()}

    def select(self, ids: Collection[int]) -> Labels:
        """Those of some photos only."""
        chosen = frozenset(ids)
        people = [annotation for annotation in self.annotations if annotation["image_id"] in chosen]
        return replace(self, images={k: v for k, v in self.images.items() if k in chosen}, annotations=people)

    def without(self, joints: Collection[str]) -> Labels:
        """The same with some joints unlabelled; whoever has no other joint no longer counts."""
        which = [self.skeleton.index(joint) for joint in joints]
        changed = []
        for annotation in self.annotations:
            table = np.reshape(annotation["keypoints"], (-1, 3)).copy()
            table[which] = 0
            kept = annotation["num_keypoints"] if (table[:, 2] > 0).any() else 0
            changed.append({**annotation, "keypoints": table.ravel().tolist(), "num_keypoints": kept})
        return replace(self, annotations=changed)


def annotation_file(path: str | Path) -> Path:
    """The file that `path` means: itself, or `annotations.json` in it if it is a folder."""
    path = Path(path)
    return path / "annotations.json" if path.is_dir() else path


def read_labels(path: str | Path, *, joints: Skeleton | None = None, area_from_box: bool = False) -> Labels:
    """Read an annotation file in COCO form.

    Parameters
    ----------
    path:
        The file, or a folder that holds it as `annotations.json`.
    joints:
        The joints that the file must have, in this order; None takes any that a built-in skeleton knows by name.
    area_from_box:
        Take `AREA_OF_BOX` of its box as everybody's area, as CrowdPose's evaluation does. Otherwise only for those
        whose area the file does not tell.

    A person counts unless it is a crowd or the file says `num_keypoints: 0`, even if joints of it are labelled:
    CrowdPose's file counts neither head nor neck, and its evaluation leaves people out who have nothing else.
    Where the file has no such number, labelled joints are counted.

    Raises FileNotFoundError if there is no such file, ValueError naming it and what is wrong with it.
    """
    file = annotation_file(path)
    if not file.exists():
        wanted = "labels must be an annotation file, or a folder with one"
        raise FileNotFoundError(f"{wanted}, but there is no {str(file)!r}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError(f"the file holds a {type(content).__name__}, as one of results does")
        category, skeleton = _person_category(content["categories"], joints)
        images = {_whole(image["id"]): image for image in content["images"]}
        if len(images) < len(content["images"]):
            raise ValueError("two images have the same id")
        annotations = [
            _complete(annotation, skeleton.num_joints, area_from_box)
            for annotation in content["annotations"]
            if annotation.get("category_id", category) == category
        ]
        strangers = {annotation["image_id"] for annotation in annotations} - set(images)
        if strangers:
            raise ValueError(f"annotations must be of its images but some are of {sorted(strangers)[:5]}")
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        text = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"labels must be annotations in COCO form but {file} are not: {text}") from error
    estimated = sum(annotation.pop("area_is_from_box") for annotation in annotations)
    return Labels(file, skeleton, {key: images[key] for key in sorted(images)}, annotations, estimated)


def _person_category(categories: Sequence[Mapping[str, Any]], wanted: Skeleton | None) -> tuple[Any, Skeleton]:
    """The id of the category that has joints, and these joints."""
    with_joints = [category for category in categories if category.get("keypoints")]
    if len(with_joints) != 1:
        raise ValueError(f"one category with keypoints is expected but it has {len(with_joints)}")
    number, names = with_joints[0].get("id", 1), tuple(str(name) for name in with_joints[0]["keypoints"])
    if wanted is None:
        return number, _known_skeleton(names)
    if names != wanted.joints:
        raise ValueError(f"the joints of {wanted.name} are needed, {list(wanted.joints)}, but it has {list(names)}")
    return number, wanted


def _known_skeleton(names: tuple[str, ...]) -> Skeleton:
    """The built-in skeleton of these joints, or one put together from what the built-in ones say of each joint."""
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return skeleton
    sigmas: dict[str, float] = {}
    limbs: dict[frozenset[str], tuple[str, str]] = {}
    for skeleton in SKELETONS.values():
        for name, sigma in zip(skeleton.joints, skeleton.sigmas, strict=True):
            sigmas.setdefault(name, sigma)
        for a, b in skeleton.limbs:
            ends = (skeleton.joints[a], skeleton.joints[b])
            if set(ends) <= set(names):
                limbs.setdefault(frozenset(ends), ends)
    unknown = [name for name in names if name not in sigmas]
    if unknown:
        raise ValueError(f"its joints must be among {sorted(sigmas)} but it has {unknown}")
    pairs = tuple((names.index(a), names.index(b)) for a, b in limbs.values())
    return Skeleton("labels", names, pairs, tuple(sigmas[name] for name in names))


def _complete(annotation: Mapping[str, Any], joints: int, area_from_box: bool) -> dict[str, Any]:
    """A label with all that an evaluation reads, checked; crowds often come without keypoints."""
    keypoints = _numbers("keypoints", annotation.get("keypoints") or [0] * 3 * joints, 3 * joints)
    box = _numbers("bbox", annotation["bbox"], 4)
    if min(box[2:]) < 0:
        raise ValueError(f"bbox must have width and height from 0 on but is {box}")
    visible = sum(v > 0 for v in keypoints[2::3])
    area = annotation.get("area")
    estimate = area_from_box or area is None
    complete = {
        **annotation,
        "image_id": _whole(annotation["image_id"]),
        "category_id": 1,
        "keypoints": keypoints,
        "num_keypoints": _whole(annotation.get("num_keypoints", visible)) if visible else 0,
        "bbox": box,
        "area": AREA_OF_BOX * box[2] * box[3] if estimate else _numbers("area", [area], 1)[0],
        "iscrowd": int(bool(annotation.get("iscrowd"))),
        "area_is_from_box": estimate,
    }
    if complete.get("head_box") is not None:
        complete["head_box"] = _numbers("head_box", complete["head_box"], 4)
    return complete


def _numbers(what: str, values: Any, count: int) -> list[float]:
    array = np.asarray(values)
    if array.shape != (count,) or array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ValueError(f"{what} must be {count} finite numbers but is {values!r}"[:200])
    numbers: list[float] = array.tolist()
    return numbers


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"ids and counts must be whole numbers but one is {value!r}")
    return value


def _arrays(annotations: Sequence[Mapping[str, Any]], joints: int) -> LabelledPeople:
    count = len(annotations)
    table = np.array([a["keypoints"] for a in annotations], np.float64).reshape(count, joints, 3)
    unknown = (np.nan,) * 4
    return LabelledPeople(
        np.where(table[..., 2:] > 0, table[..., :2], np.nan),
        np.array([a["area"] for a in annotations], np.float64),
        np.array([a["bbox"] for a in annotations], np.float64).reshape(count, 4),
        np.array([a.get("head_box") or unknown for a in annotations], np.float64).reshape(count, 4),
        np.array([a["iscrowd"] or a["num_keypoints"] == 0 for a in annotations], bool),
    )
