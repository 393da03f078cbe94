"""MPII Human Pose (Andriluka et al., CVPR 2014): its own MATLAB file, and the JSON that many projects made of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.json_files import load_json
from bottomup.datasets.labels import Labels
from bottomup.datasets.matlab import read_mat
from bottomup.datasets.paths import PhotoNames, photo_folder
from bottomup.datasets.photo import FloatArray, PhotoLabels, joint_boxes
from bottomup.skeleton import Skeleton
from bottomup.skeletons import MPII_16

_NUM_JOINTS = MPII_16.num_joints
# MPII's `scale` is the height of a person in these pixels.
_SCALE = 200.0


def read_mpii(
    folder: str | Path,
    skeleton: Skeleton,
    *,
    skip_joints: Collection[str] = (),
    labels: str = "mpii_human_pose_v1_u12_1.mat",
    images: str = "images",
) -> list[PhotoLabels]:
    """Read MPII's photos for training, expressed in `skeleton`, in the order of the file.

    Parameters are those of `read_coco`; raises as `read_mpii_labels` does, and if the skeleton has none of the joints.
    """
    return read_mpii_labels(Path(folder) / labels, images=Path(folder) / images).scored_in(skeleton, skip_joints)


def read_mpii_labels(file: Path, *, images: Path | None = None) -> Labels:
    """Read MPII's photos for training, in the order of the file.

    Both forms are read: the data set's own `.mat`, of which the photos of the test set are left out, since none of
    their people are labelled, and the `.json` with an entry of `image`, `joints` and `joints_vis` for each person.
    Coordinates are MATLAB's, counted from 1, in both. People whom the `.mat` mentions without joints are regions to
    ignore.

    Raises FileNotFoundError if there is no such file, ValueError naming the file and the entry if it is of another
    kind.
    """
    entries = _mat_entries(file) if file.suffix.lower() == ".mat" else _json_entries(file)
    folder = images or photo_folder(file, [name for name, _, _ in entries])
    where = PhotoNames(folder, [name for name, _, _ in entries])
    photos = {}
    for number, (name, people, ignore) in enumerate(entries):
        table = np.array(people, np.float64).reshape(len(people), _NUM_JOINTS, 3)
        table = np.concatenate([table, np.zeros((len(ignore), _NUM_JOINTS, 3))])
        seen = table[..., 2] > 0
        if not np.isfinite(table[seen]).all():
            raise ValueError(f"labels must be MPII's but in {file} those of {name} are wrong: keypoints must be finite")
        keypoints = np.where(seen[..., None], table[..., :2] - 1, np.nan)
        photos[number] = PhotoLabels(
            id=number,
            path=where.path(name),
            keypoints=keypoints,
            boxes=np.concatenate([joint_boxes(keypoints[: len(people)]), np.reshape(ignore, (-1, 4))]),
            ignore=np.zeros((0, 4)),
            known=np.ones(_NUM_JOINTS, bool),
        )
    names = {number: name for number, (name, _, _) in enumerate(entries)}
    estimated = sum(len(photo.keypoints) for photo in photos.values())
    return Labels(file, MPII_16, photos, names, folder=folder, estimated_areas=estimated)


Entry = tuple[str, list[FloatArray], list[list[float]]]  # file name, (16, 3) of each person, boxes to ignore


def _json_entries(file: Path) -> list[Entry]:
    try:
        content = load_json(file)
        if not isinstance(content, list):
            raise TypeError(f"a list of people expected, {type(content).__name__} found")
        people: dict[str, list[FloatArray]] = {}
        for number, person in enumerate(content):
            joints = np.array(person["joints"], np.float32)
            seen = np.array(person["joints_vis"], np.float32)
            if joints.shape != (_NUM_JOINTS, 2) or seen.shape != (_NUM_JOINTS,):
                raise ValueError(f"person {number} has joints of shape {joints.shape}, joints_vis {seen.shape}")
            people.setdefault(str(person["image"]), []).append(np.column_stack([joints, seen]))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"labels must be MPII's as a list of people but {file} is not: {error!r}") from error
    return [(name, rows, []) for name, rows in people.items()]


def _mat_entries(file: Path) -> list[Entry]:
    release = read_mat(file, "RELEASE")
    try:
        photos, trained = np.atleast_1d(release.annolist), np.atleast_1d(release.img_train)
        if len(photos) != len(trained):
            raise ValueError(f"{len(photos)} photos, but img_train of {len(trained)}")
        return [_mat_entry(photo) for photo, train in zip(photos, trained, strict=True) if train]
    except (AttributeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"labels must be MPII's RELEASE but {file} is not: {error!r}") from error


def _mat_entry(photo: Any) -> Entry:
    people, ignore = [], []
    for person in _structures(photo.annorect):
        points = list(_structures(getattr(getattr(person, "annopoints", None), "point", None)))
        if points:
            joints = np.zeros((_NUM_JOINTS, 3), np.float32)
            for point in points:
                # All points that are there are labelled; `is_visible` tells which of them are hidden.
                joints[int(point.id)] = point.x, point.y, 1
            people.append(joints)
        elif box := _rough_box(person):
            ignore.append(box)
    return str(photo.image.name), people, ignore


def _structures(value: Any) -> Iterator[Any]:
    """MATLAB's structures in an array of them, of one of them, or of none."""
    for one in np.atleast_1d(np.array([] if value is None else value, object)):
        if hasattr(one, "_fieldnames"):
            yield one


def _rough_box(person: Any) -> list[float]:
    """Where somebody without joints is: a square as high as they are, or their head; empty if nothing is said."""
    place = next(_structures(getattr(person, "objpos", None)), None)
    height = np.atleast_1d(getattr(person, "scale", np.zeros(0))).astype(float)
    if place is not None and height.size:
        half = _SCALE * float(height[0]) / 2
        x, y = float(place.x) - 1, float(place.y) - 1
        return [x - half, y - half, x + half, y + half]
    head = [np.atleast_1d(getattr(person, name, np.zeros(0))) for name in ("x1", "y1", "x2", "y2")]
    return [float(side[0]) - 1 for side in head] if all(side.size for side in head) else []
