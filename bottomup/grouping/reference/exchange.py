"""Two people in contact may have each other's limbs: exchange whole branches of joints where F grows.

One assignment per joint type moves one joint at a time and cannot bring home two legs that were swapped at the
hips, since every single step of that lowers F. Between two people, though, all such exchanges can be tried at once.
Let x_k say whether they exchange their joints of type k. Then F depends only on which limbs have one exchanged and
one unexchanged end: limb l adds S_l if both ends agree and D_l if not, so that the change of F is
sum over limbs with disagreeing ends of (D_l - S_l), one matrix product for all pairs of people and all patterns x.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.graph import MOST_ROUNDS, PersonJointGraph
from bottomup.grouping.skeleton_tree import branches

Bools = npt.NDArray[np.bool_]


def exchange_branches(graph: PersonJointGraph) -> bool:
    """Make the exchanges that raise F, the best for each person first, until none does. Returns whether any did."""
    exchanged = exchange_touched(graph, np.ones(graph.num_people, bool))
    graph.compact()
    return bool(exchanged.any())


def exchange_touched(graph: PersonJointGraph, touched: Bools) -> Bools:
    """Make the exchanges between people at least one of whom is touched (P,), as `exchange_branches` does.

    Returns (P,) who exchanged something. Those who have nothing left stay until the graph is compacted.
    """
    patterns = branches(graph.skeleton)
    exchanged = np.zeros(graph.num_people, bool)
    for _ in range(MOST_ROUNDS):
        first, second, pattern = graph.exchanges(touched)
        if not len(first):
            break
        one, other = graph.slots[first], graph.slots[second]
        graph.slots[first] = np.where(patterns[pattern], other, one)
        graph.slots[second] = np.where(patterns[pattern], one, other)
        for people in (first, second):
            row, joint = np.nonzero(graph.slots[people] >= 0)
            graph.owner[graph.slots[people[row], joint]] = people[row]
        # Two people who were not touched have nothing to gain from each other: else they would have been.
        touched = np.zeros(graph.num_people, bool)
        touched[first] = touched[second] = True
        exchanged |= touched
    return exchanged
