"""Crops around one person each, for a network that is told where people are (`mode = "crops"`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.crop_geometry import CROP_MARGIN
from bottomup.fields import SIGMA, cell_centres, draw_heatmaps
from bottomup.skeleton import Skeleton
from bottomup.training import augment
from bottomup.training.config import TrainConfig
from bottomup.training.copy_paste import half_body
from bottomup.training.crop_dataset import BatchMaker, FloatArray, finish
from bottomup.training.crop_teacher import CropTeacher
from bottomup.training.examples import Example
from bottomup.training.source import Source

# Boxes of detectors are some larger or smaller than labels', and beside them by a share of their side. The sizes are
# HRNet's (Sun et al., CVPR 2019, sec. 4.1): 0.65 to 1.35 of the box.
_SPREAD, _SHIFT = 0.35, 0.1
_HALF_MARGIN = 1.5  # of a crop around half a body
# Where there is no person: a box's height as a share of the photo's, and its width as a share of its height.
_EMPTY_HEIGHTS, _EMPTY_ASPECTS = (0.1, 1.0), (0.3, 1.0)
_NONE = -1  # the number of the person in a crop without one


class PersonCropMaker(BatchMaker):
    """Makes crops around one person each, and of photos without people, somewhere in them.

    A batch is images (B, 3, H, W) uint8 RGB; heatmaps (B, K, h, w) of the person's joints and, at `interference` times
    their height, of others', with the recipe's `teacher` where no label is near; cells (B, K, 2) x and y of the
    person's joints; (B, K) 1 where such a joint is labelled and in the crop; (B, K) 1 where something is known of it,
    as of joints that are labelled outside of the crop, where the heatmap is empty: of the others nothing is learnt.
    Both are the person's trust instead of 1 where a network labelled. All but the images are float32.

    Of a source without any person or region to ignore every joint is known to be nowhere: a network that never sees
    such crops finds a person in each, also where its detector was wrong.

    Raises ValueError if no person in `sets` has a labelled joint.
    """

    def __init__(
        self, config: TrainConfig, skeleton: Skeleton, sets: Sequence[tuple[Source, Sequence[Example]]]
    ) -> None:
        self._config, self._skeleton = config, skeleton
        self._sets: list[list[tuple[Example, int]]] = []
        weights, some = [], False
        for source, examples in sets:
            people = [(one, int(n)) for one in examples for n in np.flatnonzero(one.photo.visible.any(axis=1))]
            some |= bool(people)
            if not any(len(one.photo.boxes) or len(one.photo.ignore) for one in examples):
                people = [(one, _NONE) for one in examples]
            if people:
                self._sets.append(people)
                weights.append(source.weight)
        if not some:
            raise ValueError("sources must hold people with labelled joints, to crop them, but hold none")
        self._shares = np.array(weights) / sum(weights)
        self._teacher = CropTeacher(Path(config.data) / config.teacher, skeleton) if config.teacher else None

    def crop(self, number: int, size: int) -> tuple[npt.NDArray[np.uint8], *tuple[FloatArray, ...]]:
        """See `BatchMaker.crop`."""
        rng = np.random.default_rng([self._config.seed, number])
        people = self._sets[rng.choice(len(self._sets), p=self._shares)]
        example, person = people[int(rng.integers(len(people)))]
        shape = self._config.crop_shape(size)
        matrix = self._random_matrix(example, person, shape, rng)
        image = augment.warp_photo(example.image, matrix, shape)
        heat, cells, seen, labelled = self.target(example, person, matrix, shape)
        if self._teacher is not None:
            soft = self._teacher.heatmaps(image, self._config.network.stride)
            # Near a label it counts alone; elsewhere the teacher, who also knows the joints that are not labelled. The
            # fourth root of a Gaussian is one twice as wide: all label within 2.7 sigma, then a soft edge.
            near = np.minimum(2.5 * heat**0.25, 1) * labelled[:, None, None]
            heat, labelled = soft + near * (heat - soft), np.ones_like(labelled)
        return finish(image, self._config, rng), heat, cells, seen, labelled

    def _random_matrix(
        self, example: Example, person: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> augment.Matrix:
        config, (height, width) = self._config, shape
        box = example.photo.boxes[person].astype(np.float64) if person != _NONE else _random_box(example.size, rng)
        x0, y0, x1, y1 = augment.pgpg(box, rng) if config.crop_jitter and config.jitter_kind == "pgpg" else box
        # The height of the smallest box of the crop's shape around it.
        centre, side = np.array([x0 + x1, y0 + y1]) / 2, max((x1 - x0) * height / width, y1 - y0, 1.0)
        if person != _NONE and config.half_body and rng.random() < config.half_body:
            half = half_body(example.photo, self._skeleton, rng, [person])
            if half is not None:
                centre, side = half[0], max(half[1], 1.0) * _HALF_MARGIN / CROP_MARGIN
        scale = height / (CROP_MARGIN * side)
        if config.crop_jitter and config.jitter_kind == "uniform":
            scale /= float(np.clip(rng.normal(1, _SPREAD), 1 - _SPREAD, 1 + _SPREAD))
            centre = centre + rng.uniform(-_SHIFT, _SHIFT, 2) * side
        degrees = augment.random_degrees(config.rotation, config.rotation_kind, rng)
        return augment.crop_matrix(centre, scale, degrees, bool(rng.random() < config.flip), shape)

    def target(
        self, example: Example, person: int, matrix: augment.Matrix, size: int | tuple[int, int]
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Heatmaps, cells, which of them are labelled and in the crop, and which are labelled, as in a batch.

        `size` is height and width of the crop, or the side of a square one; `person` is -1 where there is none.

        The heatmaps are the joint-candidate target of Li et al., CVPR 2019, eq. 1: T + mu C, with the person's own
        joints in T and the interference joints, those of others in the crop, in C. Where both are, the own one counts.
        """
        stride = self._config.network.stride
        points = augment.warp_keypoints(example.photo.keypoints, matrix, self._skeleton)
        height, width = (size, size) if isinstance(size, int) else size
        if person == _NONE:
            joints = self._skeleton.num_joints
            empty = np.zeros((joints, height // stride, width // stride), np.float32)
            return empty, np.zeros((joints, 2), np.float32), np.zeros(joints, np.float32), np.ones(joints, np.float32)
        inside = np.asarray(((points > -0.5) & (points < np.array([width, height]) - 0.5)).all(axis=2))
        xs, ys = cell_centres(width // stride, stride), cell_centres(height // stride, stride)
        others = np.arange(len(points)) != person
        heat = draw_heatmaps(points[[person]], inside[[person]], xs, ys, SIGMA)
        if self._config.interference and others.any():
            theirs = draw_heatmaps(points[others], inside[others], xs, ys, SIGMA)
            heat = np.maximum(heat, self._config.interference * theirs)
        seen = inside[person]
        cells = np.where(seen[:, None], (points[person] + 0.5) / stride - 0.5, 0.0)
        trust = np.float32(example.photo.trust[person])
        return (
            heat.astype(np.float32),
            cells.astype(np.float32),
            trust * seen.astype(np.float32),
            trust * np.isfinite(points[person, :, 0]).astype(np.float32),
        )


def _random_box(size: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A box of a person's shape, x0, y0, x1, y1, in a photo of that height and width."""
    tall = size[0] * float(np.exp(rng.uniform(*np.log(_EMPTY_HEIGHTS))))
    sides = np.array([min(tall * float(rng.uniform(*_EMPTY_ASPECTS)), size[1]), tall])
    start = rng.uniform(0, 1, 2) * (np.array(size[::-1]) - sides)
    return np.concatenate([start, start + sides])
