"""Crops: photos in memory on one side, batches of images and target fields on the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

from bottomup.datasets import Photo, read_coco, read_plain, validation_ids
from bottomup.fields import LIMB_WIDTH, SIGMA, cell_centres, draw_heatmaps, draw_pafs
from bottomup.skeleton import Skeleton
from bottomup.training import augment
from bottomup.training.config import Source, TrainConfig
from bottomup.training.teacher import Teacher, TeacherMaps

Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]
# The longest side in pixels to which a photo is enlarged for its person's sake.
_LONGEST = 640


@dataclass(frozen=True)
class Example:
    """A photo in memory: (H, W, 3) uint8 BGR, its labels, its teacher's maps, the scale that counts as 1."""

    image: npt.NDArray[np.uint8]
    photo: Photo
    maps: Sequence[TeacherMaps]
    unit: float


def read_source(source: Source, root: Path, skeleton: Skeleton) -> tuple[list[Photo], list[Photo]]:
    """The photos of a source for training, and those that it holds out."""
    folder = root / source.folder
    if not (folder / "annotations.json").is_file():
        plain = read_plain(folder, skeleton)
        return plain[source.held_out :], plain[: source.held_out]
    photos = read_coco(folder, skeleton, skip_joints=source.skip_joints)
    held = (
        validation_ids(photos, split=source.held_out_split, count=source.held_out) if source.held_out else frozenset()
    )
    return [p for p in photos if p.id not in held], [p for p in photos if p.id in held]


def load_examples(source: Source, photos: Sequence[Photo], teacher: Teacher | None, cache: Path) -> list[Example]:
    """Read a source's photos into memory and let the teacher look at those it has not seen yet."""
    examples = []
    for photo in photos:
        decoded = cv2.imread(str(photo.path), cv2.IMREAD_COLOR)
        if decoded is None:
            raise ValueError(f"source {source.folder} must hold readable photos but {photo.path} is none")
        image: npt.NDArray[np.uint8] = decoded.astype(np.uint8, copy=False)
        unit = _unit(photo, image.shape[:2], source.person_size)
        maps: list[TeacherMaps] = []
        if teacher is not None and source.teacher_scales:
            kept = cache / re.sub(r"\W+", "-", source.folder).strip("-") / f"{photo.id}.npz"
            maps = teacher.maps(image, [unit * scale for scale in source.teacher_scales], kept)
        examples.append(Example(image, photo, maps, unit))
    return examples


def _unit(photo: Photo, shape: tuple[int, ...], person_size: float) -> float:
    if not person_size or not photo.visible.any():
        return 1.0
    extents = [np.ptp(person[seen], axis=0).max() for person, seen in zip(photo.keypoints, photo.visible, strict=True)]
    wanted = float(np.clip(person_size / max(float(np.median(extents)), 1.0), 0.5, 3.0))
    return min(wanted, _LONGEST / max(shape))


class CropMaker(Dataset[Batch]):
    """Makes whole batches. A crop depends on the seed and its own number only, so a run can stop and go on.

    An item is asked for by (number of the first crop, how many, size) and is images (B, 3, S, S) uint8 RGB,
    heatmaps (B, K, h, w) and pafs (B, 2L, h, w) float32, and weights (B, 1, h, w) float32, 0 where nobody knows.
    """

    def __init__(
        self, config: TrainConfig, skeleton: Skeleton, sets: Sequence[tuple[Source, Sequence[Example]]]
    ) -> None:
        self._config, self._skeleton, self._sets = config, skeleton, sets
        shares = np.array([source.weight for source, _ in sets], np.float64)
        self._shares = shares / shares.sum()

    def __getitem__(self, item: tuple[int, int, int]) -> Batch:
        first, count, size = item
        crops = [self.crop(number, size) for number in range(first, first + count)]
        images, heatmaps, pafs, weights = (torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))
        return images, heatmaps, pafs, weights

    def crop(self, number: int, size: int) -> tuple[npt.NDArray[np.uint8], *tuple[npt.NDArray[np.float32], ...]]:
        rng = np.random.default_rng([self._config.seed, number])
        source, examples = self._sets[rng.choice(len(self._sets), p=self._shares)]
        example = examples[int(rng.integers(len(examples)))]
        matrix = self._random_matrix(source, example, size, rng)
        image = augment.jitter_colours(augment.warp_photo(example.image, matrix, size), rng, self._config.colour)
        fields = self.target(source, example, matrix, size)
        return np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1)), *fields

    def _random_matrix(self, source: Source, example: Example, size: int, rng: np.random.Generator) -> augment.Matrix:
        scale = example.unit * float(np.exp(rng.uniform(*np.log(source.scale))))
        people, joints = np.nonzero(example.photo.visible)
        if len(people) and rng.random() < 0.85:
            chosen = int(rng.integers(len(people)))
            centre = example.photo.keypoints[people[chosen], joints[chosen]] + rng.normal(0, 0.12 * size / scale, 2)
        else:
            centre = rng.uniform(0, 1, 2) * example.image.shape[1::-1]
        # Nothing is learnt beyond the photo's edge, so most of the crop lies within it.
        sides, inner = np.array(example.image.shape[1::-1]), 0.38 * size / scale
        centre = np.where(sides > 2 * inner, np.clip(centre, inner, np.maximum(sides - inner, inner)), sides / 2)
        degrees = float(np.clip(rng.normal(0, 0.5), -1, 1)) * self._config.rotation
        return augment.crop_matrix(centre, scale, degrees, bool(rng.random() < self._config.flip), size)

    def target(
        self, source: Source, example: Example, matrix: augment.Matrix, size: int
    ) -> tuple[npt.NDArray[np.float32], ...]:
        """What the network should see in a crop: labels where there are some, the teacher elsewhere.

        Near a labelled joint the label replaces the teacher (by `label_trust`), so that a peak that the teacher has
        a little beside the joint does not stay as a second one.
        """
        stride, skeleton = self._config.network.stride, self._skeleton
        points = augment.warp_keypoints(example.photo.keypoints, matrix, skeleton)
        seen = np.isfinite(points[..., 0])
        margin = 2 * LIMB_WIDTH
        inside = np.all((points > -margin) & (points < size + margin), axis=2).any(axis=1)
        points, seen = points[inside], seen[inside]
        centres = cell_centres(size // stride, stride)
        heat = draw_heatmaps(points, seen, centres, centres, SIGMA)
        pafs, limbs = draw_pafs(points, seen, skeleton, centres, centres, LIMB_WIDTH)
        weight = np.ones((1, len(centres), len(centres)), np.float32)
        if example.maps:
            scale = np.sqrt(abs(np.linalg.det(matrix[:2, :2])))
            maps = min(example.maps, key=lambda one: abs(np.log(one.scale / scale)))
            soft_heat, soft_pafs = augment.warp_teacher(maps, matrix, size, stride, skeleton)
            # The fourth root of a Gaussian is one twice as wide: all label within 2.7 sigma, then a soft edge.
            near = source.label_trust * np.minimum(2.5 * heat**0.25, 1)
            over = source.label_trust * np.repeat(limbs > 0, 2, axis=0)
            heat = soft_heat + near * (heat - soft_heat)
            pafs = soft_pafs + over.astype(np.float32) * (pafs - soft_pafs)
        elif len(example.photo.ignore):
            corners = (augment.warp_boxes(example.photo.ignore, matrix) + 0.5) / stride - 0.5
            for quadrangle in corners:
                cv2.fillConvexPoly(weight[0], np.rint(quadrangle).astype(np.int32), 0.0)
        return heat.astype(np.float32), pafs.astype(np.float32), weight


class BatchNumbers(Sampler[tuple[int, int, int]]):
    """Asks a `CropMaker` for the batches from step `first` on, without end, each in the size `crop_size(step)`.

    Of `world` processes, each asks for its own part of every batch.
    """

    def __init__(self, first: int, batch: int, crop_size: Callable[[int], int], rank: int = 0, world: int = 1) -> None:
        self._first, self._batch, self._crop_size = first, batch, crop_size
        self._part, self._offset = batch // world, rank * (batch // world)

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        step = self._first
        while True:
            yield step * self._batch + self._offset, self._part, self._crop_size(step)
            step += 1
