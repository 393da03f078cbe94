"""Ultralytics' pose data: a YAML file that says where photos are, and beside each photo's folder a `.txt` for it.

Its documentation (https://docs.ultralytics.com/datasets/pose/): each line is a class, the middle, width and height of a
box and the joints, all as shares of the photo's width and height; `kpt_shape` in the YAML says how many joints there
are and whether each has a third number, 0 where it is not labelled. `images` in a photo's path becomes `labels` in its
label's. Newer files name the joints (`kpt_names`); without names, 17 are COCO's and others are numbered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.categories import flip_pairs
from bottomup.datasets.labels import Labels
from bottomup.datasets.paths import PhotoNames
from bottomup.datasets.photo import FloatArray, PhotoLabels
from bottomup.image import PICTURE_SUFFIXES, image_size
from bottomup.skeleton import DEFAULT_SIGMA, Skeleton
from bottomup.skeletons import COCO_17, SKELETONS

_SPLITS = ("train", "val", "test")


def read_ultralytics_labels(file: Path, *, split: str | None = None) -> Labels:
    """Read the photos of a YAML file, those of all its splits, or of one.

    A photo without a file of labels is one without people, as Ultralytics has it.

    Raises ImportError if PyYAML is missing, ValueError naming the file and line that is wrong.
    """
    content = _yaml(file)
    shape = content.get("kpt_shape")
    if not (isinstance(shape, Sequence) and len(shape) == 2 and all(isinstance(n, int) for n in shape)):
        raise ValueError(f"labels must have kpt_shape, joints and 2 or 3, but {file} has {shape!r}")
    joints, numbers = int(shape[0]), int(shape[1])
    if joints < 1 or numbers not in (2, 3):
        raise ValueError(f"labels must have kpt_shape, joints and 2 or 3, but {file} has {list(shape)}")
    skeleton, unknown = _skeleton(content, joints, file)
    root = _root(file, content)
    names: dict[int, str] = {}
    photos: dict[int, PhotoLabels] = {}
    for part in _SPLITS if split is None else (split,):
        for path in _photos(root, content.get(part)):
            number = len(photos) + 1
            names[number] = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
            photos[number] = _photo(number, path, joints, numbers, part)
    if not photos:
        raise ValueError(f"labels must name folders with photos but those of {file} have none below {root}")
    people = sum(len(photo.keypoints) for photo in photos.values())
    return Labels(file, skeleton, photos, names, folder=root, estimated_areas=people, default_sigmas=unknown)


def _yaml(file: Path) -> Mapping[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise ImportError('labels in YAML need PyYAML: pip install "bottomup[train]"') from error
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"labels must be a YAML file but {file} is not: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"labels must be a YAML file with kpt_shape but {file} is not")
    return content


def _skeleton(content: Mapping[str, Any], joints: int, file: Path) -> tuple[Skeleton, tuple[str, ...]]:
    """The skeleton, and the joints whose sigma is the default."""
    given = content.get("kpt_names")
    if isinstance(given, Mapping):  # by class; those of the first one
        given = next(iter(given.values()), None)
    if given is None and joints == COCO_17.num_joints:
        return COCO_17, ()
    names = tuple(map(str, given)) if given is not None else tuple(f"joint_{number}" for number in range(joints))
    if len(names) != joints:
        raise ValueError(f"labels must name {joints} joints but kpt_names of {file} are {list(names)}")
    for skeleton in SKELETONS.values():
        if skeleton.joints == names:
            return skeleton, ()
    order = content.get("flip_idx") or ()
    flip = tuple((a, int(b)) for a, b in enumerate(order) if isinstance(b, int) and a < b < joints) or flip_pairs(names)
    return Skeleton("labels", names, (), (DEFAULT_SIGMA,) * joints, flip), names


def _root(file: Path, content: Mapping[str, Any]) -> Path:
    """`path`, from the file's folder on, where that is there; it is often one of another computer's."""
    given = str(content.get("path") or ".")
    root = file.parent / given
    return root if root.is_dir() and root.resolve().is_relative_to(file.parent.resolve()) else file.parent


def _photos(root: Path, part: Any) -> Iterator[Path]:
    """The photos of a split: a folder, a file that lists them, or several of these."""
    for entry in part if isinstance(part, list) else [part]:
        if entry is None:
            continue
        place = PhotoNames(root, [str(entry)]).path(str(entry).removeprefix("../"))
        if place.is_dir():
            yield from sorted(path for path in place.rglob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
        elif place.suffix == ".txt" and place.is_file():
            lines = [line.strip() for line in place.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
            where = PhotoNames(root, lines)
            yield from (where.path(line) for line in lines)


def _photo(number: int, path: Path, joints: int, numbers: int, split: str) -> PhotoLabels:
    size = image_size(path)
    if size is None:
        raise ValueError(f"labels must be of readable photos but {path} is none")
    rows = _rows(_label_file(path), joints, numbers)
    scale = np.array(size, np.float64)
    middle, sides = rows[:, 1:3] * scale, rows[:, 3:5] * scale
    table = rows[:, 5:].reshape(-1, joints, numbers)
    # A pair without a third number is not labelled where both are 0.
    seen = table[..., 2] > 0 if numbers == 3 else (table != 0).any(axis=2)
    # Shares count the photo's edges as 0 and 1, which lie half a pixel beyond the outer pixels' centres.
    keypoints = np.where(seen[..., None], table[..., :2] * scale - 0.5, np.nan)
    boxes = np.concatenate([middle - sides / 2, middle + sides / 2], axis=1) - 0.5
    return PhotoLabels(
        number, path, keypoints, boxes, np.zeros((0, 4)), np.ones(joints, bool), split=split, size=size,
    )  # fmt: skip


def _label_file(path: Path) -> Path:
    parts = list(path.parts)
    for index in range(len(parts) - 2, -1, -1):
        if parts[index] == "images":
            parts[index] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _rows(file: Path, joints: int, numbers: int) -> FloatArray:
    """(N, 5 + joints * numbers) what the lines say; none without a file."""
    width = 5 + joints * numbers
    if not file.is_file():
        return np.zeros((0, width))
    rows = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values = [float(value) for value in line.split()]
        except ValueError as error:
            raise ValueError(f"labels must be numbers but line {number} of {file} has {error}") from error
        if len(values) != width or not np.isfinite(values).all():
            raise ValueError(
                f"labels must have {width} finite numbers a line, for {joints} joints, but line {number} of {file} "
                f"has {len(values)}"
            )
        rows.append(values)
    return np.array(rows, np.float64).reshape(-1, width)
