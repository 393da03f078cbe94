"""Ids of the people in the frames of one camera."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bottomup.people import People

_LEAST_OVERLAP = 0.2  # of two boxes (intersection over union) that may be one person's
_KEPT_FRAMES = 15  # that somebody may be out of sight and keep the id


class Identities:
    """Who is who from frame to frame, by the overlap of boxes: one optimal assignment per frame."""

    def __init__(self) -> None:
        self._boxes = np.zeros((0, 4))
        self._ids: list[int] = []
        self._age: list[int] = []
        self._next = 1

    def update(self, people: People, _size: tuple[int, int]) -> list[int]:
        """The ids of the people of the next frame, in their order."""
        boxes = people.boxes.astype(np.float64)
        overlap = _overlaps(boxes, self._boxes)
        ids = [0] * len(people)
        seen = set()
        for person, known in zip(*linear_sum_assignment(-overlap), strict=True):
            if overlap[person, known] >= _LEAST_OVERLAP:
                ids[person] = self._ids[known]
                seen.add(int(known))
        for person, identity in enumerate(ids):
            if not identity:
                ids[person], self._next = self._next, self._next + 1
        kept = [k for k, age in enumerate(self._age) if k not in seen and age < _KEPT_FRAMES]
        self._boxes = np.concatenate([boxes, self._boxes[kept]])
        self._age = [0] * len(ids) + [self._age[k] + 1 for k in kept]
        self._ids = ids + [self._ids[k] for k in kept]
        return ids


def _overlaps(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(N, M) intersection over union of boxes xyxy."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = [np.maximum(boxes[:, 2:] - boxes[:, :2], 1).prod(axis=1) for boxes in (a, b)]
    return np.asarray(shared / (areas[0][:, None] + areas[1][None] - shared).clip(1e-9), np.float64)
