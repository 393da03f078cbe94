"""The photos of a run in memory, with their labels and their teacher's maps."""

from __future__ import annotations

import dataclasses
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bottomup.datasets import PhotoLabels, read_folder, validation_ids
from bottomup.image import BgrImage, read_image
from bottomup.skeleton import Skeleton
from bottomup.training.pseudo_labels import add_pseudo_labels
from bottomup.training.source import Source
from bottomup.training.teacher import KeptMaps, Teacher, TeacherMaps

# The longest side in pixels to which a photo is enlarged for its person's sake.
_LONGEST = 640


@dataclass(frozen=True)
class Example:
    """A photo to make crops of, with its labels.

    photo: its labels.  maps: its teacher's.  unit: the scale that counts as 1.  size: height and width in pixels.
    kept: the photo (H, W, 3) uint8 BGR if it stays in memory.
    """

    photo: PhotoLabels
    maps: Sequence[TeacherMaps]
    unit: float
    size: tuple[int, int]
    kept: BgrImage | None = None

    @property
    def image(self) -> BgrImage:
        """(H, W, 3) uint8 BGR: the one in memory, or read anew. ValueError if the file cannot be read any more."""
        return read_image(self.photo.path) if self.kept is None else self.kept


def read_source(source: Source, root: Path, skeleton: Skeleton) -> tuple[list[PhotoLabels], list[PhotoLabels]]:
    """The photos of a source for training, and those that it holds out."""
    folder, joints = root / source.folder, source.skip_joints
    photos = read_folder(folder, skeleton, skip_joints=joints, labels=source.labels, images=source.images)
    if source.pseudo_labels:
        found = read_folder(folder, skeleton, skip_joints=joints, labels=source.pseudo_labels, images=source.images)
        photos = add_pseudo_labels(photos, found)
    if source.bystanders:
        photos = [dataclasses.replace(photo, bystanders=True) for photo in photos]
    held = validation_ids(photos, split=source.held_out_split, count=source.held_out)
    if source.held_out_share:
        # By a hash of their names, so that a photo stays where it is when others are added.
        order = sorted(photos, key=lambda photo: zlib.crc32(photo.path.name.encode(errors="surrogateescape")))
        held |= {photo.id for photo in order[: max(1, round(source.held_out_share * len(order)))]}
    return [p for p in photos if p.id not in held], [p for p in photos if p.id in held]


def load_examples(
    source: Source,
    photos: Sequence[PhotoLabels],
    teacher: Teacher | KeptMaps | None,
    cache: Path,
    *,
    keep: bool = True,
) -> list[Example]:
    """Read a source's photos into memory and let the teacher look at those it has not seen yet.

    keep: where it is False, photos whose size the labels tell are read when a crop of them is made, each time.
    """
    examples = []
    for photo in photos:
        if not photo.path.is_file():
            raise FileNotFoundError(
                f"source {source.folder} must hold the photos of its labels but there is no {photo.path} (`images` is "
                "their folder)"
            )
        if not keep and teacher is None and photo.size is not None:
            size = photo.size[1], photo.size[0]
            examples.append(Example(photo, [], _unit(photo, size, source.person_size), size))
            continue
        try:
            image = read_image(photo.path)
        except ValueError as error:
            raise ValueError(f"source {source.folder} must hold readable photos: {error}") from error
        size = image.shape[0], image.shape[1]
        unit = _unit(photo, size, source.person_size)
        maps: list[TeacherMaps] = []
        if teacher is not None and source.teacher_scales:
            kept = cache / re.sub(r"\W+", "-", source.folder).strip("-") / f"{photo.id}.npz"
            maps = teacher.maps(image, [unit * scale for scale in source.teacher_scales], kept)
        examples.append(Example(photo, maps, unit, size, image if keep else None))
    return examples


def _unit(photo: PhotoLabels, shape: tuple[int, ...], person_size: float) -> float:
    if not person_size or not photo.visible.any():
        return 1 / photo.shrunk
    extents = [np.ptp(person[seen], axis=0).max() for person, seen in zip(photo.keypoints, photo.visible, strict=True)]
    wanted = float(np.clip(person_size / max(float(np.median(extents)) / photo.shrunk, 1.0), 0.5, 3.0)) / photo.shrunk
    return min(wanted, _LONGEST / max(shape))
