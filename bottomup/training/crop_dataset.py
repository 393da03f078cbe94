"""Crops: photos in memory on one side, batches of images and target fields on the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset, Sampler

from bottomup.datasets import PhotoLabels
from bottomup.fields import LIMB_WIDTH, SIGMA, cell_centres, draw_heatmaps, draw_pafs
from bottomup.skeleton import Skeleton
from bottomup.training import augment
from bottomup.training.config import TrainConfig
from bottomup.training.copy_paste import find_donors, half_body, person_mask, place_donor
from bottomup.training.examples import Example
from bottomup.training.source import Source

# Images (B, 3, S, S) uint8 RGB, then what their loss compares the network's answer with.
Batch = tuple[torch.Tensor, ...]
FloatArray = npt.NDArray[np.float32]
View = tuple[npt.NDArray[np.uint8], tuple[FloatArray, ...]]  # a crop (S, S, 3) BGR, and its target


class BatchMaker(Dataset[Batch]):
    """Makes whole batches, asked for by (number of the first crop, how many, size)."""

    def __getitem__(self, item: tuple[int, int, int]) -> Batch:
        first, count, size = item
        crops = [self.crop(number, size) for number in range(first, first + count)]
        return tuple(torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True))

    def crop(self, number: int, size: int) -> tuple[npt.NDArray[np.uint8], *tuple[FloatArray, ...]]:
        """One crop's part of a batch. It depends on the seed and its own number only, so a run can stop and go on."""
        raise NotImplementedError


class CropMaker(BatchMaker):
    """Makes crops of photos with everybody in them.

    A batch is images (B, 3, S, S) uint8 RGB; heatmaps (B, K, h, w); pafs (B, 2L, h, w); weights (B, 1, h, w), 0 where
    nothing is known, 1 where people labelled; (B, K + 2L) 0 for channels of which nothing is known. All but the images
    are float32.
    """

    def __init__(
        self, config: TrainConfig, skeleton: Skeleton, sets: Sequence[tuple[Source, Sequence[Example]]]
    ) -> None:
        self._config, self._skeleton, self._sets = config, skeleton, sets
        shares = np.array([source.weight for source, _ in sets], np.float64)
        self._shares = shares / shares.sum()
        self._donors = find_donors(sets) if config.crowd else []

    def crop(self, number: int, size: int) -> tuple[npt.NDArray[np.uint8], *tuple[FloatArray, ...]]:
        """See `BatchMaker.crop`."""
        rng = np.random.default_rng([self._config.seed, number])
        view = self._view(size, rng)
        if self._config.cutmix and rng.random() < self._config.cutmix:
            view = self._view(size, rng, behind=view)
        if self._donors and rng.random() < self._config.crowd:
            view = self._crowd(view, rng)
        image, fields = view
        return finish(image, self._config, rng), *fields

    def _view(self, size: int, rng: np.random.Generator, behind: View | None = None) -> View:
        """A part of some photo; what is `behind` it shows beyond its edge and in a rectangle."""
        source, examples = self._sets[rng.choice(len(self._sets), p=self._shares)]
        example = examples[int(rng.integers(len(examples)))]
        matrix = self._random_matrix(source, example, size, rng)
        view = augment.warp_photo(example.image, matrix, size), self.target(source, example, matrix, size)
        if behind is None:
            return view
        cover = augment.warp_extent(example.size, matrix, size)
        cover[augment.random_rectangle(size, rng)] = 0
        return overlay(behind, view, cover)

    def _random_matrix(self, source: Source, example: Example, size: int, rng: np.random.Generator) -> augment.Matrix:
        degrees = augment.random_degrees(self._config.rotation, self._config.rotation_kind, rng)
        mirror = bool(rng.random() < self._config.flip)
        half = None
        if self._config.half_body and rng.random() < self._config.half_body:
            half = half_body(example.photo, self._skeleton, rng)
        if half is None:
            centre, scale = self._random_part(source, example, size, rng)
        else:
            centre, extent = half
            smallest, largest = example.unit * np.array(source.scale) * (1.0, 1.5)
            scale = float(np.clip(rng.uniform(0.5, 0.8) * size / max(extent, 1.0), smallest, largest))
        return augment.crop_matrix(centre, scale, degrees, mirror, size)

    def _random_part(
        self, source: Source, example: Example, size: int, rng: np.random.Generator
    ) -> tuple[npt.NDArray[np.float64], float]:
        """The middle of a crop in photo pixels, mostly near somebody's joint, and its scale."""
        scale = example.unit * float(np.exp(rng.uniform(*np.log(source.scale))))
        people, joints = np.nonzero(example.photo.visible)
        if len(people) and rng.random() < 0.85:
            chosen = int(rng.integers(len(people)))
            centre = example.photo.keypoints[people[chosen], joints[chosen]] + rng.normal(0, 0.12 * size / scale, 2)
        else:
            centre = rng.uniform(0, 1, 2) * example.size[::-1]
        # Nothing is learnt beyond the photo's edge, so most of the crop lies within it.
        sides, inner = np.array(example.size[::-1]), 0.38 * size / scale
        within = np.clip(centre, inner, np.maximum(sides - inner, inner))
        return np.where(sides > 2 * inner, within, sides / 2), scale

    def _crowd(self, view: View, rng: np.random.Generator) -> View:
        """Another photo's person in front: what is hidden is not asked for."""
        donor = self._donors[int(rng.integers(len(self._donors)))]
        size = view[0].shape[0]
        matrix = place_donor(donor, size, rng)
        points = augment.warp_keypoints(donor.example.photo.keypoints[[donor.person]], matrix, self._skeleton)[0]
        photo = augment.warp_photo(donor.example.image, matrix, size)
        theirs = self.target(donor.source, donor.example, matrix, size)
        return overlay(view, (photo, theirs), person_mask(points, self._skeleton, size))

    def target(self, source: Source, example: Example, matrix: augment.Matrix, size: int) -> tuple[FloatArray, ...]:
        """What the network should see in a crop: labels where there are some, the teacher elsewhere.

        Near a labelled joint the label replaces the teacher (by `label_trust`), so that a peak that the teacher has
        a little beside the joint does not stay as a second one.

        Returns heatmaps, pafs, weights and which channels are known, as in a batch.
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
        known = np.ones(skeleton.num_joints, bool)
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
        else:
            known = example.photo.known
            _mark_unknown(weight[0], example.photo, matrix, stride)
        channels = np.concatenate([known, known[skeleton.limb_array].all(axis=1).repeat(2)])
        return heat.astype(np.float32), pafs.astype(np.float32), weight, channels.astype(np.float32)


def overlay(below: View, above: View, cover: FloatArray) -> View:
    """Picture and fields of `below`, covered alike by those of `above` where `cover` (S, S) is 1."""
    image, fields = below
    mixed = image + cover[..., None] * (above[0].astype(np.float32) - image)
    over = cv2.resize(cover, fields[0].shape[1:], interpolation=cv2.INTER_AREA)
    *maps, known = zip(fields, above[1], strict=True)
    covered = [np.asarray(own + over * (their - own), np.float32) for own, their in maps]
    return np.rint(mixed).astype(np.uint8), (*covered, np.minimum(*known))


def finish(image: npt.NDArray[np.uint8], config: TrainConfig, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A crop (S, S, 3) BGR as another camera would have stored it, as (3, S, S) RGB."""
    image = augment.jitter_colours(image, rng, config.colour)
    if config.jpeg and rng.random() < config.jpeg:
        image = augment.compress(image, rng)
    return np.ascontiguousarray(image[:, :, ::-1].transpose(2, 0, 1))


def _mark_unknown(weight: FloatArray, photo: PhotoLabels, matrix: augment.Matrix, stride: int) -> None:
    """Set the (h, w) weight to 0 where people are, or may be, whose joints are not labelled, and to their trust where
    they are labelled by a network."""

    def fill(boxes: FloatArray, value: float) -> None:
        for quadrangle in (augment.warp_boxes(boxes, matrix) + 0.5) / stride - 0.5:
            cv2.fillConvexPoly(weight, np.rint(quadrangle).astype(np.int32), value)

    if photo.bystanders:
        weight[:] = 0.0
        fill(photo.boxes, 1.0)
    if (photo.trust < 1).any():
        for person in np.argsort(photo.trust):  # where people overlap, the surest one counts
            fill(photo.boxes[[person]], float(photo.trust[person]))
    fill(photo.ignore, 0.0)


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
