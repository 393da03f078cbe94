"""The reference implementation of bottomup/kernels/limbs.py, one pair at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.kernels.field import as_floats, check_finite, cpu_values
from bottomup.kernels.limbs import LimbPairs, check_limb_call
from bottomup.kernels.options import LIMB_THRESHOLD, LimbOptions
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

# The same as in csrc/search_radius.h, in cells.
_FIRST_RING, _RING_GROWTH, _LEAST_NEAR = 8.0, 4.0, np.float32(2)

Floats = npt.NDArray[np.float32]


def score_limbs(
    pafs: Any,
    candidates: Candidates,
    skeleton: Skeleton,
    *,
    threshold: float = LIMB_THRESHOLD,
    options: LimbOptions = LimbOptions(),
) -> LimbPairs:
    """See `bottomup.kernels.score_limbs`; the fields must be in CPU memory."""
    field, limbs = cpu_values(check_limb_call(pafs, candidates, skeleton)), skeleton.limb_array
    reach, span = np.float32(options.search_radius), np.float32(options.fallback_radius)
    max_length = options.max_limb_length * max(field.shape[2:])
    unlimited = not (np.isfinite(reach) or np.isfinite(span))
    rows: list[tuple[int, int, int, float]] = []  # image and limb as one number, first, second, score
    broken: list[int] = []
    for b in range(field.shape[0]):
        offsets = candidates.offsets[b * candidates.joints : (b + 1) * candidates.joints + 1]
        near: dict[tuple[int, int, int], np.float32] = {}  # by limb, end and candidate
        for low, high in _rings(max(field.shape[2:]), max_length, unlimited):
            reaches = _reaches(near, limbs, offsets, reach, span)
            for limb, (a, z) in enumerate(limbs):
                paf = as_floats(field[b, 2 * limb : 2 * limb + 2])
                for i in range(offsets[a], offsets[a + 1]):
                    for j in range(offsets[z], offsets[z + 1]):
                        length = _length(candidates.xy[j] - candidates.xy[i])
                        sought = length <= _pair_reach(reaches(limb, 0, i), reaches(limb, 1, j), np.float32(reach))
                        if not (sought and low <= length < high and length <= max_length):
                            continue
                        samples = _samples(paf, candidates.xy[i], candidates.xy[j], length, options.max_samples)
                        mean, energy = _means(*samples, options.coverage, options.sample_threshold)
                        if not np.isfinite(mean):
                            broken += [b * len(limbs) + limb] if np.isnan(mean) else []
                        elif mean >= threshold:
                            rows.append((b * len(limbs) + limb, i, j, float(_coherent_mean(mean, energy))))
            for segment, i, j, affinity in rows:
                if (
                    segment // len(limbs) == b
                    and affinity >= options.good_affinity
                    and candidates.scores[[i, j]].min() >= options.good_response
                ):
                    length = max(_length(candidates.xy[j] - candidates.xy[i]), _LEAST_NEAR)
                    for end, candidate in enumerate((i, j)):
                        key = (segment % len(limbs), end, candidate)
                        near[key] = min(near.get(key, length), length)
    if broken:
        check_finite("pafs", (min(broken) // len(limbs), 2 * (min(broken) % len(limbs)), -1, -1))
    rows.sort()
    segments, first, second, scores = zip(*rows, strict=True) if rows else ((), (), (), ())
    counts = np.bincount(np.array(segments, np.int64), minlength=field.shape[0] * len(limbs))
    return LimbPairs(
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array(first, np.int32),
        np.array(second, np.int32),
        np.array(scores, np.float32),
    )


def _rings(side: int, max_length: float, unlimited: bool) -> Iterator[tuple[float, float]]:
    """The rings of lengths that are gone through on a field whose longer side is given; the last has no end."""
    longest = min(max_length, 1.5 * side)
    low, high = 0.0, _FIRST_RING
    while high <= longest and not unlimited:
        yield low, high
        low, high = high, high * _RING_GROWTH
    yield low, np.inf


def _reaches(
    near: dict[tuple[int, int, int], np.float32],
    limbs: npt.NDArray[np.int32],
    offsets: npt.NDArray[np.int64],
    reach: np.float32,
    span: np.float32,
) -> Callable[[int, int, int], np.float32]:
    """How far a candidate looks for the other end of a limb, by limb, end and candidate."""
    farthest: dict[int, np.float32] = {}
    for (_, _, candidate), length in near.items():
        farthest[candidate] = max(farthest.get(candidate, length), length)
    known = dict(near)

    def look(limb: int, end: int, candidate: int) -> np.float32:
        if (limb, end, candidate) in known:
            return reach * known[limb, end, candidate]
        return span * farthest[candidate] if candidate in farthest else np.float32(np.inf)

    return look


def _pair_reach(first: np.float32, second: np.float32, reach: np.float32) -> np.float32:
    """How long a pair may be whose ends reach that far."""
    return max(first, second) if np.isfinite(first) and np.isfinite(second) else reach * min(first, second)


@np.errstate(over="ignore", invalid="ignore")
def _length(vector: npt.NDArray[np.float32]) -> np.float32:
    length: np.float32 = np.sqrt(vector[0] * vector[0] + vector[1] * vector[1])
    return length


@np.errstate(over="ignore", invalid="ignore")
def _means(
    samples: Floats, energies: Floats, coverage: float, sample_threshold: float
) -> tuple[np.float32, np.float32]:
    """Mean of the components along the limb in the order in which they are looked at, and of the energies.
    The first is -inf if too many fail, NaN if one that is looked at, or the sum, is not finite."""
    allowed = int(np.floor((1 - coverage) * len(samples) + 1e-4))
    fails = np.flatnonzero(samples < sample_threshold)
    looked_at = samples[: fails[allowed] + 1] if len(fails) > allowed else samples
    if not np.isfinite(looked_at).all():
        return np.float32(np.nan), np.float32(0)
    if len(fails) > allowed:
        return np.float32(-np.inf), np.float32(0)
    mean: np.float32 = samples.mean(dtype=np.float32)
    return mean if np.isfinite(mean) else np.float32(np.nan), energies.mean(dtype=np.float32)


@np.errstate(over="ignore")
def _coherent_mean(mean: np.float32, energy: np.float32) -> np.float32:
    """See `coherent_mean` in csrc/limbs.h."""
    if not (energy > 0 and np.isfinite(energy)):
        return mean
    coherence = min(mean * mean / energy, np.float32(1))
    return np.float32(mean * coherence * coherence)


@np.errstate(over="ignore", invalid="ignore")
def _samples(
    paf: npt.NDArray[np.float32],
    start: npt.NDArray[np.float32],
    end: npt.NDArray[np.float32],
    length: np.float32,
    max_samples: int,
) -> tuple[Floats, Floats]:
    """Component of the field along the limb and its energy, the square of its magnitude, at each sample, from the
    middle one on and then from the first."""
    vector = end - start
    unit = vector / length if length > 0 else np.zeros(2, np.float32)
    count = int(min(max(np.ceil(length) + 1, 3), max_samples))
    t = np.roll(np.arange(count, dtype=np.float32), -(count // 2)) / np.float32(count - 1)
    values = bilinear(paf, start[0] + t * vector[0], start[1] + t * vector[1])
    along = values[0] * unit[0] + values[1] * unit[1]
    energy = values[0] * values[0] + values[1] * values[1]
    if length < 1:
        along = length * along + (1 - length) * np.sqrt(energy)
    return along.astype(np.float32), energy.astype(np.float32)


def bilinear(
    field: npt.NDArray[np.float32], x: npt.NDArray[np.float32], y: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """(C, n) values of a (C, h, w) field at n positions in cells; outside, its border."""
    height, width = field.shape[1:]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    fx, fy = x - left.astype(np.float32), y - top.astype(np.float32)
    upper = field[:, top, left] + fx * (field[:, top, right] - field[:, top, left])
    lower = field[:, bottom, left] + fx * (field[:, bottom, right] - field[:, bottom, left])
    blended: npt.NDArray[np.float32] = upper + fy * (lower - upper)
    return blended
