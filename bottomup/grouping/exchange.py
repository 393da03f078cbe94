"""Two people in contact may have each other's limbs: exchange whole branches of joints where F grows.

One assignment per joint type moves one joint at a time and cannot bring home two legs that were swapped at the
hips, since every single step of that lowers F. Between two people, though, all such exchanges can be tried at once.
Let x_k say whether they exchange their joints of type k. Then F depends only on which limbs have one exchanged and
one unexchanged end: limb l adds S_l if both ends agree and D_l if not, so that the change of F is
sum over limbs with disagreeing ends of (D_l - S_l), one matrix product for all pairs of people and all patterns x.
"""

from __future__ import annotations

from functools import lru_cache

import networkx as nx
import numpy as np
import numpy.typing as npt

from bottomup.grouping.body import sweep_order
from bottomup.grouping.graph import PersonJointGraph
from bottomup.skeleton import Skeleton

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A chain of people may need one round for each; what is left after these is for the next sweep.
_MAX_ROUNDS = 4


@lru_cache(maxsize=64)
def branches(skeleton: Skeleton) -> Bools:
    """(M, K) the patterns of exchange: each branch of the skeleton's tree, and each two of them together."""
    graph = nx.Graph()
    graph.add_nodes_from(range(skeleton.num_joints))
    graph.add_edges_from(skeleton.limbs)
    single = []
    for part in nx.connected_components(graph):
        centre = next(joint for joint in sweep_order(skeleton) if joint in part)
        tree = nx.bfs_tree(graph, centre)
        for joint in sorted(part):
            mask = np.zeros(skeleton.num_joints, bool)
            mask[[joint, *nx.descendants(tree, joint)]] = True
            single.append(mask)
    patterns = {tuple(a ^ b) for i, a in enumerate(single) for b in single[:i]} | {tuple(a) for a in single}
    table = np.array(sorted(patterns), bool)
    return table[table.any(axis=1) & ~table.all(axis=1)]


def exchange_branches(graph: PersonJointGraph) -> bool:
    """Make the exchanges that raise F, the best for each person first, until none does. Returns whether any did."""
    patterns = branches(graph.skeleton)
    limbs = graph.skeleton.limb_array
    if not len(patterns) or not len(limbs):
        return False
    differ = patterns[:, limbs[:, 0]] != patterns[:, limbs[:, 1]]
    changed = False
    for _ in range(_MAX_ROUNDS):
        first, second = _contacts(graph)
        if not len(first):
            break
        change = _exchange_gain(graph, first, second) @ differ.T.astype(np.float64)
        best = change.argmax(axis=1)
        gain = change[np.arange(len(first)), best]
        touched = np.zeros(graph.num_people, bool)
        for n in np.argsort(-gain, kind="stable"):
            if gain[n] <= 1e-9:
                break
            a, b = first[n], second[n]
            if touched[a] or touched[b]:
                continue
            touched[[a, b]] = True
            joints = np.flatnonzero(patterns[best[n]])
            graph.slots[np.ix_([a, b], joints)] = graph.slots[np.ix_([b, a], joints)]
        if not touched.any():
            break
        for person in np.flatnonzero(touched):
            held = graph.slots[person]
            graph.owner[held[held >= 0]] = person
        graph.compact()
        changed = True
    return changed


def _contacts(graph: PersonJointGraph) -> tuple[Ints, Ints]:
    """Pairs of people between whom some limb passes."""
    a, b = graph.owner[graph.pairs.own], graph.owner[graph.pairs.other]
    across = (a >= 0) & (b >= 0) & (a != b)
    key = np.unique(np.minimum(a, b)[across] * graph.num_people + np.maximum(a, b)[across])
    return key // max(graph.num_people, 1), key % max(graph.num_people, 1)


def _exchange_gain(graph: PersonJointGraph, first: Ints, second: Ints) -> Floats:
    """(n, L) D - S: what F gains if one end of a limb is exchanged between two people and the other is not."""
    larger = np.fmax(graph.scales[first], graph.scales[second])
    ends = graph.skeleton.limb_array.T

    def value(p: Ints, q: Ints, scale: Floats) -> Floats:
        return graph.limb_values(graph.slots[p][:, ends[0]], graph.slots[q][:, ends[1]], scale)

    together = value(first, first, larger) + value(second, second, larger)
    return value(first, second, larger) + value(second, first, larger) - together
