"""Joint candidates and scored pairs in one call, which on a GPU comes back to the host only once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bottomup._extension import _C, compiled
from bottomup.kernels.field import as_field, check_threshold
from bottomup.kernels.gpu_array import GpuArray
from bottomup.kernels.limbs import LimbPairs, pairs_of, score_limbs
from bottomup.kernels.noise import score_bounded
from bottomup.kernels.options import LIMB_THRESHOLD, PEAK_THRESHOLD, LimbOptions, PeakOptions
from bottomup.kernels.peaks import Candidates, candidates_of, find_peaks
from bottomup.skeleton import Skeleton


@dataclass
class GpuTimings:
    """Milliseconds of device time that a call took, by stage; `copy` is that to the host.

    runs: how often the kernels ran, more than once where the first time had too little memory.
    """

    detect: float = 0.0
    sort_peaks: float = 0.0
    score: float = 0.0
    sort_pairs: float = 0.0
    copy: float = 0.0
    total: float = 0.0
    runs: int = 0


def find_peaks_and_limbs(
    heatmaps: Any,
    pafs: Any,
    skeleton: Skeleton,
    *,
    peak_threshold: float = PEAK_THRESHOLD,
    limb_threshold: float = LIMB_THRESHOLD,
    peaks: PeakOptions = PeakOptions(),
    limbs: LimbOptions = LimbOptions(),
    max_mean_pairs: float = math.inf,
    threads: int = 1,
    timings: GpuTimings | None = None,
    found: Callable[[Candidates], None] = lambda candidates: None,
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
    peak_threshold, peaks:
        `threshold` and `options` of `find_peaks`.
    limb_threshold, limbs:
        `threshold` and `options` of `score_limbs`.
    max_mean_pairs:
        Above so many pairs of a candidate on each limb on average the fields are noise, of which only the highest
        peaks are kept, see `PeakOptions.max_noise_peaks`; infinite for no bound.
    threads:
        CPU threads.
    timings:
        Where both fields are on a GPU, told what the call took.
    found:
        Told the candidates as soon as they are known: before the pairs are sought on a CPU, with them on a GPU.

    Raises what the two raise, and ValueError for fields on two devices.
    """
    first = as_field("heatmaps", heatmaps, skeleton.num_joints)
    second = as_field("pafs", pafs, 2 * skeleton.num_limbs)
    if isinstance(first.values, GpuArray) != isinstance(second.values, GpuArray):
        raise ValueError("heatmaps and pafs must be on the same device but one is on a GPU and one is not")
    if first.shape[0] != second.shape[0]:
        raise ValueError(f"pafs must hold the heatmaps' {first.shape[0]} images but has shape {second.shape}")

    def score(some: Candidates) -> LimbPairs:
        return score_limbs(second, some, skeleton, threshold=limb_threshold, options=limbs, threads=threads)

    def bounded(candidates: Candidates, score: Callable[[Candidates], LimbPairs]) -> tuple[Candidates, LimbPairs]:
        return score_bounded(
            candidates, skeleton, max_peaks=peaks.max_noise_peaks, max_mean_pairs=max_mean_pairs, score=score
        )

    if not (isinstance(first.values, GpuArray) and isinstance(second.values, GpuArray)):
        candidates = find_peaks(first, threshold=peak_threshold, options=peaks, threads=threads)
        found(candidates)
        return bounded(candidates, score)
    check_threshold("peak_threshold", peak_threshold)
    check_threshold("limb_threshold", limb_threshold)
    results = _C.find_peaks_and_limbs_cuda(
        first.values.layout, second.values.layout, skeleton.limb_array, peak_threshold, peaks.upsample, limb_threshold,
        compiled(limbs), first.values.stream, second.values.stream, timings,
    )  # fmt: skip
    candidates, pairs = candidates_of(skeleton.num_joints, results[0]), pairs_of(results[1])
    found(candidates)
    return bounded(candidates, lambda some: pairs if some is candidates else score(some))
