"""A bound on the work that fields of noise make, as those of an untrained network: peaks everywhere, all joined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

Bools = npt.NDArray[np.bool_]

FEWEST = 256  # candidates of one type: so many are never too many, however small the field


def score_bounded(
    candidates: Candidates,
    skeleton: Skeleton,
    cells: int,
    *,
    cells_per_peak: int,
    max_mean_pairs: float,
    score: Callable[[Candidates], LimbPairs],
) -> tuple[Candidates, LimbPairs]:
    """Score the pairs of all candidates, or of noise only those of the strongest, in time linear in the cells.

    Where an image has more candidates of a type than one for every `cells_per_peak` cells (and more than `FEWEST`),
    only as many of each type, the highest, are paired at first. If these have more than `max_mean_pairs` pairs on each
    of their limbs on average, which those of crowds never have, however dense, the image is noise, and the other
    candidates are dropped. If not, all are paired.

    Parameters
    ----------
    candidates:
        Of a batch.
    skeleton:
        Names the joints and limbs.
    cells:
        Of one field.
    cells_per_peak, max_mean_pairs:
        See `PeakOptions` and `GroupingOptions`.
    score:
        `score_limbs` of some candidates.

    Returns
    -------
    The candidates that are left, and their pairs.
    """
    most = max(FEWEST, cells // cells_per_peak)
    counts = np.diff(candidates.offsets).reshape(candidates.batch, candidates.joints)
    dense = np.asarray((counts > most).any(axis=1), bool)
    if not dense.any() or max_mean_pairs == np.inf or not skeleton.num_limbs:
        return candidates, score(candidates)
    strongest = keep_strongest(candidates, most, dense)
    pairs = score(strongest)
    noise = dense & (mean_pairs(strongest, pairs, skeleton) > max_mean_pairs)
    if (noise == dense).all():
        return strongest, pairs
    strongest = keep_strongest(candidates, most, noise)
    return strongest, score(strongest)


def keep_strongest(candidates: Candidates, most: int, images: Bools) -> Candidates:
    """At most so many candidates of each type, the highest, in those images (B,), and all in the others."""
    counts = np.diff(candidates.offsets)
    kept = np.where(np.repeat(images, candidates.joints), np.minimum(counts, most), counts)
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
