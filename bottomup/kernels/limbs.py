"""Scored candidate pairs: how well the part affinity field supports a limb between two joint candidates."""

from __future__ import annotations

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
        (n,) float32, the affinity: mean component of the field along the limb, 1 for a perfect one.
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
    threads: int = 1,
) -> LimbPairs:
    """Integrate the part affinity fields between candidates and keep the pairs that pass.

    A pair passes if its length is at most `max_length`, at least the share `coverage` of the samples reaches
    `sample_threshold`, and their mean reaches `threshold` (Cao et al., CVPR 2017, eq. 10, with one bilinear sample
    per cell of length). Pairs that are too long are never sampled and a pair stops at the sample that fails it.

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
    threads:
        CPU threads; the work is split by limb.

    Raises TypeError for another dtype, ValueError for another shape or a sampled value that is not finite.
    """
    field, limbs = check_limb_call(pafs, candidates, skeleton)
    for name, value in (("threshold", threshold), ("sample_threshold", sample_threshold), ("max_length", max_length)):
        check_number(name, value)
    check_coverage(coverage)
    rule = (threshold, coverage, sample_threshold, max_length, max_samples)
    if isinstance(field, GpuArray):
        call = (candidates.xy, candidates.offsets, candidates.joints, limbs, *rule, field.stream)
        result = _C.score_limbs_cuda(field.layout, *call)
    else:
        result = _C.score_limbs(
            field, candidates.xy, candidates.offsets, candidates.joints, limbs, *rule, threads=threads
        )
    offsets, first, second, scores, place = result
    check_finite("pafs", place)
    return LimbPairs(offsets, first, second, scores)


def check_coverage(coverage: float) -> None:
    """Raise ValueError unless it is a share."""
    if not 0 <= coverage <= 1:
        raise ValueError(f"coverage must be from 0 to 1 but is {coverage}")


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
) -> LimbPairs:
    """`score_limbs` in plain NumPy, one pair at a time: the reference that the kernels are held to."""
    field, limbs = check_limb_call(pafs, candidates, skeleton)
    assert isinstance(field, np.ndarray)
    rows: list[tuple[int, int, float]] = []
    offsets = [0]
    for b in range(field.shape[0]):
        starts = candidates.offsets[b * candidates.joints : (b + 1) * candidates.joints + 1]
        for limb, (a, z) in enumerate(limbs):
            paf = as_floats(field[b, 2 * limb : 2 * limb + 2])
            for i in range(starts[a], starts[a + 1]):
                for j in range(starts[z], starts[z + 1]):
                    samples = _samples(paf, candidates.xy[i], candidates.xy[j], max_length, max(max_samples, 3))
                    if samples is None:
                        continue
                    allowed = int(np.floor((1 - coverage) * len(samples) + 1e-4))
                    fails = np.flatnonzero(samples < sample_threshold)
                    looked_at = samples[: fails[allowed] + 1] if len(fails) > allowed else samples
                    if not np.isfinite(looked_at).all():
                        check_finite("pafs", (b, 2 * limb, -1, -1))
                    if len(fails) > allowed:
                        continue
                    score = _mean(samples)
                    if not np.isfinite(score):
                        check_finite("pafs", (b, 2 * limb, -1, -1))
                    if score >= threshold:
                        rows.append((i, j, float(score)))
            offsets.append(len(rows))
    first, second, scores = zip(*rows, strict=True) if rows else ((), (), ())
    return LimbPairs(
        np.array(offsets, np.int64), np.array(first, np.int32), np.array(second, np.int32), np.array(scores, np.float32)
    )


@np.errstate(over="ignore", invalid="ignore")
def _samples(
    paf: npt.NDArray[np.float32],
    start: npt.NDArray[np.float32],
    end: npt.NDArray[np.float32],
    max_length: float,
    max_samples: int,
) -> npt.NDArray[np.float32] | None:
    """Component of the field along the limb at each sample; None if the limb is too long."""
    vector = end - start
    length = np.hypot(*vector, dtype=np.float32)
    if length > max_length:
        return None
    unit = vector / length if length > 0 else np.zeros(2, np.float32)
    count = min(max(int(np.ceil(length)) + 1, 3), max_samples)
    t = np.arange(count, dtype=np.float32) / np.float32(count - 1)
    values = _bilinear(paf, start[0] + t * vector[0], start[1] + t * vector[1])
    along = values[0] * unit[0] + values[1] * unit[1]
    if length < 1:
        along = length * along + (1 - length) * np.hypot(values[0], values[1])
    result: npt.NDArray[np.float32] = along.astype(np.float32)
    return result


@np.errstate(over="ignore", invalid="ignore")
def _mean(samples: npt.NDArray[np.float32]) -> np.float32:
    mean: np.float32 = samples.mean(dtype=np.float32)
    return mean


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
