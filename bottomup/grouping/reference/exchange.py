"""Exchanges: two people that limbs join may have each other's limbs, and swap whole branches of joints where F grows.

One assignment per joint type moves one joint at a time and cannot bring home two legs that were swapped at the
hips, since every single step of that lowers F. Between two people, though, all such exchanges can be tried at once.
Let x_k say whether they exchange their joints of type k. Then F depends only on which limbs have one exchanged and
one unexchanged end: limb l adds S_l if both ends agree and D_l if not, so that the change of F is
sum over limbs with disagreeing ends of (D_l - S_l), one matrix product for all pairs of people and all patterns x.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.reference.edges import gain_of
from bottomup.grouping.reference.held_limbs import rows_within
from bottomup.grouping.reference.merge import CrossLimbs, choose_disjoint, cross_limbs
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.grouping.skeleton_tree import branches

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def find_exchanges(graph: ReferenceGraph, dirty: Bools) -> tuple[Ints, Ints, Ints]:
    """Pairs of people, at least one of them dirty, and which exchange between them raises F most (its row of
    `skeleton_tree.branches`): the best first, each person once."""
    limbs, patterns = graph.skeleton.limb_array, branches(graph.skeleton)
    between = cross_limbs(graph, dirty)
    differ = patterns[:, limbs[:, 0]] != patterns[:, limbs[:, 1]]
    if not len(between.first) or not len(patterns):
        none = np.zeros(0, np.int64)
        return none, none, none
    # Rounded, so that patterns that do the same stay equal in whatever order their limbs are summed.
    total = (_exchange_gain(graph, between) @ differ.T.astype(np.float64)).round(9)
    chosen = choose_disjoint(between.first, between.second, total.max(axis=1))
    return between.first[chosen], between.second[chosen], total.argmax(axis=1)[chosen]


def exchange_dirty(graph: ReferenceGraph, dirty: Bools) -> Bools:
    """Make the exchanges that raise F between people, at least one of them dirty (P,), the best for each person first.

    Returns (P,) those that exchanged something. Those that have nothing left stay until the graph is compacted.
    """
    patterns = branches(graph.skeleton)
    exchanged = np.zeros(graph.num_people, bool)
    for _ in range(graph.settings.grouping.max_exchange_rounds):
        first, second, pattern = find_exchanges(graph, dirty)
        if not len(first):
            break
        graph.exchange(first, second, patterns[pattern])
        # Two people neither of which changed have nothing to gain from each other.
        dirty = np.zeros(graph.num_people, bool)
        dirty[first] = dirty[second] = True
        exchanged |= dirty
    return exchanged


def _exchange_gain(graph: ReferenceGraph, between: CrossLimbs) -> Floats:
    """(n, L) D - S: what F gains if one end of a limb is exchanged between two people and the other is not."""
    first, second, links, place = between
    larger = np.fmax(graph.heights[first], graph.heights[second])
    cost = graph.settings.grouping.missing_limb_cost
    held, limbs = graph.members >= 0, graph.skeleton.limb_array
    start, end = held[:, limbs[:, 0]], held[:, limbs[:, 1]]
    expected = (start[first] & end[second]).astype(np.int64) + (start[second] & end[first])
    inside = (start & end).astype(np.int64)
    change: Floats = cost * (inside[first] + inside[second] - expected).astype(np.float64)

    # So far no limb shows in the field. One that does adds its gain and spares the cost.
    np.add.at(change, (place, links.limb), gain_of(graph, links, larger[place]) + cost)
    shown = rows_within(graph)
    for person in (first, second):
        place, limb = np.nonzero(shown[person] >= 0)
        links = graph.pairs.where(shown[person[place], limb])
        change[place, limb] -= gain_of(graph, links, larger[place]) + cost
    return change
