"""Fragments of people that no pair joins to the rest, by their tags."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.graph import PersonJointGraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# How many tolerances the mean tags of two parts of a person may be apart: where two joints agree by half.
_APART = 1.2
# A part within this many times the reach of a person's joints is that person's; see `max_limb_lengths`.
_REACH = 2.0
# Parts of no more joints are no people where another person has their tag.
_SMALL = 2


def attach_by_tags(graph: PersonJointGraph, tags: npt.NDArray[np.float32], tolerance: float) -> None:
    """Give people the fragments whose tags agree with theirs, and drop lone joints that are out of their reach.

    A fragment of up to `max_joints` joints goes to the larger person that lacks its joint types and whose mean tag is
    nearest (weighted by responses, up to 1.2 tolerances), if each of its joints is within twice the greatest distance
    that the skeleton allows to a joint of the person. One of one or two joints that agrees with a person but is out of
    reach, or doubles its joints, is no person: the network says whose it is.

    Parameters
    ----------
    graph:
        With people, as `PersonJointGraph.optimize` leaves it.
    tags:
        (n, D) of its candidates.
    tolerance:
        Distance at which tags agree.
    """
    members, xy = graph.members, graph.xy
    held = members >= 0
    sizes = held.sum(axis=1)
    means = mean_tags(members, tags, graph.responses)
    most = graph.settings.fragments.max_joints
    gone = np.zeros(len(members), bool)
    host = np.arange(len(members))
    order = np.argsort(sizes, kind="stable")
    parts = order[(sizes[order] > 0) & (sizes[order] <= most)]
    apart = np.linalg.norm(means[None] - means[parts, None], axis=2)  # (parts, people)
    for n, part in enumerate(parts):
        alike = apart[n] <= _APART * tolerance
        if sizes[part] == 0 or np.count_nonzero(alike) < 2:  # it is like itself
            continue
        others = (sizes > sizes[part]) | ((sizes == sizes[part]) & (np.arange(len(sizes)) > part))
        near = np.flatnonzero(alike & others & (sizes > 0) & ~gone)
        free = near[~(held[near] & held[part]).any(axis=1)]
        for other in free[np.argsort(apart[n, free], kind="stable")]:
            if _within_reach(graph, xy, members[part], members[other], graph.heights[other]):
                members[other] = np.where(held[part], members[part], members[other])
                held[other] |= held[part]
                means[other] = mean_tags(members[other : other + 1], tags, graph.responses)[0]
                sizes[other], sizes[part], host[part] = held[other].sum(), 0, other
                apart[:, other] = np.linalg.norm(means[parts] - means[other], axis=1)
                apart[parts == other] = np.linalg.norm(means - means[other], axis=1)
                break
        else:
            gone[part] = sizes[part] <= _SMALL < sizes[near].max(initial=0)
    if (host != np.arange(len(members))).any() or gone.any():
        kept = np.flatnonzero((sizes > 0) & ~gone)
        graph.set_people([row[row >= 0] for row in members[kept]])


def mean_tags(members: Ints, tags: npt.NDArray[np.float32], responses: Floats) -> Floats:
    """(P, D) the mean tag of each person's candidates, weighted by their responses; 0 for people without any."""
    held = members >= 0
    weights = np.where(held, responses[members], 0.0)
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)
    mean: Floats = (tags[members] * (weights / total)[..., None]).sum(axis=1, dtype=np.float64)
    return mean


def _within_reach(graph: PersonJointGraph, xy: Floats, part: Ints, person: Ints, height: float) -> bool:
    """Whether each joint of a part is within reach of all that the person has, as far as lengths are known."""
    a, b = np.flatnonzero(part >= 0), np.flatnonzero(person >= 0)
    longest = max_limb_lengths(graph.skeleton)[np.ix_(a, b)] * height
    apart = np.linalg.norm(xy[part[a]][:, None] - xy[person[b]][None], axis=2)
    return bool((np.isnan(longest) | (apart <= _REACH * longest)).all())
