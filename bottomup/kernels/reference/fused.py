"""The reference implementation of bottomup/kernels/fused.py: one kernel after the other."""

from __future__ import annotations

from typing import Any

from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.options import LIMB_THRESHOLD, PEAK_THRESHOLD, LimbOptions, PeakOptions
from bottomup.kernels.peaks import Candidates
from bottomup.kernels.reference.limbs import score_limbs
from bottomup.kernels.reference.peaks import find_peaks
from bottomup.skeleton import Skeleton


def find_peaks_and_limbs(
    heatmaps: Any,
    pafs: Any,
    skeleton: Skeleton,
    *,
    peak_threshold: float = PEAK_THRESHOLD,
    limb_threshold: float = LIMB_THRESHOLD,
    peaks: PeakOptions = PeakOptions(),
    limbs: LimbOptions = LimbOptions(),
) -> tuple[Candidates, LimbPairs]:
    """See `bottomup.kernels.find_peaks_and_limbs`; the fields must be in CPU memory."""
    candidates = find_peaks(heatmaps, threshold=peak_threshold, options=peaks)
    return candidates, score_limbs(pafs, candidates, skeleton, threshold=limb_threshold, options=limbs)
