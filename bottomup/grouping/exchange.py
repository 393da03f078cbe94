"""Two people in contact may have each other's limbs: exchange whole branches of joints where F grows.

One assignment per joint type moves one joint at a time and cannot bring home two legs that were swapped at the
hips, since every single step of that lowers F. Between two people, though, all such exchanges can be tried at once.
Let x_k say whether they exchange their joints of type k. Then F depends only on which limbs have one exchanged and
one unexchanged end: limb l adds S_l if both ends agree and D_l if not, so that the change of F is
sum over limbs with disagreeing ends of (D_l - S_l), one matrix product for all pairs of people and all patterns x.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import networkx as nx
import numpy as np
import numpy.typing as npt

from bottomup.grouping.body import sweep_order
from bottomup.grouping.graph import Links, PersonJointGraph
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
    touched = np.ones(graph.num_people, bool)
    for _ in range(_MAX_ROUNDS):
        # Two people who were not touched have nothing to gain from each other: else they would have been.
        contacts = _contacts(graph, touched)
        first, second = contacts.first, contacts.second
        if not len(first):
            break
        best, gain = _best_patterns(_exchange_gain(graph, contacts), differ)
        touched = np.zeros(graph.num_people, bool)
        for n in np.argsort(-gain, kind="stable"):
            if gain[n] <= 0:
                break
            a, b = first[n], second[n]
            if touched[a] or touched[b]:
                continue
            touched[[a, b]] = True
            joints = np.flatnonzero(patterns[best[n]])
            graph.slots[np.ix_([a, b], joints)] = graph.slots[np.ix_([b, a], joints)]
        if not touched.any():
            break
        person, joint = np.nonzero(graph.slots >= 0)
        graph.owner[graph.slots[person, joint]] = person
        changed = True
    graph.compact()
    return changed


def _best_patterns(change: Floats, differ: Bools) -> tuple[Ints, Floats]:
    """(n,) the pattern that gains most for each pair of people, the first of equals, and what it gains."""
    best, gain = np.zeros(len(change), np.int64), np.zeros(len(change))
    hopeful = np.flatnonzero((change > 0).any(axis=1))
    for part in np.array_split(hopeful, len(hopeful) // 4096 + 1):
        # Rounded, so that patterns that do the same stay equal in whatever order their limbs are summed.
        total = (change[part] @ differ.T.astype(np.float64)).round(9)
        best[part] = total.argmax(axis=1)
        gain[part] = total[np.arange(len(part)), best[part]]
    return best, gain


class _Contacts(NamedTuple):
    first: Ints  # (n,) and
    second: Ints  # (n,) people between whom some limb passes
    links: Links  # the limbs that do, and
    place: Ints  # at which of the n pairs


def _contacts(graph: PersonJointGraph, touched: Bools) -> _Contacts:
    """Pairs of people, at least one of them touched, between whom some limb passes."""
    a, b = graph.owner[graph.pairs.own], graph.owner[graph.pairs.other]
    across = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
    across = across[touched[a[across]] | touched[b[across]]]
    a, b = a[across], b[across]
    key, place = np.unique(np.minimum(a, b) * graph.num_people + np.maximum(a, b), return_inverse=True)
    people = max(graph.num_people, 1)
    return _Contacts(key // people, key % people, graph.pairs.where(across), place)


def _exchange_gain(graph: PersonJointGraph, contacts: _Contacts) -> Floats:
    """(n, L) D - S: what F gains if one end of a limb is exchanged between two people and the other is not."""
    first, second, links, place = contacts
    larger = np.fmax(graph.scales[first], graph.scales[second])
    cost = graph.settings.missing_limb_cost
    held = graph.slots >= 0
    start, end = held[:, graph.skeleton.limb_array[:, 0]], held[:, graph.skeleton.limb_array[:, 1]]
    expected = (start[first] & end[second]).astype(np.int64) + (start[second] & end[first])
    inside = (start & end).astype(np.int64)
    change: Floats = cost * (inside[first] + inside[second] - expected).astype(np.float64)

    # So far no limb shows in the field. One that does adds its gain and spares the cost.
    np.add.at(change, (place, links.limb), graph.limb_gain(links, larger[place]) + cost)
    shown = np.full((graph.num_people, graph.skeleton.num_limbs), -1)
    a, b = graph.owner[graph.pairs.own], graph.owner[graph.pairs.other]
    mine = np.flatnonzero((a == b) & (a >= 0))
    shown[a[mine], graph.pairs.limb[mine]] = mine
    for person in (first, second):
        place, limb = np.nonzero(shown[person] >= 0)
        links = graph.pairs.where(shown[person[place], limb])
        change[place, limb] -= graph.limb_gain(links, larger[place]) + cost
    return change
