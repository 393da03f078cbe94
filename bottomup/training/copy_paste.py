"""Choosing parts of people for a crop: half of one, or one that is cut out to stand in front of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.datasets import PhotoLabels
from bottomup.skeleton import Skeleton
from bottomup.training import augment
from bottomup.training.examples import Example
from bottomup.training.source import Source

_ENOUGH = 8  # joints that a person must have to be cut out; to be halved, more (HRNet's published code)
_HALF = 3  # joints that half a body must have
_LEGS = ("hip", "knee", "ankle", "toe", "heel", "foot")
# Shares of a person's extent (the longer side of the joints' box): half the width of a limb with clothes, and a head's
# radius. A standing person is about 7.5 heads tall.
_LIMB_RADIUS, _HEAD_RADIUS = 0.045, 0.09


@dataclass(frozen=True)
class Donor:
    """A person who can be cut out of a photo."""

    source: Source
    example: Example
    person: int


def find_donors(sets: Sequence[tuple[Source, Sequence[Example]]]) -> list[Donor]:
    """The people with enough labelled joints."""
    return [
        Donor(source, example, int(person))
        for source, examples in sets
        for example in examples
        for person in np.flatnonzero(example.photo.visible.sum(axis=1) >= _ENOUGH)
    ]


def place_donor(donor: Donor, size: int, rng: np.random.Generator) -> augment.Matrix:
    """Somewhere in a crop, a quarter to three quarters of its size, upright, sometimes mirrored."""
    points = donor.example.photo.keypoints[donor.person]
    seen = points[donor.example.photo.visible[donor.person]]
    low, high = seen.min(axis=0), seen.max(axis=0)
    wanted = float(rng.uniform(0.25, 0.75)) * size
    # Enlarging makes a blur, by which a network would know the one in front.
    scale = min(wanted / max(float((high - low).max()), 1.0), 1.5 * donor.example.unit)
    matrix = augment.crop_matrix((low + high) / 2, scale, float(rng.normal(0, 8)), bool(rng.random() < 0.5), size)
    matrix[:2, 2] += rng.uniform(-0.35, 0.35, 2) * size
    return matrix


def person_mask(points: npt.NDArray[np.float64], skeleton: Skeleton, size: int) -> npt.NDArray[np.float32]:
    """(size, size) 0..1, soft at the edge: the hull of a pose, limbs with some width, trunk and head filled.

    points: (K, 2) crop pixels, NaN where a joint is not known.
    """
    seen = np.isfinite(points[:, 0])
    extent = float(np.ptp(points[seen], axis=0).max())
    mask = np.zeros((size, size), np.uint8)

    def named(*parts: str) -> npt.NDArray[np.float64]:
        chosen = [n for n, joint in enumerate(skeleton.joints) if seen[n] and joint.rpartition("_")[2] in parts]
        return points[chosen]

    width = max(1, round(2 * _LIMB_RADIUS * extent))
    for a, b in skeleton.limbs:
        if seen[a] and seen[b]:
            cv2.line(mask, _pixel(points[a]), _pixel(points[b]), 255, width)
    trunk = named("shoulder", "hip")
    if len(trunk) > 2:
        hull = cv2.convexHull(np.rint(trunk).astype(np.int32))
        cv2.fillConvexPoly(mask, hull, 255)
        cv2.polylines(mask, [hull], True, 255, width)
    head = named("nose", "eye", "ear")
    if len(head):
        cv2.circle(mask, _pixel(head.mean(axis=0)), max(1, round(_HEAD_RADIUS * extent)), 255, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.1 * width))
    return np.asarray(soft, np.float32) / np.float32(255)


def half_body(
    photo: PhotoLabels, skeleton: Skeleton, rng: np.random.Generator, people: Sequence[int] | None = None
) -> tuple[npt.NDArray[np.float64], float] | None:
    """Centre and extent, in photo pixels, of the upper or lower half of one person, of `people` or of all.

    Where the half that is drawn has too few joints it is the other one. None if no person has more than 8 joints.
    """
    enough = np.flatnonzero(photo.visible.sum(axis=1) > _ENOUGH)
    among = enough if people is None else enough[np.isin(enough, people)]
    if not len(among):
        return None
    person = int(among[int(rng.integers(len(among)))])
    legs = np.array([joint.rpartition("_")[2] in _LEGS for joint in skeleton.joints])
    halves = [photo.visible[person] & part for part in (legs, ~legs)]
    first = int(rng.random() < 0.5)
    half = halves[first] if halves[first].sum() >= _HALF else halves[1 - first]
    points = photo.keypoints[person][half].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    return (low + high) / 2, float((high - low).max())


def _pixel(point: npt.NDArray[np.float64]) -> tuple[int, int]:
    x, y = np.clip(np.rint(point), -4096, 4096).astype(int)
    return int(x), int(y)
