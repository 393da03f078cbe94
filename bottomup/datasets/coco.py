"""Reading folders of photos, with COCO-format keypoints or without people.

A folder in COCO form holds `images/` and `annotations.json`. Any set of joints is understood: the names in the
file's `categories` are matched to the joints of the skeleton that is asked for, so COCO itself and the 14 joints
of Leeds Sports Pose are read by the same code.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

_PHOTO_SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".bmp"})


@dataclass(frozen=True)
class Photo:
    """One photo and what is known of the people in it; coordinates are image pixels.

    keypoints: (N, K, 2) float32 for the people whose joints are labelled, NaN where a joint is not.
    ignore: (M, 4) float32 boxes xyxy with people whose joints are not labelled.
    split: the data set's own name of the part that the photo belongs to, empty if it has none.
    """

    id: int
    path: Path
    keypoints: npt.NDArray[np.float32]
    ignore: npt.NDArray[np.float32]
    split: str = ""

    @property
    def visible(self) -> npt.NDArray[np.bool_]:
        """(N, K), True where a joint is labelled."""
        return np.asarray(np.isfinite(self.keypoints[..., 0]))


def read_coco(folder: str | Path, skeleton: Skeleton, *, skip_joints: Collection[str] = ()) -> list[Photo]:
    """Read a folder in COCO form, expressed in `skeleton`, in ascending order of the photos' ids.

    Parameters
    ----------
    folder:
        Holds `images/` and `annotations.json`.
    skeleton:
        The joints of the result. One that the file does not name is built as `Skeleton.convert` does (the neck
        is the midpoint of the shoulders), else it stays unlabelled.
    skip_joints:
        Joints of the file that are not used, because the data set means something else by the name.

    Raises FileNotFoundError if there is no `annotations.json`, ValueError naming the file if it is not in COCO
    form, or if a person's keypoints do not fit the joints in `categories`.
    """
    folder = Path(folder)
    file = folder / "annotations.json"
    try:
        content = json.loads(file.read_text())
        source = _source_skeleton(content["categories"], skip_joints)
        images = {int(image["id"]): image for image in content["images"]}
        people: dict[int, list[Mapping[str, Any]]] = {key: [] for key in images}
        for annotation in content["annotations"]:
            people[int(annotation["image_id"])].append(annotation)
        return [_photo(folder, images[key], people[key], source, skeleton) for key in sorted(images)]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"folder must hold annotations in COCO form but {file} has not: {error!r}") from error


def read_plain(folder: str | Path, skeleton: Skeleton) -> list[Photo]:
    """Every photo beneath a folder, as photos in which nobody is. ValueError if there is none."""
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _PHOTO_SUFFIXES)
    if not paths:
        raise ValueError(f"folder must hold photos but {folder} has none")
    nobody = np.zeros((0, skeleton.num_joints, 2), np.float32)
    return [Photo(number, path, nobody, _xyxy([])) for number, path in enumerate(paths)]


def validation_ids(photos: Iterable[Photo], *, split: str = "val2017", count: int = 300) -> frozenset[int]:
    """The ids of the `count` photos of lowest id in a split: the part that training never sees."""
    if count < 0:
        raise ValueError(f"count must be at least 0 but is {count}")
    return frozenset(sorted(photo.id for photo in photos if photo.split == split)[:count])


def _source_skeleton(categories: list[Mapping[str, Any]], skip_joints: Collection[str]) -> Skeleton:
    with_joints = [category for category in categories if category.get("keypoints")]
    if len(with_joints) != 1:
        raise KeyError(f"one category with keypoints expected, {len(with_joints)} found")
    joints = tuple(str(name) for name in with_joints[0]["keypoints"])
    # A skipped joint keeps its place in the rows of numbers, under a name that no skeleton has.
    named = tuple(f"skipped {name}" if name in skip_joints else name for name in joints)
    return Skeleton("annotations", named, (), (0.1,) * len(named))


def _photo(
    folder: Path,
    image: Mapping[str, Any],
    annotations: list[Mapping[str, Any]],
    source: Skeleton,
    skeleton: Skeleton,
) -> Photo:
    labelled = [annotation["keypoints"] for annotation in annotations if not _is_ignored(annotation)]
    if any(len(row) != 3 * source.num_joints for row in labelled):
        raise ValueError(f"keypoints must be 3 numbers for each of {source.num_joints} joints")
    table = np.array(labelled, np.float32).reshape(len(labelled), source.num_joints, 3)
    keypoints, seen = table[..., :2], table[..., 2] > 0
    if not np.isfinite(keypoints[seen]).all():
        raise ValueError("keypoints must be finite")
    converted, _ = source.convert(keypoints, seen.astype(np.float32), skeleton)
    ignore = _xyxy([annotation["bbox"] for annotation in annotations if _is_ignored(annotation)])
    path = folder / "images" / str(image["file_name"])
    return Photo(int(image["id"]), path, converted, ignore, str(image.get("coco_split", "")))


def _is_ignored(annotation: Mapping[str, Any]) -> bool:
    return bool(annotation.get("iscrowd")) or not any(v > 0 for v in annotation.get("keypoints", ())[2::3])


def _xyxy(boxes: list[list[float]]) -> npt.NDArray[np.float32]:
    out = np.array(boxes, np.float32).reshape(-1, 4)
    out[:, 2:] += out[:, :2]
    return out
