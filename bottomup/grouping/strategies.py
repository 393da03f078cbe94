"""The ways to group: the sweep, the exact solver, and what other decoders do, to compare with (`Settings.assignment`).

All of them start from the same candidates and the same scored pairs, so that they differ in the grouping alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bottomup.grouping.assignment import assign
from bottomup.grouping.exact.solver import group_exactly, largest_group
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.holding import hold
from bottomup.grouping.reference import sweep
from bottomup.grouping.reference.merge import attach_orphans
from bottomup.grouping.skeleton_tree import sweep_order

Ints = npt.NDArray[np.int64]
Matching = Callable[[PersonJointGraph, Ints], Ints]


def group(graph: PersonJointGraph) -> None:
    """Group the graph's candidates into people, in place, in the way that its settings say."""
    WAYS[graph.settings.assignment](graph)


def group_in_one_round(graph: PersonJointGraph) -> None:
    """One assignment between people and candidates per joint type, once (CrowdPose, Li et al., CVPR 2019, sec. 3.4).

    There the people are boxes from a detector; here they open as the candidates of the first types turn up.
    """
    for joint in sweep_order(graph.skeleton):
        graph.take(joint, *assign(graph.edges(joint)))
    graph.measure()


def group_by_limb(graph: PersonJointGraph) -> None:
    """A Kuhn-Munkres assignment of the candidates at both ends of each limb, then assembled, as trt_pose does."""
    _assemble(graph, _optimal)


def group_greedily(graph: PersonJointGraph) -> None:
    """Of each limb the best pair first, then the best that is left; assembled (Cao et al., CVPR 2017, sec. 2.4)."""
    _assemble(graph, _greedy)


def group_optimally(graph: PersonJointGraph) -> None:
    """The sweep's steps with the exact solver behind each sweep: for small pictures, to compare with.

    Raises
    ------
    ValueError
        If more than `exact_candidates` joint candidates are in contact.
    """
    _settle_exactly(graph)
    attach_orphans(graph)
    graph.measure()
    sweep.share_peaks(graph)


def _settle_exactly(graph: PersonJointGraph) -> None:
    most = graph.settings.exact_candidates
    if (size := largest_group(graph)) > most:
        raise ValueError(
            f"assignment must not be 'exact' where more than exact_candidates={most} joint candidates are in contact "
            f"but here {size} are"
        )
    graph.settle()
    group_exactly(graph)


def _assemble(graph: PersonJointGraph, match: Matching) -> None:
    """Match the ends of each limb by itself, then put limbs that share a joint together, in the skeleton's order.

    A limb that would give somebody a second joint of one type is left out, and so are candidates without a limb that
    are not worth a person.
    """
    person = list(range(len(graph.types)))  # of each candidate; the number is that of its first one
    members = [[candidate] for candidate in person]
    for limb in range(graph.skeleton.num_limbs):
        rows = np.flatnonzero(graph.pairs.limb == limb)
        for row in rows[match(graph, rows)] if len(rows) else rows:
            a, b = person[graph.pairs.own[row]], person[graph.pairs.other[row]]
            if a == b or set(graph.types[members[a]]) & set(graph.types[members[b]]):
                continue
            for candidate in members[b]:
                person[candidate] = a
            members[a] += members[b]
            members[b] = []
    worth = graph.responses > graph.settings.person_cost
    hold(graph, [np.array(one) for one in members if len(one) > 1 or (len(one) == 1 and worth[one[0]])])


def _optimal(graph: PersonJointGraph, rows: Ints) -> Ints:
    first, i = np.unique(graph.pairs.own[rows], return_inverse=True)
    second, j = np.unique(graph.pairs.other[rows], return_inverse=True)
    place, weights = np.full((len(first), len(second)), -1), np.zeros((len(first), len(second)))
    place[i, j], weights[i, j] = np.arange(len(rows)), graph.pairs.affinity[rows]
    matched: Ints = place[linear_sum_assignment(weights, maximize=True)]
    return matched[matched >= 0]


def _greedy(graph: PersonJointGraph, rows: Ints) -> Ints:
    chosen: list[int] = []
    taken: set[int] = set()
    for n in np.argsort(-graph.pairs.affinity[rows], kind="stable"):
        ends = {int(graph.pairs.own[rows[n]]), int(graph.pairs.other[rows[n]])}
        if not ends & taken:
            taken |= ends
            chosen.append(int(n))
    return np.array(chosen, np.int64)


WAYS: Mapping[str, Callable[[PersonJointGraph], None]] = MappingProxyType(
    {
        "sweep": sweep.group,
        "single": group_in_one_round,
        "limb": group_by_limb,
        "greedy": group_greedily,
        "exact": group_optimally,
    }
)
