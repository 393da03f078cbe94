"""Joints of two people within one peak: a person may have a joint that somebody else holds.

Two people's joints that lie within a Gaussian width of each other show as one peak. The grouping gives it to one of
them and the other lacks that joint. So, after everything else, whoever lacks a joint may take one that another person
holds, if the limbs between it and the person's own joints are worth more than `shared_peak_cost`. What a limb is worth
is as in an edge of the person-joint graph: its affinity times the length prior, less the cost of the limbs that should
be there and are not. The best offer is taken first; what that person has then may lead it, or the one it shares with,
to other joints. At most two people have one peak.

A limb both of whose ends would be shared with the same person tells less than others, since the field shows it in any
case: that person has it. So it counts `shared_limb` times what it would. Not nothing, as two people whose necks lie
within one peak are likely to have their heads within one, too. And nobody's joints may be others' for more than
`sharing_limit`, or somebody's shadow would have them all, one after another.

This is a step of its own after F, under which a candidate serves one person only, has grown as far as it does. With a
twin of the candidate (see `PersonJointGraph.split`) for whoever shares it, F grows with each joint that is shared.

This is the plain twin of csrc/cpu/grouping_shared.cpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from bottomup.grouping.graph import PersonJointGraph

Ints = npt.NDArray[np.int64]
Offer = tuple[float, int, int]  # what it is worth, person, candidate


def share_numpy(graph: PersonJointGraph) -> tuple[Ints, Ints]:
    """(n,) people and (n,) which candidate of somebody else each of them may have as well, the best first."""
    sharing = _Sharing(graph)
    offers = [offer for person in range(graph.num_people) for offer in sharing.offers(person)]
    chosen = []
    while offers:
        _, person, candidate = min(offers, key=lambda offer: (-offer[0], *offer[1:]))
        chosen.append((person, candidate))
        owner = int(graph.owner[candidate])
        sharing.take(person, candidate)
        offers = [offer for offer in offers if offer[2] != candidate and offer[1] not in (person, owner)]
        offers += sharing.offers(person) + sharing.offers(owner)
    people, candidates = np.array(chosen, np.int64).reshape(-1, 2).T.copy()
    return people, candidates


class _Sharing:
    """Who has what so far."""

    def __init__(self, graph: PersonJointGraph) -> None:
        pairs = graph.pairs
        self.graph = graph
        self.links = pairs.and_also(pairs._replace(own=pairs.other, other=pairs.own))
        self.slots = graph.slots.copy()
        self.taken = np.zeros(len(graph.types), bool)
        self.shared = np.zeros(graph.num_people, np.int64)

    def take(self, person: int, candidate: int) -> None:
        self.slots[person, self.graph.types[candidate]] = candidate
        self.taken[candidate] = True
        self.shared[person] += 1

    def offers(self, person: int) -> list[Offer]:
        """What one person would take now."""
        graph, settings, row = self.graph, self.graph.settings, self.slots[person]
        size = int((row >= 0).sum())
        if size < settings.sharing_joints or self.shared[person] + 1 > settings.sharing_limit * (size + 1):
            return []
        links = self.links.where(row[graph.types[self.links.other]] == self.links.other)
        free = (row[graph.types[links.own]] < 0) & (graph.owner[links.own] >= 0) & ~self.taken[links.own]
        links = links.where(free)
        gain = graph.limb_gain(links, np.full(len(links.own), graph.scales[person]))
        same = self.slots[graph.owner[links.own], graph.types[links.other]] == links.other
        gain[same] *= settings.shared_limb
        candidates, place = np.unique(links.own, return_inverse=True)
        shown = np.bincount(place, minlength=len(candidates))
        neighbours = [graph.neighbours[joint] for joint in graph.types[candidates]]
        expected = np.array([(row[those] >= 0).sum() for those in neighbours], np.int64)
        weight = np.bincount(place, gain, len(candidates)) - settings.missing_limb_cost * (expected - shown)
        weight += graph.responses[candidates] - graph.alone(candidates)
        pays = weight > settings.shared_peak_cost
        return [(w, person, c) for w, c in zip(weight[pays].tolist(), candidates[pays].tolist(), strict=True)]
