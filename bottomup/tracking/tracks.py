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

    ids: (T,) given names; -1 for a person who has none yet.
    born, seen: (T,) time of the first and of the last sight.
    sights: (T,) how often seen.
    places: (T, K, 2) each joint where it is now as far as known; NaN if never seen.
    anchors: (T, K, 2) where each joint was last seen, moved only as what stands still has moved since.
    joint_seen: (T, K) time at which a joint was last seen, -inf for never.
    swing: (T, K, 2) velocity of each joint against the person, pixels a second.
    drift: (T, 2) velocity of the person.
    sizes: (T,) body sizes, pixels.
    past: (T, H, K, 2) the last poses, latest first, carried to now; NaN where a joint was not seen.
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
        return cls._fresh(np.zeros((0, skeleton.num_joints, 2), np.float32), Looks.empty(skeleton), 0.0, history)

    @classmethod
    def _fresh(cls, keypoints: Floats, looks: Looks, time: float, history: int) -> Tracks:
        count = len(keypoints)
        past = np.full((count, history, *keypoints.shape[1:]), np.nan, np.float32)
        past[:, 0] = keypoints
        return cls(
            ids=np.full(count, -1),
            born=np.full(count, time),
            seen=np.full(count, time),
            sights=np.ones(count, np.int64),
            places=keypoints.copy(),
            anchors=keypoints.copy(),
            joint_seen=np.where(np.isfinite(keypoints[..., 0]), time, -np.inf),
            swing=np.zeros_like(keypoints),
            drift=np.zeros((count, 2), np.float32),
            sizes=looks.sizes,
            past=past,
            lengths=looks.lengths,
            colors=looks.colors,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def keep(self, which: Bools) -> None:
        """Forget all others, in place."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[which])

    def displacement(self, time: float, step: float) -> Floats:
        """(T, K, 2) pixels that the motion model moves each joint between `time - step` and `time`."""
        unseen = (time - step - self.seen).astype(np.float32)[:, None]
        person = self.drift * _coast(unseen, step, _PERSON_PERSISTS)
        moved: Floats = person[:, None] + self.swing * _coast(unseen, step, _JOINT_PERSISTS)[:, :, None]
        return moved

    def observe(self, rows: Ints, keypoints: Floats, looks: Looks, time: float) -> None:
        """Take in what was seen of the tracks `rows`, none twice, at `time`: (M, K, 2), NaN for a missing joint."""
        found = np.isfinite(keypoints[..., 0])
        known = found & np.isfinite(self.places[rows, :, 0])
        self._learn_velocities(rows, keypoints, known, time)
        # A joint that is hidden goes along with the others.
        shift = _middle(np.where(known[..., None], keypoints - self.places[rows], 0), known)
        self.places[rows] = np.where(found[..., None], keypoints, self.places[rows] + shift[:, None])
        self.anchors[rows] = np.where(found[..., None], keypoints, self.anchors[rows])
        self.joint_seen[rows] = np.where(found, time, self.joint_seen[rows])
        fade = np.exp(-(time - self.seen[rows]) / _GROWTH).astype(np.float32)
        self.sizes[rows] = np.maximum(looks.sizes, fade * self.sizes[rows] + (1 - fade) * looks.sizes)
        self.past[rows] = np.concatenate([keypoints[:, None], self.past[rows, :-1]], axis=1)
        self.lengths[rows] = _blend(self.lengths[rows], looks.lengths)
        self.colors[rows] = _blend(self.colors[rows], looks.colors)
        self.seen[rows] = time
        self.sights[rows] += 1

    def _learn_velocities(self, rows: Ints, keypoints: Floats, known: Bools, time: float) -> None:
        elapsed = np.where(known, np.clip(time - self.joint_seen[rows], 1e-6, 10.0), 10.0).astype(np.float32)
        moved = np.where(known[..., None], keypoints - self.anchors[rows], 0)
        velocity = (moved / elapsed[..., None]).astype(np.float32)
        share = ((1 - np.exp(-elapsed / _TREND)) * known).astype(np.float32)
        gain = share.sum(axis=1)[:, None] / np.maximum(known.sum(axis=1), 1)[:, None]
        drift = self.drift[rows] + gain * (_middle(velocity, known) - self.drift[rows])
        swing = self.swing[rows]
        self.swing[rows] = swing + share[..., None] * (velocity - drift[:, None] - swing)
        self.drift[rows] = drift

    def add(self, keypoints: Floats, looks: Looks, time: float) -> None:
        """New tracks of (M, K, 2) keypoints, without ids."""
        fresh = self._fresh(keypoints, looks, time, self.past.shape[1])
        for field in fields(self):
            setattr(self, field.name, np.concatenate([getattr(self, field.name), getattr(fresh, field.name)]))


@dataclass
class Looks:
    """What tells M people apart beside where they are.

    sizes: (M,) body sizes, pixels.
    lengths: (M, L) logarithms of the limbs' lengths in body sizes, NaN where an end is missing.
    colors: (M, L, 3) colours along the limbs, NaN where an end is missing.
    """

    sizes: Floats
    lengths: Floats
    colors: Floats

    @classmethod
    def empty(cls, skeleton: Skeleton) -> Looks:
        """Looks of nothing."""
        limbs = skeleton.num_limbs
        return cls(np.zeros(0, np.float32), np.zeros((0, limbs), np.float32), np.zeros((0, limbs, 3), np.float32))

    def __getitem__(self, which: Ints) -> Looks:
        return Looks(self.sizes[which], self.lengths[which], self.colors[which])


def limb_lengths(keypoints: Floats, skeleton: Skeleton, sizes: Floats) -> Floats:
    """(N, L) logarithms of the limbs' lengths in body sizes; NaN where an end is missing."""
    limbs = skeleton.limb_array
    spans = np.linalg.norm(keypoints[:, limbs[:, 0]] - keypoints[:, limbs[:, 1]], axis=2)
    lengths: Floats = np.log(np.maximum(spans / sizes[:, None], 1e-3)).astype(np.float32)
    return lengths


def body_sizes(keypoints: Floats) -> Floats:
    """(N,) square root of the area of each person's box, pixels, from (N, K, 2) joints, NaN where missing."""
    seen = np.isfinite(keypoints)
    low = np.where(seen, keypoints, np.inf).min(axis=1, initial=np.inf)
    high = np.where(seen, keypoints, -np.inf).max(axis=1, initial=-np.inf)
    sides = np.where(high >= low, high - low, 0)
    sizes: Floats = np.sqrt(_AREA_OF_DIAGONAL * (sides**2).sum(axis=1)).astype(np.float32)
    return np.maximum(sizes, 1.0)


def _coast(unseen: Floats, step: float, persists: float) -> Floats:
    """Seconds' worth of velocity left of a step that begins `unseen` seconds after the last sight."""
    left: Floats = (np.exp(-unseen / persists) * persists * (1 - np.exp(-step / persists))).astype(np.float32)
    return left


def _middle(vectors: Floats, which: Bools) -> Floats:
    """(M, 2) medians of the marked ones of (M, K, 2) vectors, 0 where none is."""
    ordered = np.sort(np.where(which[..., None], vectors, np.inf), axis=1)
    count = which.sum(axis=1)
    rows = np.arange(len(vectors))
    low, high = np.maximum((count - 1) // 2, 0), np.maximum(count // 2, 0)
    middle = (ordered[rows, low] + ordered[rows, np.minimum(high, vectors.shape[1] - 1)]) / 2
    result: Floats = np.where(count[:, None] > 0, middle, 0).astype(np.float32)
    return result


def _blend(known: Floats, seen: Floats) -> Floats:
    """Running means: mostly what is known, what is seen where nothing is, what is known where nothing is seen."""
    mixed = np.where(np.isfinite(known), known + _NEWS * (seen - known), seen)
    return np.where(np.isfinite(seen), mixed, known)
