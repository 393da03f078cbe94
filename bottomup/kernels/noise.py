"""A bound on the work that fields of noise make, as those of an untrained network: peaks everywhere, all joined."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

FEW = 16  # candidates of a type that tell a crowd from what may be noise
MOST_PAIRS = 500_000  # of an image of noise: where tags all agree, each two of its candidates are one


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
    first. If these, or those around the middle, have more than `max_mean_pairs` pairs on each of their limbs on
    average, which those of crowds never have, however dense, the image is noise: all but the highest are dropped, and
    a RuntimeWarning says so. If not, all are paired. Where nearly everything makes a pair, fewer are kept, so that the
    number of pairs has a bound, too.

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
    expected = mean_pairs(few, score(few), skeleton) * max_peaks / FEW
    dense &= expected > max_mean_pairs / 4
    if not dense.any():
        return candidates, score(candidates)
    share = np.sqrt(MOST_PAIRS / np.maximum(expected * max_peaks * skeleton.num_limbs, MOST_PAIRS))
    most = np.maximum((max_peaks * share).astype(np.int64), min(FEW, max_peaks))
    strongest = keep_strongest(candidates, np.where(dense, most, 0))
    pairs = score(strongest)
    noise = dense & (mean_pairs(strongest, pairs, skeleton) > max_mean_pairs)
    doubtful = dense & ~noise
    if doubtful.any():
        # Of many equal peaks the first are in a corner, and of others few are neighbours.
        inner = keep_inner(candidates, np.where(doubtful, 2 * max_peaks, 0))
        noise |= doubtful & (mean_pairs(inner, score(inner), skeleton) > max_mean_pairs)
    if noise.any():
        warnings.warn(
            f"heatmaps and pafs look like noise, as an untrained network's: of {counts[noise].max()} peaks of one "
            f"joint only the highest {most[noise].max()} are kept (PeakOptions.max_noise_peaks)",
            RuntimeWarning,
            stacklevel=2,
        )
    if noise.all() and not doubtful.any():
        return strongest, pairs
    left = keep_strongest(candidates, np.where(noise, most, len(candidates)))
    return left, score(left)


def keep_strongest(candidates: Candidates, most: npt.NDArray[np.int64]) -> Candidates:
    """At most so many candidates of each type, the highest, of each image (B,)."""
    counts = np.diff(candidates.offsets)
    kept = np.minimum(counts, np.repeat(most, candidates.joints))
    rank = np.arange(len(candidates)) - np.repeat(candidates.offsets[:-1], counts)
    return _chosen(candidates, rank < np.repeat(kept, counts))


def keep_inner(candidates: Candidates, most: npt.NDArray[np.int64]) -> Candidates:
    """Of each image (B,) those in a window around the middle that holds some so many of each type."""
    counts = np.diff(candidates.offsets).reshape(candidates.batch, candidates.joints)
    ends = candidates.offsets[:: max(candidates.joints, 1)]
    chosen = np.zeros(len(candidates), bool)
    for image, (start, end) in enumerate(itertools.pairwise(ends.tolist())):
        if not most[image] or start == end:
            continue
        half = 0.5 * np.sqrt(min(1.0, most[image] / counts[image].max()))
        low, high = np.quantile(candidates.xy[start:end], [0.5 - half, 0.5 + half], axis=0)
        chosen[start:end] = ((candidates.xy[start:end] >= low) & (candidates.xy[start:end] <= high)).all(axis=1)
    return _chosen(candidates, chosen)


def _chosen(candidates: Candidates, chosen: npt.NDArray[np.bool_]) -> Candidates:
    offsets = np.concatenate([[0], np.cumsum(chosen)])[candidates.offsets].astype(np.int64)
    xy, scores, extents = (values[chosen] for values in (candidates.xy, candidates.scores, candidates.extents))
    return replace(candidates, offsets=offsets, xy=xy, scores=scores, extents=extents)


def mean_pairs(candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton) -> npt.NDArray[np.float64]:
    """(B,) how many pairs a candidate has on each of its limbs, on average."""
    counts = np.diff(candidates.offsets).reshape(candidates.batch, candidates.joints)
    ends = counts[:, skeleton.limb_array].sum(axis=(1, 2))
    mean: npt.NDArray[np.float64] = 2 * np.diff(pairs.offsets[:: max(skeleton.num_limbs, 1)]) / np.maximum(ends, 1)
    return mean
