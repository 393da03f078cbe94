"""Leeds Sports Pose and its extension (Johnson and Everingham, BMVC 2010 and CVPR 2011), in their own form.

A folder holds `joints.mat` and `images/`, numbered from 1: `im0001.jpg` or `im00001.jpg`. One person of each photo is
labelled, with 14 joints; whoever else is there is not mentioned.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.datasets.categories import choose_category
from bottomup.datasets.labels import Labels
from bottomup.datasets.matlab import read_mat
from bottomup.datasets.photo import PhotoLabels, joint_boxes
from bottomup.image import PICTURE_SUFFIXES
from bottomup.skeleton import Skeleton

LSP_JOINTS = (
    "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle", "right_wrist", "right_elbow",
    "right_shoulder", "left_shoulder", "left_elbow", "left_wrist", "neck", "head_top",
)  # fmt: skip


def read_lsp(
    folder: str | Path,
    skeleton: Skeleton,
    *,
    skip_joints: Collection[str] = (),
    labels: str = "joints.mat",
    images: str = "images",
) -> list[PhotoLabels]:
    """Read a folder of Leeds Sports Pose, expressed in `skeleton`, in the order of the photos' numbers.

    Parameters are those of `read_coco`; raises as `read_lsp_labels` does, and if the skeleton has none of the joints.
    """
    return read_lsp_labels(Path(folder) / labels, images=Path(folder) / images).scored_in(skeleton, skip_joints)


def read_lsp_labels(file: Path, *, images: Path | None = None) -> Labels:
    """Read Leeds Sports Pose.

    The two data sets say different things with the third number of a joint. In LSP's (3, 14, N) it is 1 for a joint
    that is hidden, whose place is labelled all the same; in LSPET's (14, 3, N) it is 0 for a joint that is not
    labelled at all. Coordinates are MATLAB's, counted from 1.

    Raises FileNotFoundError if there is no such file or a photo is missing, ValueError naming the file if it is of
    another kind.
    """
    table, seen = _joints(np.asarray(read_mat(file, "joints")), file)
    keypoints = np.where(seen[..., None], table, np.nan)
    folder = images or file.parent / "images"
    paths = _numbered_photos(folder)
    missing = [number for number in range(1, len(table) + 1) if number not in paths]
    if missing:
        raise FileNotFoundError(
            f"folder must hold the {len(table)} photos of {file} but {folder} lacks number {missing[0]}"
        )
    photos = {}
    for number, person in enumerate(keypoints, start=1):
        photos[number] = PhotoLabels(
            id=number,
            path=paths[number],
            keypoints=person[None],
            boxes=joint_boxes(person[None]),
            ignore=np.zeros((0, 4)),
            known=np.ones(len(LSP_JOINTS), bool),
            bystanders=True,
        )
    names = {number: path.name for number, path in paths.items() if number in photos}
    kind = choose_category([{"keypoints": LSP_JOINTS}])
    return Labels(file, kind.skeleton, photos, names, folder=folder, estimated_areas=len(photos))


def _joints(joints: npt.NDArray[np.float64], file: Path) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """(N, 14, 2) places from 0 on and (N, 14) whether they are labelled."""
    if not np.issubdtype(joints.dtype, np.number):
        raise ValueError(f"labels must be numbers but 'joints' in {file} has dtype {joints.dtype}")
    if joints.ndim == 2:
        joints = joints[..., None]  # MATLAB drops a last dimension of 1
    if joints.shape[:2] == (3, 14):
        rows = joints.transpose(2, 1, 0)
        seen = np.isfinite(rows).all(axis=2)
    elif joints.shape[:2] == (14, 3):
        rows = joints.transpose(2, 0, 1)
        seen = rows[..., 2] > 0
    else:
        raise ValueError(f"labels must have shape (3, 14, N) or (14, 3, N) but 'joints' in {file} has {joints.shape}")
    places = rows[..., :2].astype(np.float64) - 1
    # A joint that is left of or above the photo was not clicked, whatever its third number says.
    return places, np.asarray(seen & (places >= 0).all(axis=2))


def _numbered_photos(folder: Path) -> dict[int, Path]:
    found = {}
    for path in folder.glob("im*"):
        number = re.fullmatch(r"im(\d+)", path.stem)
        if number and path.suffix.lower() in PICTURE_SUFFIXES:
            found[int(number[1])] = path
    return found
