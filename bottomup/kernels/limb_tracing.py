"""Joints that no peak shows: where a limb that leads to no candidate ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C, compiled
from bottomup.kernels.field import check_finite
from bottomup.kernels.gpu_array import GpuArray
from bottomup.kernels.limbs import LimbPairs, check_limb_call
from bottomup.kernels.options import PEAK_THRESHOLD, LimbOptions, TraceOptions
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton


def trace_limbs(
    pafs: Any,
    candidates: Candidates,
    pairs: LimbPairs,
    skeleton: Skeleton,
    typical: npt.NDArray[np.float32],
    *,
    score: float = PEAK_THRESHOLD,
    limbs: LimbOptions = LimbOptions(),
    options: TraceOptions = TraceOptions(),
    threads: int = 1,
) -> tuple[Candidates, LimbPairs]:
    """Follow the limbs that lead from a joint to no candidate, and add a candidate where each of them ends.

    A network may see a limb and miss its joint: hidden, blurred or below the threshold. The part affinity field then
    still leads there. From the joint one cell at a time is walked along the mean direction of the field so far, until
    two steps in a row find too little of it. Ends of several limbs at one place are one joint, at their mean weighted
    by support, which is also what joins an arm to a body whose shoulder was missed.

    Parameters
    ----------
    pafs:
        (2L, h, w) or (B, 2L, h, w), float32, float16 or bfloat16, in any memory order, on the CPU or a GPU.
    candidates, pairs:
        Of the same images, from `find_peaks` and `score_limbs`.
    skeleton:
        Gives the limbs.
    typical:
        (B,) float32 > 0, the affinity that is typical of each image's true limbs.
    score:
        What a joint found in this way scores if its limbs have the full typical affinity: it is as uncertain as the
        faintest peak.
    limbs:
        `max_limb_length` bounds a trace (and twice the field's longer side), `sample_threshold` its samples.
    options:
        When a limb is followed, and what its end is worth.
    threads:
        CPU threads; the work is split by limb.

    Returns the candidates and pairs with the new ones among them, in the same order as before.

    Raises TypeError for another dtype, ValueError for another shape or a sampled value that is not finite.
    """
    field = check_limb_call(pafs, candidates, skeleton)
    call = (candidates, pairs, skeleton.limb_array, typical, score, compiled(limbs), compiled(options))
    if isinstance(field.values, GpuArray):
        found, place = _C.trace_limbs_cuda(field.values.layout, *call, field.values.stream)
    else:
        found, place = _C.trace_limbs(field.values, *call, threads)
    check_finite("pafs", place)
    if found is None:
        return candidates, pairs
    return Candidates(candidates.batch, candidates.joints, *found[:4]), LimbPairs(*found[4:])
