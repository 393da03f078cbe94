"""Labels in COCO's form, which CrowdPose, AI Challenger's converters and many others write as well.

Any set of joints is understood: the names in the file's `categories` are matched to the joints of the skeleton that
is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.photo import FloatArray, JointNames, Photo
from bottomup.skeleton import Skeleton


def read_coco(
    folder: str | Path,
    skeleton: Skeleton,
    *,
    skip_joints: Collection[str] = (),
    labels: str = "annotations.json",
    images: str = "images",
) -> list[Photo]:
    """Read a folder in COCO form, expressed in `skeleton`, in ascending order of the photos' ids.

    People who are a crowd, have no labelled joint, or of whom the file itself counts none (`num_keypoints` 0: CrowdPose
    does not count heads and necks) are regions to ignore.

    Parameters
    ----------
    folder:
        Holds the labels and the photos.
    skeleton:
        The joints of the result.
    skip_joints:
        Joints of the file that are not used, because the data set means something else by the name.
    labels, images:
        The file, and the folder of photos that its file names start from, relative to `folder`.

    Raises FileNotFoundError if there is no such file, ValueError naming the file if it is not in COCO form, or if a
    person's keypoints do not fit the joints in `categories`.
    """
    file = Path(folder) / labels
    try:
        content = json.loads(file.read_text())
        joints = JointNames(_joints(content["categories"]), skeleton, skip_joints)
        entries = {int(image["id"]): image for image in content["images"]}
        people: dict[int, list[Mapping[str, Any]]] = {key: [] for key in entries}
        for annotation in content["annotations"]:
            people[int(annotation["image_id"])].append(annotation)
        return [_photo(Path(folder) / images, entries[key], people[key], joints) for key in sorted(entries)]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"folder must hold annotations in COCO form but {file} has not: {error!r}") from error


def _joints(categories: list[Mapping[str, Any]]) -> list[str]:
    with_joints = [category for category in categories if category.get("keypoints")]
    if len(with_joints) != 1:
        raise KeyError(f"one category with keypoints expected, {len(with_joints)} found")
    return list(with_joints[0]["keypoints"])


def _photo(photos: Path, image: Mapping[str, Any], annotations: list[Mapping[str, Any]], joints: JointNames) -> Photo:
    labelled = [annotation for annotation in annotations if not _is_ignored(annotation)]
    rows = [annotation["keypoints"] for annotation in labelled]
    if any(len(row) != 3 * joints.count for row in rows):
        raise ValueError(f"keypoints must be 3 numbers for each of {joints.count} joints")
    table = np.array(rows, np.float32).reshape(len(rows), joints.count, 3)
    return Photo(
        id=int(image["id"]),
        path=photos / str(image["file_name"]),
        keypoints=joints.convert(table[..., :2], table[..., 2] > 0),
        boxes=_xyxy([annotation["bbox"] for annotation in labelled]),
        ignore=_xyxy([annotation["bbox"] for annotation in annotations if _is_ignored(annotation)]),
        known=joints.known,
        split=str(image.get("coco_split", "")),
        shrunk=float(image.get("shrunk", 1.0)),
    )


def _is_ignored(annotation: Mapping[str, Any]) -> bool:
    uncounted = annotation.get("num_keypoints", 1) == 0
    return bool(annotation.get("iscrowd")) or uncounted or not any(v > 0 for v in annotation.get("keypoints", ())[2::3])


def _xyxy(boxes: list[list[float]]) -> FloatArray:
    out = np.array(boxes, np.float32).reshape(-1, 4)
    out[:, 2:] += out[:, :2]
    return out
