"""Scored candidate pairs: how well the part affinity field supports a limb between two joint candidates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.kernels.arrays import as_floats, check_field, check_finite, check_number
from bottomup.kernels.gpu_arrays import GpuArray
from bottomup.kernels.peaks import Candidates
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

# The same as in csrc/reach.h, in cells.
_FIRST_RING, _RING_GROWTH, _LEAST_NEAR = 8.0, 4.0, np.float32(2)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class LimbPairs:
    """Candidate pairs that pass, of a batch of B images and L limbs, sorted by image, limb, first and second.

    Attributes
    ----------
    offsets:
        (B L + 1,) int64. The pairs of limb l in image b are `offsets[b L + l] : offsets[b L + l + 1]`.
    first, second:
        (n,) int32 indices into the candidates: the joint that the limb leaves and the one it reaches.
    scores:
        (n,) float32, the affinity: mean component of the field along the limb times the squared coherence of the
        samples, 1 for a perfect one.
    """

    offsets: npt.NDArray[np.int64]
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


def score_limbs(
    pafs: Any,
    candidates: Candidates,
    skeleton: Skeleton,
    *,
    threshold: float = Settings.limb_threshold,
    coverage: float = Settings.limb_coverage,
    sample_threshold: float = Settings.sample_threshold,
    max_length: float = np.inf,
    max_samples: int = Settings.max_samples,
    good: float = Settings.limb_good,
    response: float = Settings.limb_response,
    reach: float = Settings.limb_reach,
    span: float = Settings.limb_span,
    threads: int = 1,
) -> LimbPairs:
    """Integrate the part affinity fields between candidates and keep the pairs that pass.

    A pair passes if its length is at most `max_length`, at least the share `coverage` of the samples reaches
    `sample_threshold`, and their mean reaches `threshold` (Cao et al., CVPR 2017, eq. 10, with one bilinear sample
    per cell of length). Pairs that are too long are never sampled and a pair stops at the sample that fails it.

    A pair that passes scores that mean times the square of its samples' coherence, which is the square of that mean
    over the mean square of the field: 1 if the field is the same and along the limb everywhere, less if it points
    elsewhere or comes and goes. A line across other people's limbs often has the mean of a true limb, but rarely its
    coherence.

    Few pairs of a crowd are looked at. Lengths are gone through in rings, from 0 to 8 cells, to 32, to 128 and so
    on, and a pair of the ring is scored if it is within reach of one of its ends, or both. A candidate reaches
    `reach` times as far as to the nearest joint with which it has a good pair on this limb (and no less than twice
    `reach` cells); without one, `span` times the greatest such distance on its other limbs; without any,
    everywhere, but no more than `reach` times as far as the other end does. What is found in a ring counts from the
    next one on.

    Parameters
    ----------
    pafs:
        (2L, h, w) or (B, 2L, h, w), float32, float16 or bfloat16, in any memory order, on the CPU or a GPU.
    candidates:
        Of the same images, from `find_peaks`.
    skeleton:
        Gives the limbs; its joints are the candidates' types.
    threshold, coverage, sample_threshold:
        As above.
    max_length:
        In cells.
    max_samples:
        Bound on the samples of a long limb, at least 3.
    good, response:
        Least score of a good pair, and of both its candidates.
    reach, span:
        As above; with both infinite all pairs are scored.
    threads:
        CPU threads; the work is split by limb.

    Raises TypeError for another dtype, ValueError for another shape or a sampled value that is not finite.
    """
    field, limbs = check_limb_call(pafs, candidates, skeleton)
    rule: dict[str, float] = {
        "threshold": threshold, "coverage": coverage, "sample_threshold": sample_threshold, "max_length": max_length,
        "max_samples": max_samples, "good": good, "response": response, "reach": reach, "span": span,
    }  # fmt: skip
    check_limb_rule(rule)
    if isinstance(field, GpuArray):
        call = (candidates.xy, candidates.scores, candidates.offsets, candidates.joints, limbs, rule, field.stream)
        result = _C.score_limbs_cuda(field.layout, *call)
    else:
        call = (candidates.xy, candidates.scores, candidates.offsets, candidates.joints, limbs, rule, threads)
        result = _C.score_limbs(field, *call)
    offsets, first, second, scores, place = result
    check_finite("pafs", place)
    return LimbPairs(offsets, first, second, scores)


def check_limb_rule(rule: Mapping[str, float]) -> None:
    """Raise ValueError where the arguments of `score_limbs` are no numbers or out of range."""
    for name, value in rule.items():
        check_number(name, value)
    if not 0 <= rule["coverage"] <= 1:
        raise ValueError(f"coverage must be from 0 to 1 but is {rule['coverage']}")
    for name in ("reach", "span"):
        if not rule[name] >= 1:
            raise ValueError(f"{name} must be at least 1 but is {rule[name]}")


def check_limb_call(
    pafs: Any, candidates: Candidates, skeleton: Skeleton
) -> tuple[npt.NDArray[Any] | GpuArray, npt.NDArray[np.int32]]:
    if skeleton.num_joints != candidates.joints:
        raise ValueError(
            f"skeleton must have the candidates' {candidates.joints} joints but {skeleton.name!r} "
            f"has {skeleton.num_joints}"
        )
    field = check_field("pafs", pafs, 2 * skeleton.num_limbs)
    if not np.isfinite(candidates.xy).all():
        raise ValueError("candidates must have finite positions but one of them has not")
    if field.shape[0] != candidates.batch:
        raise ValueError(f"pafs must hold the candidates' {candidates.batch} images but has shape {field.shape}")
    return field, skeleton.limb_array


def score_limbs_numpy(
    pafs: Any,
    candidates: Candidates,
    skeleton: Skeleton,
    *,
    threshold: float = Settings.limb_threshold,
    coverage: float = Settings.limb_coverage,
    sample_threshold: float = Settings.sample_threshold,
    max_length: float = np.inf,
    max_samples: int = Settings.max_samples,
    good: float = Settings.limb_good,
    response: float = Settings.limb_response,
    reach: float = Settings.limb_reach,
    span: float = Settings.limb_span,
) -> LimbPairs:
    """`score_limbs` in plain NumPy, one pair at a time: the reference that the kernels are held to."""
    field, limbs = check_limb_call(pafs, candidates, skeleton)
    assert isinstance(field, np.ndarray)
    unlimited = not (np.isfinite(reach) or np.isfinite(span))
    rows: list[tuple[int, int, int, float]] = []  # image and limb as one number, first, second, score
    broken: list[int] = []
    for b in range(field.shape[0]):
        offsets = candidates.offsets[b * candidates.joints : (b + 1) * candidates.joints + 1]
        near: dict[tuple[int, int, int], np.float32] = {}  # by limb, end and candidate
        for low, high in _rings(max(field.shape[2:]), max_length, unlimited):
            reaches = _reaches(near, limbs, offsets, np.float32(reach), np.float32(span))
            for limb, (a, z) in enumerate(limbs):
                paf = as_floats(field[b, 2 * limb : 2 * limb + 2])
                for i in range(offsets[a], offsets[a + 1]):
                    for j in range(offsets[z], offsets[z + 1]):
                        length = _length(candidates.xy[j] - candidates.xy[i])
                        sought = length <= _pair_reach(reaches(limb, 0, i), reaches(limb, 1, j), np.float32(reach))
                        if not (sought and low <= length < high and length <= max_length):
                            continue
                        samples = _samples(paf, candidates.xy[i], candidates.xy[j], length, max(max_samples, 3))
                        mean, energy = _means(*samples, coverage, sample_threshold)
                        if not np.isfinite(mean):
                            broken += [b * len(limbs) + limb] if np.isnan(mean) else []
                        elif mean >= threshold:
                            rows.append((b * len(limbs) + limb, i, j, float(_coherent_mean(mean, energy))))
            for segment, i, j, affinity in rows:
                if segment // len(limbs) == b and affinity >= good and candidates.scores[[i, j]].min() >= response:
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
    values = _bilinear(paf, start[0] + t * vector[0], start[1] + t * vector[1])
    along = values[0] * unit[0] + values[1] * unit[1]
    energy = values[0] * values[0] + values[1] * values[1]
    if length < 1:
        along = length * along + (1 - length) * np.sqrt(energy)
    return along.astype(np.float32), energy.astype(np.float32)


def _bilinear(
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
