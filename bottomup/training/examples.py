"""The photos of a run in memory, with their labels and their teacher's maps."""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.datasets import PhotoLabels, read_folder, validation_ids
from bottomup.image import read_image
from bottomup.skeleton import Skeleton
from bottomup.training.source import Source
from bottomup.training.teacher import KeptMaps, Teacher, TeacherMaps

# The longest side in pixels to which a photo is enlarged for its person's sake.
_LONGEST = 640


@dataclass(frozen=True)
class Example:
    """A photo in memory: (H, W, 3) uint8 BGR, its labels, its teacher's maps, the scale that counts as 1."""

    image: npt.NDArray[np.uint8]
    photo: PhotoLabels
    maps: Sequence[TeacherMaps]
    unit: float


def read_source(source: Source, root: Path, skeleton: Skeleton) -> tuple[list[PhotoLabels], list[PhotoLabels]]:
    """The photos of a source for training, and those that it holds out."""
    photos = read_folder(
        root / source.folder, skeleton, skip_joints=source.skip_joints, labels=source.labels, images=source.images
    )
    if source.bystanders:
        photos = [dataclasses.replace(photo, bystanders=True) for photo in photos]
    held = validation_ids(photos, split=source.held_out_split, count=source.held_out)
    if source.held_out_share:
        # By a hash of their names, so that a photo stays where it is when others are added.
        order = sorted(photos, key=lambda photo: zlib.crc32(photo.path.name.encode(errors="surrogateescape")))
        held |= {photo.id for photo in order[: max(1, round(source.held_out_share * len(order)))]}
    return [p for p in photos if p.id not in held], [p for p in photos if p.id in held]


def load_examples(
    source: Source, photos: Sequence[PhotoLabels], teacher: Teacher | KeptMaps | None, cache: Path
) -> list[Example]:
    """Read a source's photos into memory and let the teacher look at those it has not seen yet."""
    examples = []
    for photo in photos:
        if not photo.path.is_file():
            raise FileNotFoundError(
                f"source {source.folder} must hold the photos of its labels but there is no {photo.path} (`images` is "
                "their folder)"
            )
        try:
            image = read_image(photo.path)
        except ValueError as error:
            raise ValueError(f"source {source.folder} must hold readable photos: {error}") from error
        unit = _unit(photo, image.shape[:2], source.person_size)
        maps: list[TeacherMaps] = []
        if teacher is not None and source.teacher_scales:
            kept = cache / re.sub(r"\W+", "-", source.folder).strip("-") / f"{photo.id}.npz"
            maps = teacher.maps(image, [unit * scale for scale in source.teacher_scales], kept)
        examples.append(Example(image, photo, maps, unit))
    return examples


def _unit(photo: PhotoLabels, shape: tuple[int, ...], person_size: float) -> float:
    if not person_size or not photo.visible.any():
        return 1 / photo.shrunk
    extents = [np.ptp(person[seen], axis=0).max() for person, seen in zip(photo.keypoints, photo.visible, strict=True)]
    wanted = float(np.clip(person_size / max(float(np.median(extents)) / photo.shrunk, 1.0), 0.5, 3.0)) / photo.shrunk
    return min(wanted, _LONGEST / max(shape))
