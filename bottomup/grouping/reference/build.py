"""From the kernels' results to the pairs that speak for a limb."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup.grouping.edges import Pairs
from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.peaks import Candidates
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.settings import Settings

Bools = npt.NDArray[np.bool_]


def scored_pairs(candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton, settings: Settings) -> Pairs:
    """The pairs of one image that speak for a limb at all; see `bottomup.grouping.build.build_graph`."""
    joints, limbs, options = skeleton.num_joints, skeleton.num_limbs, settings.grouping
    mine = slice(*candidates.offsets[[image * joints, (image + 1) * joints]].tolist())
    these = slice(*pairs.offsets[[image * limbs, (image + 1) * limbs]].tolist())
    first, second = (side[these].astype(np.int64) - mine.start for side in (pairs.first, pairs.second))
    types = np.repeat(np.arange(joints), np.diff(candidates.offsets[image * joints : (image + 1) * joints + 1]))
    limb = np.repeat(np.arange(limbs), np.diff(pairs.offsets[image * limbs : (image + 1) * limbs + 1]))
    responses, found = candidates.scores[mine].astype(np.float64), pairs.scores[these].astype(np.float64)
    typical = max(typical_affinity(candidates, pairs, image, skeleton), options.min_affinity_scale)
    share = np.minimum(found / typical, options.affinity_cap)
    above = (share - options.neutral_affinity) / (1 - options.neutral_affinity)
    affinity = np.maximum(above, options.weak_factor * share)
    traced = responses <= np.float32(settings.peak_threshold)
    confidence = np.where(traced, 1.0, np.minimum(responses / options.full_response, 1.0))
    affinity = affinity * np.minimum(confidence[first], confidence[second])
    apart = candidates.xy[mine].astype(np.float64)[first] - candidates.xy[mine].astype(np.float64)[second]
    scored = Pairs(first, second, limb, affinity, np.sqrt(np.square(apart).sum(axis=1))).where(affinity > 0)
    seen = np.bincount(types[~traced], minlength=joints)  # of each type, traced ones left out
    ends = seen[skeleton.limb_array].sum()
    if 2 * (~traced[scored.own] & ~traced[scored.other]).sum() > options.max_mean_pairs * ends:
        scored = scored.where(best_partners(scored, options.max_partners))
    return scored


def best_partners(pairs: Pairs, most: int) -> Bools:
    """(n,) which pairs are among the best `most` of both their ends on their limb; ties by index."""
    kept = np.ones(len(pairs.own), bool)
    affinity = pairs.affinity.astype(np.float32)  # as the compiled graph keeps it
    for end in (pairs.own, pairs.other):
        order = np.lexsort((-affinity, end, pairs.limb))
        key = np.stack([pairs.limb[order], end[order]])
        start = np.flatnonzero(np.append(True, (np.diff(key, axis=1) != 0).any(axis=0)))
        rank = np.arange(len(order)) - np.repeat(start, np.diff(np.append(start, len(order))))
        kept[order] &= rank < most
    return kept


def typical_affinity(candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton) -> float:
    """The typical affinity of one image, 0 without pairs; see `bottomup.grouping.build.typical_affinity`."""
    best: list[tuple[float, float]] = []
    for limb in range(image * skeleton.num_limbs, (image + 1) * skeleton.num_limbs):
        block = slice(int(pairs.offsets[limb]), int(pairs.offsets[limb + 1]))
        first, second, affinity = pairs.first[block], pairs.second[block], pairs.scores[block]
        best_first, best_second = np.full((2, len(candidates)), -np.inf)
        np.maximum.at(best_first, first, affinity)
        np.maximum.at(best_second, second, affinity)
        mutual = (affinity >= best_first[first]) & (affinity >= best_second[second])
        weight = np.minimum(candidates.scores[first], candidates.scores[second])
        best += zip(affinity[mutual].tolist(), weight[mutual].tolist(), strict=True)
    if not best:
        return 0.0
    affinity, weight = np.array(sorted(best, key=lambda one: one[0])).T
    total = np.cumsum(weight)
    return float(affinity[np.searchsorted(total, total[-1] / 2)])
