"""Scored candidate pairs: how well the part affinity field supports a limb between two joint candidates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C, compiled
from bottomup.kernels.field import Field, as_field, check_finite, check_threshold
from bottomup.kernels.gpu_array import GpuArray
from bottomup.kernels.options import LIMB_THRESHOLD, LimbOptions
from bottomup.kernels.peaks import Candidates
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
    threshold: float = LIMB_THRESHOLD,
    options: LimbOptions = LimbOptions(),
    threads: int = 1,
) -> LimbPairs:
    """Integrate the part affinity fields between candidates and keep the pairs that pass.

    A pair passes if it is no longer than `max_limb_length`, at least the share `coverage` of the samples reaches
    `sample_threshold`, and their mean reaches `threshold` (Cao et al., CVPR 2017, eq. 10, with one bilinear sample
    per cell of length). Pairs that are too long are never sampled and a pair stops at the sample that fails it.

    A pair that passes scores that mean times the square of its samples' coherence, which is the square of that mean
    over the mean square of the field: 1 if the field is the same and along the limb everywhere, less if it points
    elsewhere or comes and goes. A line across other people's limbs often has the mean of a true limb, but rarely its
    coherence.

    Few pairs of a crowd are looked at. Lengths are gone through in rings, from 0 to 8 cells, to 32, to 128 and so
    on, and a pair of the ring is scored if it is within reach of one of its ends, or both. A candidate reaches
    `search_radius` times as far as to the nearest joint with which it has a good pair on this limb (and no less than 2
    `search_radius` cells); without one, `fallback_radius` times the greatest such distance on its other limbs; without
    any, everywhere, but no more than `search_radius` times as far as the other end does. With both infinite all pairs
    are scored. What is found in a ring counts from the
    next one on.

    Parameters
    ----------
    pafs:
        (2L, h, w) or (B, 2L, h, w), float32, float16 or bfloat16, in any memory order, on the CPU or a GPU.
    candidates:
        Of the same images, from `find_peaks`.
    skeleton:
        Gives the limbs; its joints are the candidates' types.
    threshold:
        Lowest mean of a pair's samples.
    options:
        All else that was named above.
    threads:
        CPU threads; the work is split by limb.

    Raises TypeError for another dtype, ValueError for another shape or a sampled value that is not finite.
    """
    field = check_limb_call(pafs, candidates, skeleton)
    check_threshold("threshold", threshold)
    call = (candidates, skeleton.limb_array, threshold, compiled(options))
    if isinstance(field.values, GpuArray):
        result = _C.score_limbs_cuda(field.values.layout, *call, field.values.stream)
    else:
        result = _C.score_limbs(field.values, *call, threads)
    return pairs_of(result)


def pairs_of(result: tuple[Any, ...]) -> LimbPairs:
    """What a kernel found; ValueError if it met a value that is not finite."""
    *arrays, place = result
    check_finite("pafs", place)
    return LimbPairs(*arrays)


def check_limb_call(pafs: Any, candidates: Candidates, skeleton: Skeleton) -> Field:
    """The part affinity fields; ValueError if they, the candidates and the skeleton do not fit each other."""
    if skeleton.num_joints != candidates.joints:
        raise ValueError(
            f"skeleton must have the candidates' {candidates.joints} joints but {skeleton.name!r} "
            f"has {skeleton.num_joints}"
        )
    field = as_field("pafs", pafs, 2 * skeleton.num_limbs)
    if not np.isfinite(candidates.xy).all():
        raise ValueError("candidates must have finite positions but one of them has not")
    if field.shape[0] != candidates.batch:
        raise ValueError(f"pafs must hold the candidates' {candidates.batch} images but has shape {field.shape}")
    return field
