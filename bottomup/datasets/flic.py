"""Frames Labeled In Cinema (Sapp and Taskar, "MODEC", CVPR 2013): `examples.mat` and the photos in `images/`.

One person a photo has eleven joints labelled, of the 29 that the file has room for; others in it are not mentioned.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.categories import choose_category
from bottomup.datasets.labels import Labels
from bottomup.datasets.matlab import read_mat
from bottomup.datasets.paths import PhotoNames, photo_folder
from bottomup.datasets.photo import PhotoLabels, joint_boxes

# The columns of `coords` that are labelled, counted from 0.
FLIC_JOINTS = {
    "left_shoulder": 0, "left_elbow": 1, "left_wrist": 2, "right_shoulder": 3, "right_elbow": 4, "right_wrist": 5,
    "left_hip": 6, "right_hip": 9, "left_eye": 12, "right_eye": 13, "nose": 16,
}  # fmt: skip


def read_flic_labels(file: Path, *, images: Path | None = None) -> Labels:
    """Read FLIC, in the order of the file; its parts are "train" and "test". Coordinates are MATLAB's, from 1 on.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is of another kind.
    """
    examples = np.atleast_1d(read_mat(file, "examples"))
    try:
        names = {number: str(example.filepath) for number, example in enumerate(examples)}
        folder = images or photo_folder(file, list(names.values()))
        where = PhotoNames(folder, list(names.values()))
        photos = {number: _photo(number, where.path(names[number]), example) for number, example in enumerate(examples)}
    except (AttributeError, TypeError, IndexError, ValueError) as error:
        raise ValueError(f"labels must be FLIC's examples but {file} is not: {error}") from error
    kind = choose_category([{"name": "flic11", "keypoints": list(FLIC_JOINTS)}])
    return Labels(file, kind.skeleton, photos, names, folder=folder, estimated_areas=len(photos))


def _photo(number: int, path: Path, example: Any) -> PhotoLabels:
    coordinates = np.asarray(example.coords, np.float64)
    if coordinates.ndim != 2 or len(coordinates) != 2:
        raise ValueError(f"coords must have shape (2, 29) but has {coordinates.shape}")
    keypoints = coordinates[:, list(FLIC_JOINTS.values())].T[None] - 1
    keypoints[~np.isfinite(keypoints).all(axis=2)] = np.nan
    sides = np.asarray(getattr(example, "imgdims", ())).ravel()
    return PhotoLabels(
        number, path, keypoints, joint_boxes(keypoints), np.zeros((0, 4)), np.ones(len(FLIC_JOINTS), bool),
        split="test" if np.any(getattr(example, "istest", 0)) else "train", bystanders=True,
        size=(int(sides[1]), int(sides[0])) if len(sides) >= 2 else None,
    )  # fmt: skip
