"""Joint candidates and scored pairs in one call, which on a GPU comes back to the host only once."""

from __future__ import annotations

from typing import Any

import numpy as np

from bottomup import _C
from bottomup.kernels.arrays import check_field, check_finite, check_number
from bottomup.kernels.gpu_arrays import GpuArray
from bottomup.kernels.limbs import LimbPairs, check_limb_rule, score_limbs
from bottomup.kernels.peaks import Candidates, find_peaks
from bottomup.kernels.upsample import check_upsample
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton


def find_peaks_and_limbs(
    heatmaps: Any,
    pafs: Any,
    skeleton: Skeleton,
    *,
    peak_threshold: float = Settings.peak_threshold,
    upsample: int = 1,
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
    timings: dict[str, float] | None = None,
) -> tuple[Candidates, LimbPairs]:
    """`find_peaks` and then `score_limbs` on what it found.

    Where both fields are on one GPU, the candidates stay there for the second step and one copy brings back both
    results. The work runs on the stream of the heatmaps' library (torch's or CuPy's current one) and is waited for.

    Parameters
    ----------
    heatmaps, pafs:
        (K, h, w) and (2L, h, w), or with a leading batch dimension, as `find_peaks` and `score_limbs` take them.
    skeleton:
        Names the K joints and L limbs.
    peak_threshold, upsample:
        `threshold` and `upsample` of `find_peaks`.
    threshold, coverage, sample_threshold, max_length, max_samples, good, response, reach, span, threads:
        Those of `score_limbs`.
    timings:
        Where both fields are on a GPU, filled with milliseconds of device time: "detect", "sort_peaks", "score",
        "sort_pairs", "copy" (to the host) and "total", and how often the call was repeated with more memory, "runs".

    Raises what the two raise, and ValueError for fields on two devices.
    """
    first = check_field("heatmaps", heatmaps, skeleton.num_joints)
    second = check_field("pafs", pafs, 2 * skeleton.num_limbs)
    rule: dict[str, Any] = {
        "threshold": threshold, "coverage": coverage, "sample_threshold": sample_threshold, "max_length": max_length,
        "max_samples": max_samples, "good": good, "response": response, "reach": reach, "span": span,
    }  # fmt: skip
    if isinstance(first, GpuArray) != isinstance(second, GpuArray):
        raise ValueError("heatmaps and pafs must be on the same device but one is on a GPU and one is not")
    if first.shape[0] != second.shape[0]:
        raise ValueError(f"pafs must hold the heatmaps' {first.shape[0]} images but has shape {second.shape}")
    if isinstance(first, GpuArray) and isinstance(second, GpuArray):
        check_number("peak_threshold", peak_threshold)
        check_limb_rule(rule)
        check_upsample(upsample)
        found = _C.find_peaks_and_limbs_cuda(
            first.layout, second.layout, peak_threshold, upsample, skeleton.limb_array, rule, first.stream,
            second.stream, timings,
        )  # fmt: skip
        (offsets, xy, scores, extents, place), (pair_offsets, starts, ends, affinities, paf_place) = found
        check_finite("heatmaps", place)
        check_finite("pafs", paf_place)
        candidates = Candidates(first.shape[0], first.shape[1], offsets, xy.reshape(-1, 2), scores, extents)
        return candidates, LimbPairs(pair_offsets, starts, ends, affinities)
    candidates = find_peaks(first, threshold=peak_threshold, upsample=upsample, threads=threads)
    pairs = score_limbs(second, candidates, skeleton, **rule, threads=threads)
    return candidates, pairs
