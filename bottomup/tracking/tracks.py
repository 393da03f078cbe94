"""The people that a tracker knows, as arrays with a row for each: where they are, how they move, how they look."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_AREA_OF_DIAGONAL = 0.2  # area of a person's box over the square of its diagonal; the same however it lies or stands
_PERSON_PERSISTS = 0.5  # seconds; a person's velocity fades so fast once nothing confirms it
_JOINT_PERSISTS = 0.1  # a joint's velocity against the person's: limbs swing back
_TREND = 0.12  # seconds over which velocities are averaged
_NEWS = 0.1  # share of the latest frame in running means of lengths and colours
_GROWTH = 1.0  # seconds over which a size follows one that is smaller, as when the legs are hidden


@dataclass
class Tracks:
    """T people of K joints, L limbs and H past poses, in image pixels and seconds.

    Places are (..., 2, K), all x and then all y, since NumPy is slow along a last axis of two.

    ids: (T,) given names; -1 for a person who has none yet.
    born, seen: (T,) time of the first and of the last sight.
    sights: (T,) how often seen.
    places: (T, 2, K) each joint where it is now as far as known; NaN if never seen.
    anchors: (T, 2, K) where each joint was last seen, moved only as what stands still has moved since.
    joint_seen: (T, K) time at which a joint was last seen, -inf for never.
    swing: (T, 2, K) velocity of each joint against the person, pixels a second.
    drift: (T, 2) velocity of the person.
    sizes: (T,) body sizes, pixels.
    past: (T, H, 2, K) the last poses, latest first, carried to now; NaN where a joint was not seen.
    lengths: (T, L) mean logarithm of each limb's length in body sizes, NaN if never seen.
    colors: (T, L, 3) mean colour along each limb, NaN if never seen.
    """

    ids: Ints
    born: Doubles
    seen: Doubles
    sights: Ints
    places: Floats
    anchors: Floats
    joint_seen: Doubles
    swing: Floats
    drift: Floats
    sizes: Floats
    past: Floats
    lengths: Floats
    colors: Floats

    @classmethod
    def empty(cls, skeleton: Skeleton, history: int) -> Tracks:
        """Tracks of nothing."""
        return cls._fresh(np.zeros((0, 2, skeleton.num_joints), np.float32), Looks.empty(skeleton), 0.0, history)

    @classmethod
    def _fresh(cls, points: Floats, looks: Looks, time: float, history: int) -> Tracks:
        count = len(points)
        past = np.full((count, history, *points.shape[1:]), np.nan, np.float32)
        past[:, 0] = points
        return cls(
            ids=np.full(count, -1),
            born=np.full(count, time),
            seen=np.full(count, time),
            sights=np.ones(count, np.int64),
            places=points.copy(),
            anchors=points.copy(),
            joint_seen=np.where(np.isfinite(points[:, 0]), time, -np.inf),
            swing=np.zeros_like(points),
            drift=np.zeros((count, 2), np.float32),
            sizes=looks.sizes,
            past=past,
            lengths=looks.lengths,
            colors=np.full((*looks.lengths.shape, 3), np.nan, np.float32) if looks.colors is None else looks.colors,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, which: Bools) -> None:
        """Forget all others, in place."""
        if which.all():
            return
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[which])

    def displacement(self, time: float, step: float) -> Floats:
        """(T, 2, K) pixels that the motion model moves each joint between `time - step` and `time`."""
        unseen = (time - step - self.seen).astype(np.float32)[:, None]
        person = self.drift * _coast(unseen, step, _PERSON_PERSISTS)
        moved: Floats = person[:, :, None] + self.swing * _coast(unseen, step, _JOINT_PERSISTS)[:, :, None]
        return moved

    def observe(self, rows: Ints, points: Floats, looks: Looks, time: float) -> None:
        """Take in what was seen of the tracks `rows`, none twice, at `time`: (M, 2, K), NaN for a missing joint."""
        places, anchors = self.places[rows], self.anchors[rows]
        found = np.isfinite(points[:, 0])
        known = found & np.isfinite(places[:, 0])
        self._learn_velocities(rows, points - anchors, known, time)
        # A joint that is hidden goes along with the others.
        shift = _middle(points - places, known)
        self.places[rows] = np.where(found[:, None], points, places + shift[:, :, None])
        self.anchors[rows] = np.where(found[:, None], points, anchors)
        self.joint_seen[rows] = np.where(found, time, self.joint_seen[rows])
        fade = np.exp(-(time - self.seen[rows]) / _GROWTH).astype(np.float32)
        self.sizes[rows] = np.maximum(looks.sizes, fade * self.sizes[rows] + (1 - fade) * looks.sizes)
        self.past[rows] = np.concatenate([points[:, None], self.past[rows, :-1]], axis=1)
        self.lengths[rows] = _blend(self.lengths[rows], looks.lengths)
        if looks.colors is not None:
            self.colors[rows] = _blend(self.colors[rows], looks.colors)
        self.seen[rows] = time
        self.sights[rows] += 1

    def _learn_velocities(self, rows: Ints, moved: Floats, known: Bools, time: float) -> None:
        """Learn from how far (M, 2, K) the `known` (M, K) joints have moved since each was last seen."""
        elapsed = np.where(known, np.clip(time - self.joint_seen[rows], 1e-6, 10.0), 10.0).astype(np.float32)
        velocity: Floats = (np.where(known[:, None], moved, 0) / elapsed[:, None]).astype(np.float32)
        share = ((1 - np.exp(-elapsed / _TREND)) * known).astype(np.float32)
        gain = share.sum(axis=1)[:, None] / np.maximum(known.sum(axis=1), 1)[:, None]
        drift = self.drift[rows] + gain * (_middle(velocity, known) - self.drift[rows])
        swing = self.swing[rows]
        self.swing[rows] = swing + share[:, None] * (velocity - drift[:, :, None] - swing)
        self.drift[rows] = drift

    def add(self, points: Floats, looks: Looks, time: float) -> None:
        """New tracks of (M, 2, K) places, without ids."""
        fresh = self._fresh(points, looks, time, self.past.shape[1])
        for field in fields(self):
            setattr(self, field.name, np.concatenate([getattr(self, field.name), getattr(fresh, field.name)]))


@dataclass
class Looks:
    """What tells M people apart beside where they are.

    sizes: (M,) body sizes, pixels.
    lengths: (M, L) logarithms of the limbs' lengths in body sizes, NaN where an end is missing.
    colors: (M, L, 3) colours along the limbs, NaN where an end is missing; None without a picture.
    """

    sizes: Floats
    lengths: Floats
    colors: Floats | None

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Looks:
        """Looks of nothing."""
        limbs = skeleton.num_limbs
        return cls(np.zeros(0, np.float32), np.zeros((0, limbs), np.float32), None)

    def __getitem__(self, which: Ints) -> Looks:
        colors = None if self.colors is None else self.colors[which]
        return Looks(self.sizes[which], self.lengths[which], colors)


def limb_lengths(points: Floats, skeleton: Skeleton, sizes: Floats) -> Floats:
    """(N, L) logarithms of the limbs' lengths in body sizes, of (N, 2, K) places; NaN where an end is missing."""
    limbs = skeleton.limb_array
    x, y = (points[:, axis, limbs[:, 0]] - points[:, axis, limbs[:, 1]] for axis in (0, 1))
    lengths: Floats = np.log(np.maximum(np.sqrt(x * x + y * y) / sizes[:, None], 1e-3)).astype(np.float32)
    return lengths


def body_sizes(keypoints: Floats) -> Floats:
    """(N,) square root of the area of each person's box, pixels, from (N, K, 2) joints, NaN where missing."""
    return point_sizes(swap_axes(keypoints))


def point_sizes(points: Floats) -> Floats:
    """`body_sizes` of (N, 2, K) places."""
    seen = np.isfinite(points)
    low = np.where(seen, points, np.inf).min(axis=2, initial=np.inf)
    high = np.where(seen, points, -np.inf).max(axis=2, initial=-np.inf)
    sides = np.where(high >= low, high - low, 0)
    sizes: Floats = np.sqrt(_AREA_OF_DIAGONAL * (sides**2).sum(axis=1)).astype(np.float32)
    return np.maximum(sizes, 1.0)


def swap_axes(points: Floats) -> Floats:
    """(..., K, 2) points as (..., 2, K) places in a row of their own each, or the other way round."""
    return np.ascontiguousarray(np.swapaxes(points, -1, -2))


def _coast(unseen: Floats, step: float, persists: float) -> Floats:
    """Seconds' worth of velocity left of a step that begins `unseen` seconds after the last sight."""
    left: Floats = (np.exp(-unseen / persists) * persists * (1 - np.exp(-step / persists))).astype(np.float32)
    return left


def _middle(vectors: Floats, which: Bools) -> Floats:
    """(M, 2) medians of the marked ones of (M, 2, K) vectors, 0 where none is."""
    ordered = np.where(which[:, None], vectors, np.float32(np.inf))
    ordered.sort(axis=2)
    count = which.sum(axis=1)
    rows = np.arange(len(vectors))
    low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, vectors.shape[2] - 1)
    middle = (ordered[rows, :, low] + ordered[rows, :, high]) / 2
    result: Floats = np.where(count[:, None] > 0, middle, 0).astype(np.float32)
    return result


def _blend(known: Floats, seen: Floats) -> Floats:
    """Running means: mostly what is known, what is seen where nothing is, what is known where nothing is seen."""
    mixed = np.where(np.isfinite(known), known + _NEWS * (seen - known), seen)
    return np.where(np.isfinite(seen), mixed, known)
