"""From the kernels' results to the graph of one image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.links import Links
from bottomup.grouping.model import tables
from bottomup.kernels import Candidates, LimbPairs
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]


def build_graph(
    candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton, settings: Settings
) -> PersonJointGraph:
    """The person-joint graph of one image of a batch, before anybody holds anything.

    An affinity counts 1 if it is as high as is typical of this picture, nothing at `doubt` times that, and no more than
    at `clear` times that. How high a true limb's affinity comes out differs between networks and pictures (blurred
    fields halve it), but within one picture true limbs resemble each other far more than false ones do.

    A limb to a faint joint counts for less, as such joints are often ripples that happen to lie on somebody's limb. Not
    so to a traced joint: it has no response of its own, and its limbs are what shows it.
    """
    offsets = candidates.offsets[image * skeleton.num_joints : (image + 1) * skeleton.num_joints + 1]
    mine = slice(int(offsets[0]), int(offsets[-1]))
    links = _C.GroupingLinks.of_image(
        tables(skeleton, settings).rule, image, candidates.offsets, candidates.xy, candidates.scores,
        pairs.offsets, pairs.first, pairs.second, pairs.scores, settings.typical_affinity,
        settings.doubt, settings.clear, settings.weak_support, settings.faint_response, settings.peak_threshold,
    )  # fmt: skip
    return PersonJointGraph(
        skeleton,
        settings,
        np.repeat(np.arange(skeleton.num_joints), np.diff(offsets)),
        candidates.xy[mine].astype(np.float64),
        candidates.scores[mine].astype(np.float64),
        candidates.extents[mine].astype(np.float64),
        links,
    )


def scored_pairs_numpy(
    candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton, settings: Settings
) -> Links:
    """The pairs of `build_graph` in plain NumPy: the reference that the compiled step is held to."""
    joints, limbs = skeleton.num_joints, skeleton.num_limbs
    mine = slice(*candidates.offsets[[image * joints, (image + 1) * joints]].tolist())
    these = slice(*pairs.offsets[[image * limbs, (image + 1) * limbs]].tolist())
    first, second = (side[these].astype(np.int64) - mine.start for side in (pairs.first, pairs.second))
    limb = np.repeat(np.arange(limbs), np.diff(pairs.offsets[image * limbs : (image + 1) * limbs + 1]))
    responses, affinity = candidates.scores[mine].astype(np.float64), pairs.scores[these].astype(np.float64)
    typical = max(typical_affinity_numpy(candidates, pairs, image, skeleton), settings.typical_affinity)
    share = np.minimum(affinity / typical, settings.clear)
    support = np.maximum((share - settings.doubt) / (1 - settings.doubt), settings.weak_support * share)
    traced = responses <= settings.peak_threshold
    sure = np.where(traced, 1.0, np.minimum(responses / settings.faint_response, 1.0))
    support = support * np.minimum(sure[first], sure[second])
    apart = candidates.xy[mine].astype(np.float64)[first] - candidates.xy[mine].astype(np.float64)[second]
    return Links(first, second, limb, support, np.sqrt(np.square(apart).sum(axis=1))).where(support > 0)


def typical_affinity(candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton, settings: Settings) -> Floats:
    """(B,) the affinity that is typical of the true limbs of each image.

    It is the median over the pairs that are each other's best on their limb, which true ones mostly are, weighted by
    the lesser response of their two joints.
    """
    found = _C.typical_affinities(
        skeleton.num_joints, skeleton.num_limbs, candidates.offsets, candidates.scores,
        pairs.offsets, pairs.first, pairs.second, pairs.scores,
    )  # fmt: skip
    return np.maximum(found, settings.grouping.min_affinity_scale)


def typical_affinity_numpy(candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton) -> float:
    """The same of one image in plain NumPy, 0 without pairs."""
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
