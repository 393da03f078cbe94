"""Strategies of grouping: the sweep, the exact solver, and those of other decoders, to compare with
(`Settings.assignment`).

All of them start from the same candidates and the same scored pairs, so that they differ in the grouping alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bottomup.grouping.assignment import solve_assignment
from bottomup.grouping.edges import Pairs
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.skeleton_tree import sweep_order

Ints = npt.NDArray[np.int64]
Matching = Callable[[Pairs], Ints]  # rows that are matched


def group(graph: PersonJointGraph) -> None:
    """Group the graph's candidates into people, in place, by the strategy that its settings name."""
    STRATEGIES[graph.settings.assignment](graph)


def group_in_one_round(graph: PersonJointGraph) -> None:
    """One assignment between people and candidates per joint type, once (CrowdPose, Li et al., CVPR 2019, sec. 3.4).

    There the people are boxes from a detector; here they open as the candidates of the first types turn up.
    """
    for joint in sweep_order(graph.skeleton):
        graph.assign(joint, *solve_assignment(graph.edges(joint)))
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
    # Takes longer to import than most pictures take.
    from bottomup.grouping.exact.solver import group_exactly, largest_group

    most = graph.settings.grouping.exact_candidates
    if (size := largest_group(graph)) > most:
        raise ValueError(
            f"assignment must not be 'exact' where more than exact_candidates={most} joint candidates are in contact "
            f"but here {size} are"
        )
    graph.optimize()
    group_exactly(graph)
    graph.attach_fragments()
    graph.measure()
    graph.share_peaks()


def _assemble(graph: PersonJointGraph, match: Matching) -> None:
    """Match the ends of each limb by itself, then put limbs that share a joint together, in the skeleton's order.

    A limb that would give a person a second joint of one type is left out, and so are candidates without a limb that
    are not worth a person.
    """
    types, pairs = graph.types, graph.pairs
    person = list(range(len(types)))  # of each candidate; the number is that of its first one
    members = [[candidate] for candidate in person]
    for limb in range(graph.skeleton.num_limbs):
        on_limb = pairs.where(pairs.limb == limb)
        for row in match(on_limb) if len(on_limb.own) else ():
            a, b = person[on_limb.own[row]], person[on_limb.other[row]]
            if a == b or set(types[members[a]]) & set(types[members[b]]):
                continue
            for candidate in members[b]:
                person[candidate] = a
            members[a] += members[b]
            members[b] = []
    may_be_alone = graph.responses > graph.settings.grouping.person_cost
    graph.set_people([np.array(one) for one in members if len(one) > 1 or (len(one) == 1 and may_be_alone[one[0]])])


def _optimal(pairs: Pairs) -> Ints:
    from scipy.optimize import linear_sum_assignment  # takes longer to import than most pictures take

    first, i = np.unique(pairs.own, return_inverse=True)
    second, j = np.unique(pairs.other, return_inverse=True)
    place, weights = np.full((len(first), len(second)), -1), np.zeros((len(first), len(second)))
    place[i, j], weights[i, j] = np.arange(len(pairs.own)), pairs.affinity
    matched: Ints = place[linear_sum_assignment(weights, maximize=True)]
    return matched[matched >= 0]


def _greedy(pairs: Pairs) -> Ints:
    chosen: list[int] = []
    taken: set[int] = set()
    for n in np.argsort(-pairs.affinity, kind="stable"):
        ends = {int(pairs.own[n]), int(pairs.other[n])}
        if not ends & taken:
            taken |= ends
            chosen.append(int(n))
    return np.array(chosen, np.int64)


STRATEGIES: Mapping[str, Callable[[PersonJointGraph], None]] = MappingProxyType(
    {
        "sweep": PersonJointGraph.group,
        "single": group_in_one_round,
        "limb": group_by_limb,
        "greedy": group_greedily,
        "exact": group_optimally,
    }
)
