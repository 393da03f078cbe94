"""Joints of two people within one peak: a person may have a joint of which another one has the peak.

Two people's joints that lie within a Gaussian width of each other show as one peak. The grouping gives it to one of
them and the other lacks that joint. So, after everything else, a person that lacks a joint may take one that another
person has, if the limbs between it and the person's own joints are worth more than `peak_cost`. What a limb is worth
is as in an edge of the person-joint graph: its affinity times the length prior, less the cost of the limbs that should
be there and are not. The best offer is taken first; what that person has then may lead it, or the one it shares with,
to other joints. At most two people have one peak.

A limb both of whose ends would be shared with the same person tells less than others, since the field shows it in any
case: that person has it. So it counts `limb_factor` times what it would. Not nothing, as two people whose necks lie
within one peak are likely to have their heads within one, too. And no more than `max_share` of a person's joints may be
others', or a person's shadow would have them all, one after another.

This is a step of its own after F, under which a candidate serves one person only, has grown as far as it does. With a
duplicate of the candidate (see `PersonJointGraph.duplicate`) for the person that shares it, F grows with each joint
that is shared.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.reference.edges import gain_of, singleton_gain
from bottomup.grouping.reference.links import links_of
from bottomup.grouping.reference.state import ReferenceGraph

Ints = npt.NDArray[np.int64]
Offer = tuple[float, int, int]  # what it is worth, person, candidate


def find_shared_peaks(graph: ReferenceGraph) -> tuple[Ints, Ints]:
    """(n,) people and (n,) which candidate of another one each of them may have as well, the best first."""
    sharing = _Sharing(graph)
    offers = [offer for person in range(graph.num_people) for offer in sharing.offers(person)]
    chosen = []
    while offers:
        _, person, candidate = min(offers, key=lambda offer: (-offer[0], *offer[1:]))
        chosen.append((person, candidate))
        owner = int(graph.person_of[candidate])
        sharing.take(person, candidate)
        offers = [offer for offer in offers if offer[2] != candidate and offer[1] not in (person, owner)]
        offers += sharing.offers(person) + sharing.offers(owner)
    people, candidates = np.array(chosen, np.int64).reshape(-1, 2).T.copy()
    return people, candidates


class _Sharing:
    """Members of all people so far, with what is shared."""

    def __init__(self, graph: ReferenceGraph) -> None:
        self.graph = graph
        self.links = links_of(graph.pairs)
        self.members = graph.members.copy()
        self.taken = np.zeros(len(graph.types), bool)
        self.shared = np.zeros(graph.num_people, np.int64)

    def take(self, person: int, candidate: int) -> None:
        self.members[person, self.graph.types[candidate]] = candidate
        self.taken[candidate] = True
        self.shared[person] += 1

    def offers(self, person: int) -> list[Offer]:
        """What one person would take now."""
        graph, options, row = self.graph, self.graph.settings.sharing, self.members[person]
        size = int((row >= 0).sum())
        if size < options.min_joints or self.shared[person] + 1 > options.max_share * (size + 1):
            return []
        links = self.links.where(row[graph.types[self.links.other]] == self.links.other)
        free = (row[graph.types[links.own]] < 0) & (graph.person_of[links.own] >= 0) & ~self.taken[links.own]
        links = links.where(free)
        gain = gain_of(graph, links, np.full(len(links.own), graph.heights[person]))
        same = self.members[graph.person_of[links.own], graph.types[links.other]] == links.other
        gain[same] *= options.limb_factor
        candidates, place = np.unique(links.own, return_inverse=True)
        shown = np.bincount(place, minlength=len(candidates))
        neighbours = [graph.model.neighbours[joint] for joint in graph.types[candidates]]
        expected = np.array([(row[those] >= 0).sum() for those in neighbours], np.int64)
        weight = np.bincount(place, gain, len(candidates)) - graph.settings.grouping.missing_limb_cost * (
            expected - shown
        )
        weight += graph.responses[candidates] - singleton_gain(graph, candidates)
        pays = weight > options.peak_cost
        return [(w, person, c) for w, c in zip(weight[pays].tolist(), candidates[pays].tolist(), strict=True)]
