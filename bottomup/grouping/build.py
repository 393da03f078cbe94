"""From the kernels' results to the graph of one image."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.grouping.graph import Links, PersonJointGraph
from bottomup.kernels import Candidates, LimbPairs
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def build_graph(
    candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton, settings: Settings
) -> PersonJointGraph:
    """The person-joint graph of one image of a batch, before anybody holds anything."""
    joints, limbs = skeleton.num_joints, skeleton.num_limbs
    offsets = candidates.offsets[image * joints : (image + 1) * joints + 1]
    mine = slice(int(offsets[0]), int(offsets[-1]))
    types = np.repeat(np.arange(joints), np.diff(offsets))
    xy = candidates.xy[mine].astype(np.float64)
    responses = candidates.scores[mine].astype(np.float64)
    starts = pairs.offsets[image * limbs : (image + 1) * limbs + 1]
    these = slice(int(starts[0]), int(starts[-1]))
    first = pairs.first[these].astype(np.int64) - mine.start
    second = pairs.second[these].astype(np.int64) - mine.start
    limb = np.repeat(np.arange(limbs), np.diff(starts))
    affinity = pairs.scores[these].astype(np.float64)
    support = _support(affinity, first, second, limb, responses, settings)
    links = Links(first, second, limb, support, np.hypot(*(xy[first] - xy[second]).T))
    return PersonJointGraph(
        skeleton, settings, types, xy, responses, candidates.extents[mine].astype(np.float64), links.where(support > 0)
    )


def _support(affinity: Floats, first: Ints, second: Ints, limb: Ints, responses: Floats, settings: Settings) -> Floats:
    """How far an affinity speaks for a limb: 1 if it is as high as is typical of this picture, 0 at `doubt` times that.

    How high a true limb's affinity comes out differs between networks and pictures (blurred fields halve it), but
    within one picture true limbs resemble each other far more than false ones do. Typical is the median over the pairs
    that are each other's best on their limb, which true ones mostly are, weighted by their joints' responses.

    A limb to a faint joint counts for less, as such joints are often ripples that happen to lie on somebody's limb. Not
    so to a traced joint: it has no response of its own, and its limbs are what shows it.
    """
    if not len(affinity):
        return affinity
    traced = responses <= settings.peak_threshold
    sure = np.where(traced, 1.0, np.minimum(responses / settings.faint_response, 1.0))
    typical = max(_C.typical_affinity(first, second, limb, affinity, responses), settings.typical_affinity)
    share = np.minimum(affinity / typical, 1.0)
    support = np.maximum((share - settings.doubt) / (1 - settings.doubt), settings.weak_support * share)
    return support * np.minimum(sure[first], sure[second])


def typical_affinity(candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton, settings: Settings) -> Floats:
    """(B,) the affinity that is typical of the true limbs of each image."""
    limbs = skeleton.num_limbs
    typical = []
    for image in range(candidates.batch):
        starts = pairs.offsets[image * limbs : (image + 1) * limbs + 1]
        these = slice(int(starts[0]), int(starts[-1]))
        limb = np.repeat(np.arange(limbs), np.diff(starts))
        affinity = pairs.scores[these].astype(np.float64)
        first, second = pairs.first[these].astype(np.int64), pairs.second[these].astype(np.int64)
        found = _C.typical_affinity(first, second, limb, affinity, candidates.scores.astype(np.float64))
        typical.append(max(found, settings.typical_affinity))
    return np.array(typical, np.float64)
