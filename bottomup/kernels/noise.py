"""A bound on the work that fields of noise make, as those of an untrained network: peaks everywhere, all joined."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

FEW = 16  # candidates of a type that tell a crowd from what may be noise


def score_bounded(
    candidates: Candidates,
    skeleton: Skeleton,
    *,
    max_peaks: int,
    max_mean_pairs: float,
    score: Callable[[Candidates], LimbPairs],
) -> tuple[Candidates, LimbPairs]:
    """Score the pairs of all candidates, or of noise only those of the highest.

    Where an image has more than `max_peaks` candidates of a type, only as many of each type, the highest, are paired at
    first. If these have more than `max_mean_pairs` pairs on each of their limbs on average, which those of crowds never
    have, however dense, the image is noise: the other candidates are dropped, and a RuntimeWarning says so. If not, all
    are paired.

    Parameters
    ----------
    candidates:
        Of a batch.
    skeleton:
        Names the joints and limbs.
    max_peaks, max_mean_pairs:
        See `PeakOptions.max_noise_peaks` and `GroupingOptions`.
    score:
        `score_limbs` of some candidates.

    Returns
    -------
    The candidates that are left, and their pairs.
    """
    counts = np.diff(candidates.offsets).reshape(candidates.batch, candidates.joints)
    dense = np.asarray((counts > max_peaks).any(axis=1), bool)
    if not dense.any() or max_mean_pairs == np.inf or not skeleton.num_limbs:
        return candidates, score(candidates)
    few = keep_strongest(candidates, np.where(dense, FEW, 0))
    # Of noise these have a share of the pairs; crowds are known by a tenth of that, and scored only once.
    dense &= mean_pairs(few, score(few), skeleton) > max_mean_pairs * FEW / max_peaks / 4
    if not dense.any():
        return candidates, score(candidates)
    strongest = keep_strongest(candidates, np.where(dense, max_peaks, 0))
    pairs = score(strongest)
    noise = dense & (mean_pairs(strongest, pairs, skeleton) > max_mean_pairs)
    if noise.any():
        warnings.warn(
            f"heatmaps and pafs look like noise, as an untrained network's: of {counts[noise].max()} peaks of one "
            f"joint only the highest {max_peaks} are kept (PeakOptions.max_noise_peaks)",
            RuntimeWarning,
            stacklevel=2,
        )
    if noise.all():
        return strongest, pairs
    left = keep_strongest(candidates, np.where(noise, max_peaks, len(candidates)))
    return left, score(left)


def keep_strongest(candidates: Candidates, most: npt.NDArray[np.int64]) -> Candidates:
    """At most so many candidates of each type, the highest, of each image (B,)."""
    counts = np.diff(candidates.offsets)
    kept = np.minimum(counts, np.repeat(most, candidates.joints))
    rank = np.arange(len(candidates)) - np.repeat(candidates.offsets[:-1], counts)
    chosen = rank < np.repeat(kept, counts)
    offsets = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    xy, scores, extents = (values[chosen] for values in (candidates.xy, candidates.scores, candidates.extents))
    return replace(candidates, offsets=offsets, xy=xy, scores=scores, extents=extents)


def mean_pairs(candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton) -> npt.NDArray[np.float64]:
    """(B,) how many pairs a candidate has on each of its limbs, on average."""
    counts = np.diff(candidates.offsets).reshape(candidates.batch, candidates.joints)
    ends = counts[:, skeleton.limb_array].sum(axis=(1, 2))
    mean: npt.NDArray[np.float64] = 2 * np.diff(pairs.offsets[:: max(skeleton.num_limbs, 1)]) / np.maximum(ends, 1)
    return mean
