"""Labels in any of the known forms, and folders of photos with such labels or with none."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from bottomup.datasets.ai_challenger import read_ai_challenger_labels
from bottomup.datasets.categories import Sigmas, choose_category
from bottomup.datasets.coco import read_coco_labels
from bottomup.datasets.cvat import read_cvat_labels
from bottomup.datasets.flic import read_flic_labels
from bottomup.datasets.json_files import stream_json
from bottomup.datasets.labels import Labels
from bottomup.datasets.lsp import read_lsp_labels
from bottomup.datasets.matlab import mat_variables
from bottomup.datasets.mpii import read_mpii_labels
from bottomup.datasets.paths import annotation_file
from bottomup.datasets.photo import AREA_OF_BOX, PhotoLabels
from bottomup.datasets.posetrack import read_posetrack17_labels
from bottomup.datasets.sizes import check_sizes
from bottomup.datasets.ultralytics import read_ultralytics_labels
from bottomup.image import PICTURE_SUFFIXES
from bottomup.skeleton import Skeleton

_READERS: dict[str, Callable[..., Labels]] = {
    "ai_challenger": read_ai_challenger_labels,
    "cvat": read_cvat_labels,
    "flic": read_flic_labels,
    "lsp": read_lsp_labels,
    "mpii": read_mpii_labels,
    "posetrack17": read_posetrack17_labels,
}


def read_labels(
    path: str | Path,
    *,
    joints: Skeleton | None = None,
    sigmas: Sigmas | None = None,
    area_from_box: bool = False,
    category: str | None = None,
    images: Path | None = None,
    split: str | None = None,
) -> Labels:
    """Read a file of labels: COCO's form, PoseTrack's, MPII's, LSP's, AI Challenger's, FLIC's, CVAT's or Ultralytics'.

    Parameters
    ----------
    path:
        The file, or a folder that holds it under a usual name (`annotation_file`).
    joints:
        The joints that the file must have, in this order; None takes any.
    sigmas:
        Of the joints, by name, in their order, or one for all; None takes the published ones, and 0.05 for a joint
        that has none (`Labels.default_sigmas`).
    area_from_box:
        Take `AREA_OF_BOX` of its box as each person's area, as CrowdPose's evaluation does. Otherwise only where the
        file does not tell, or tells one of at most 1 square pixel.
    category:
        Which category, where several have different joints.
    images:
        The folder that the photos' file names start from; None looks for it (`photo_folder`).
    split:
        Which of several files, or part of the data (`coco_split`), is meant.

    A person counts unless it is a crowd or the file says `num_keypoints: 0`, even if joints of it are labelled:
    CrowdPose's file counts neither head nor neck, and its evaluation leaves people out who have nothing else.
    Where the file has no such number, labelled joints are counted.

    Raises FileNotFoundError if there is no such file, ValueError naming it and what is wrong with it.
    """
    file = annotation_file(path, split=split)
    form = label_form(file) if file.is_file() else "coco"
    if form == "coco":
        return read_coco_labels(
            file, joints=joints, sigmas=sigmas, area_from_box=area_from_box, category=category, images=images
        )
    labels = read_ultralytics_labels(file) if form == "ultralytics" else _READERS[form](file, images=images)
    names = {"name": labels.skeleton.name, "keypoints": labels.skeleton.joints}
    kind = choose_category([names], joints=joints, sigmas=sigmas)
    if joints is not None or sigmas is not None:
        labels = replace(labels, skeleton=kind.skeleton, default_sigmas=())
    if area_from_box:
        photos = {key: replace(one, areas=AREA_OF_BOX * one.sides.prod(axis=1)) for key, one in labels.photos.items()}
        labels = replace(labels, photos=photos)
    return labels


def read_folder(
    folder: str | Path,
    skeleton: Skeleton,
    *,
    skip_joints: Collection[str] = (),
    labels: str = "",
    images: str = "",
) -> list[PhotoLabels]:
    """Read a folder for training, whatever form its labels have; without labels, as photos without people.

    Parameters are those of `read_coco`.

    Raises as `read_labels` and `read_coco` do; ValueError for a file of another kind, or a folder in which there are
    neither labels nor photos.
    """
    folder = Path(folder)
    file = folder / labels if labels else annotation_file(folder)
    if not labels and not file.is_file():
        return read_plain(folder, skeleton)
    if not file.is_file():
        raise FileNotFoundError(f"labels must be a file but there is no {file}")
    photos = read_labels(file, images=folder / images if images else None).scored_in(skeleton, skip_joints)
    check_sizes(photos)
    return photos


def label_form(file: Path) -> str:
    """Which form a file of labels has, by its ending and what it holds; ValueError if it has none that is known."""
    suffix = file.suffix.lower()
    if suffix == ".mat":
        variables = mat_variables(file)
        forms = {"RELEASE": "mpii", "joints": "lsp", "examples": "flic"}
        found = [form for variable, form in forms.items() if variable in variables]
        if not found:
            raise ValueError(
                f"labels must hold MPII's 'RELEASE', LSP's 'joints' or FLIC's 'examples' but {file} has {variables}"
            )
        return found[0]
    if suffix in (".xml", ".yaml", ".yml"):
        return "cvat" if suffix == ".xml" else "ultralytics"
    if suffix != ".json":
        raise ValueError(f"labels must be a .json, .mat, .xml or .yaml file but are {file}")
    return _json_form(file)


def _json_form(file: Path) -> str:
    """COCO's is an object, PoseTrack 2017's has `annolist`; MPII's and AI Challenger's are lists."""
    try:
        for key, value in stream_json(file, ("annolist", "annotations", "images", "categories")):
            if key == "" and (
                value == [] or (isinstance(value, dict) and "image_id" in value and "keypoints" in value)
            ):
                return "coco"  # a list of results, or an empty one: the reader of COCO's form tells
            if key == "":
                return "ai_challenger" if isinstance(value, dict) and "keypoint_annotations" in value else "mpii"
            if key in ("annolist", "annotations", "images", "categories"):
                return "posetrack17" if key == "annolist" else "coco"
    except ValueError:
        pass  # the readers say what is wrong
    with file.open("rb") as stream:
        return "mpii" if stream.read(64).lstrip().startswith(b"[") else "coco"


def read_plain(folder: str | Path, skeleton: Skeleton) -> list[PhotoLabels]:
    """Every photo beneath a folder, as photos without people. ValueError if there is none."""
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        raise ValueError(f"folder must hold photos but {folder} has none")
    keypoints, nothing = np.zeros((0, skeleton.num_joints, 2), np.float32), np.zeros((0, 4), np.float32)
    known = np.ones(skeleton.num_joints, bool)
    return [PhotoLabels(number, path, keypoints, nothing, nothing, known) for number, path in enumerate(paths)]
