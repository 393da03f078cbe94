"""A folder of photos with labels in any of the known forms, or with none."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from bottomup.datasets.coco import read_coco
from bottomup.datasets.lsp import read_lsp
from bottomup.datasets.matlab import mat_variables
from bottomup.datasets.mpii import read_mpii
from bottomup.datasets.photo import Photo
from bottomup.image import PICTURE_SUFFIXES
from bottomup.skeleton import Skeleton

# Where labels are if nobody says: COCO's form, Leeds Sports Pose, MPII.
LABEL_FILES = ("annotations.json", "joints.mat", "mpii_human_pose_v1_u12_1.mat")


def read_folder(
    folder: str | Path,
    skeleton: Skeleton,
    *,
    skip_joints: Collection[str] = (),
    labels: str = "",
    images: str = "images",
) -> list[Photo]:
    """Read a folder by what its labels are: COCO's form (CrowdPose's too), Leeds Sports Pose's or MPII's.

    Parameters are those of `read_coco`; with empty `labels`, they are the one of `LABEL_FILES` that is there, and if
    none is, all photos are of nobody.

    Raises as `read_coco`, `read_lsp` and `read_mpii` do; ValueError for a file of another kind, or a folder in which
    there are neither labels nor photos.
    """
    folder = Path(folder)
    found = labels or next((name for name in LABEL_FILES if (folder / name).is_file()), "")
    if not found:
        return read_plain(folder, skeleton)
    file = folder / found
    if not file.is_file():
        raise FileNotFoundError(f"labels must be a file but there is no {file}")
    read = {"coco": read_coco, "lsp": read_lsp, "mpii": read_mpii}[_form(file)]
    return read(folder, skeleton, skip_joints=skip_joints, labels=found, images=images)


def find_labels(folder: str | Path) -> Path | None:
    """The annotation file that `read_folder` reads in a folder where none is named, None if there is none."""
    folder = Path(folder)
    return next((folder / name for name in LABEL_FILES if (folder / name).is_file()), None)


def _form(file: Path) -> str:
    if file.suffix.lower() == ".mat":
        variables = mat_variables(file)
        forms = [form for form, variable in (("mpii", "RELEASE"), ("lsp", "joints")) if variable in variables]
        if not forms:
            raise ValueError(f"labels must hold MPII's 'RELEASE' or LSP's 'joints' but {file} has {variables}")
        return forms[0]
    if file.suffix.lower() != ".json":
        raise ValueError(f"labels must be a .json or .mat file but are {file}")
    with file.open("rb") as stream:
        # MPII's is a list, COCO's an object; the readers say what else may be wrong.
        return "mpii" if stream.read(64).lstrip().startswith(b"[") else "coco"


def read_plain(folder: str | Path, skeleton: Skeleton) -> list[Photo]:
    """Every photo beneath a folder, as photos in which nobody is. ValueError if there is none."""
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise ValueError(f"folder must hold photos but {folder} has none")
    nobody, nothing = np.zeros((0, skeleton.num_joints, 2), np.float32), np.zeros((0, 4), np.float32)
    known = np.ones(skeleton.num_joints, bool)
    return [Photo(number, path, nobody, nothing, nothing, known) for number, path in enumerate(paths)]
