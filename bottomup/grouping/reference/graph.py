"""The compiled steps of the grouping in plain NumPy: the reference that they are held to, and the place to try changes.

`PlainGraph.of(graph)` is the same graph with these steps; everything that groups takes either. Sums may differ in the
last bits, so where two choices are worth the same the two may choose differently.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bottomup import _C
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.links import Edges, Links
from bottomup.grouping.model import tables
from bottomup.grouping.reference import sweep
from bottomup.grouping.reference.fragments import attach_numpy
from bottomup.grouping.reference.shared_peaks import share_numpy
from bottomup.grouping.skeleton_tree import branches, sweep_order

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class PlainGraph(PersonJointGraph):
    """A `PersonJointGraph` whose steps are plain NumPy."""

    @classmethod
    def of(cls, graph: PersonJointGraph) -> PlainGraph:
        """An independent copy of a graph."""
        plain = object.__new__(cls)
        plain.__dict__.update(graph.copy().__dict__)
        return plain

    def group(self) -> None:
        sweep.group_in_steps(self)

    def settle(self) -> None:
        sweep.settle(self)

    def split(self, candidates: Ints) -> None:
        twin = np.full(len(self.types), -1, np.int64)
        twin[candidates] = len(self.types) + np.arange(len(candidates))
        pairs = self.pairs
        for end in ("own", "other"):
            index = getattr(pairs, end)
            again = pairs.where(twin[index] >= 0)
            pairs = pairs.and_also(again._replace(**{end: twin[getattr(again, end)]}))
        super().split(candidates)
        self.links = _C.GroupingLinks(tables(self.skeleton, self.settings).rule, self.types, *pairs)

    def edges(self, joint: int) -> Edges:
        pairs = self.pairs
        links = pairs.and_also(pairs._replace(own=pairs.other, other=pairs.own))
        links = links.where((self.types[links.own] == joint) & (self.owner[links.other] >= 0))
        person = self.owner[links.other]
        stride = max(len(self.types), 1)
        key, inverse = np.unique(person * stride + links.own, return_inverse=True)
        gain = np.bincount(inverse, self.limb_gain(links, self.scales[person]), len(key)).astype(np.float64)
        shown = np.bincount(inverse, minlength=len(key))
        person, candidate = key // stride, key % stride
        expected = (self.slots[:, self.neighbours[joint]] >= 0).sum(axis=1)[person]
        gain -= self.settings.missing_limb_cost * (expected - shown)
        gain += self.responses[candidate] - self.alone(candidate)
        keep = gain > 0
        return Edges(person[keep], candidate[keep], gain[keep])

    def sweep(self, changed: Bools | None = None) -> tuple[Ints, Bools]:
        # Who holds the same but lost the height fell apart in between and was put together anew.
        before = {(*row, repr(scale)): n for n, (row, scale) in enumerate(self._rows())}
        for joint in sweep_order(self.skeleton):
            self.release(joint)
            self.take(joint, *assign_numpy(self.edges(joint)))
        kept = np.array([before.get((*row, repr(scale)), -1) for row, scale in self._rows()], np.int64)
        return kept, kept < 0

    def _rows(self) -> Iterable[tuple[list[int], float]]:
        return zip(self.slots.tolist(), self.scales.tolist(), strict=True)

    def objective(self) -> float:
        held = self.slots >= 0
        pairs = self.pairs
        mine = self.owner[pairs.own]
        inside = (mine >= 0) & (mine == self.owner[pairs.other])
        links = pairs.where(inside)
        limbs = self.skeleton.limb_array
        expected = int((held[:, limbs[:, 0]] & held[:, limbs[:, 1]]).sum())
        return float(
            self.responses[self.owner >= 0].sum()
            + self.limb_gain(links, self.scales[mine[inside]]).sum()
            - self.settings.missing_limb_cost * (expected - len(links.own))
            - self.settings.person_cost * held.any(axis=1).sum()
        )

    def measure(self, which: Bools | None = None) -> None:
        scales = np.full(self.num_people, np.nan)
        limbs = self.skeleton.limb_array
        limb_reach = self.reach[limbs[:, 0], limbs[:, 1]]
        pairs = self.pairs
        mine = self.owner[pairs.own]
        inside = (mine >= 0) & (mine == self.owner[pairs.other]) & np.isfinite(limb_reach[pairs.limb])
        person, height = mine[inside], pairs.length[inside] / limb_reach[pairs.limb[inside]]
        order = np.lexsort((-height, person))
        person, height = person[order], height[order]
        first = np.flatnonzero(np.diff(person, prepend=-1))
        count = np.diff(np.append(first, len(person)))
        median = height[first + count - 1 - count // 2]
        most = np.where(count >= 3, self.settings.height_ratio * median, np.inf)
        scales[person[first]] = np.minimum(height[first + (count >= 3)], most)
        self.scales = scales if which is None else np.where(which, scales, self.scales)

    def mergers(self, touched: Bools) -> tuple[Ints, Ints]:
        first, second, links, place = _contacts(self, touched)
        # The larger body decides how long a limb may be: a fragment of few joints does not know its scale.
        larger = np.fmax(self.scales[first], self.scales[second])
        gain = np.bincount(place, self.limb_gain(links, larger[place]), len(first)).astype(np.float64)
        shown = np.bincount(place, minlength=len(first))
        held, limbs = self.slots >= 0, self.skeleton.limb_array
        start, end = held[:, limbs[:, 0]], held[:, limbs[:, 1]]
        expected = ((start[first] & end[second]) | (start[second] & end[first])).sum(axis=1)
        gain += self.settings.person_cost - self.settings.missing_limb_cost * (expected - shown)
        gain[(held[first] & held[second]).any(axis=1)] = 0
        chosen = _each_once(first, second, gain)
        return first[chosen], second[chosen]

    def exchanges(self, touched: Bools) -> tuple[Ints, Ints, Ints]:
        limbs, patterns = self.skeleton.limb_array, branches(self.skeleton)
        contacts = _contacts(self, touched)
        differ = patterns[:, limbs[:, 0]] != patterns[:, limbs[:, 1]]
        if not len(contacts.first) or not len(patterns):
            nobody = np.zeros(0, np.int64)
            return nobody, nobody, nobody
        # Rounded, so that patterns that do the same stay equal in whatever order their limbs are summed.
        total = (_exchange_gain(self, contacts) @ differ.T.astype(np.float64)).round(9)
        chosen = _each_once(contacts.first, contacts.second, total.max(axis=1))
        return contacts.first[chosen], contacts.second[chosen], total.argmax(axis=1)[chosen]

    def attach(self) -> Ints:
        return attach_numpy(self)

    def share(self) -> tuple[Ints, Ints]:
        return share_numpy(self)

    def unite(self, numbers: Ints) -> None:
        changed = (np.bincount(numbers, minlength=self.num_people) != 1) | (numbers != np.arange(self.num_people))
        pieces, self.slots = self.slots, np.full_like(self.slots, -1)
        np.maximum.at(self.slots, numbers, pieces)
        self.owner = np.where(self.owner >= 0, numbers[self.owner], -1)
        self.measure(changed)
        self.compact()


def assign_numpy(edges: Edges) -> tuple[Ints, Ints]:
    """See `assignment.assign`; here every contested component is one dense call of SciPy's solver."""
    if not len(edges.person):
        return edges.person, edges.candidate
    people, person = np.unique(edges.person, return_inverse=True)
    candidates, candidate = np.unique(edges.candidate, return_inverse=True)
    size = len(people) + len(candidates)
    joined = coo_array((np.ones(len(person)), (person, len(people) + candidate)), shape=(size, size))
    label = connected_components(joined, directed=False)[1][person]
    matched_people, matched_candidates = [], []
    for part in np.unique(label):
        rows, row = np.unique(person[label == part], return_inverse=True)
        columns, column = np.unique(candidate[label == part], return_inverse=True)
        weights = np.zeros((len(rows), len(columns)))
        weights[row, column] = edges.weight[label == part]
        i, j = linear_sum_assignment(weights, maximize=True)
        passing = weights[i, j] > 0
        matched_people.append(people[rows[i[passing]]])
        matched_candidates.append(candidates[columns[j[passing]]])
    return np.concatenate(matched_people), np.concatenate(matched_candidates)


class _Contacts(NamedTuple):
    first: Ints  # (n,) and
    second: Ints  # (n,) people between whom some limb passes, the lower number first
    links: Links  # the limbs that do, and
    place: Ints  # at which of the n pairs


def _contacts(graph: PersonJointGraph, touched: Bools) -> _Contacts:
    """Pairs of people, at least one of them touched, between whom some limb passes."""
    pairs = graph.pairs
    a, b = graph.owner[pairs.own], graph.owner[pairs.other]
    across = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
    across = across[touched[a[across]] | touched[b[across]]]
    a, b = a[across], b[across]
    people = max(graph.num_people, 1)
    key, place = np.unique(np.minimum(a, b) * people + np.maximum(a, b), return_inverse=True)
    return _Contacts(key // people, key % people, pairs.where(across), place)


def _each_once(first: Ints, second: Ints, gain: Floats) -> list[int]:
    """Which couples of people to take: those that gain, the most first, nobody twice."""
    touched: set[int] = set()
    chosen = []
    for n in np.argsort(-gain, kind="stable").tolist():
        couple = {int(first[n]), int(second[n])}
        if gain[n] > 0 and not couple & touched:
            touched |= couple
            chosen.append(n)
    return chosen


def _exchange_gain(graph: PersonJointGraph, contacts: _Contacts) -> Floats:
    """(n, L) D - S: what F gains if one end of a limb is exchanged between two people and the other is not."""
    first, second, links, place = contacts
    larger = np.fmax(graph.scales[first], graph.scales[second])
    cost = graph.settings.missing_limb_cost
    held, limbs = graph.slots >= 0, graph.skeleton.limb_array
    start, end = held[:, limbs[:, 0]], held[:, limbs[:, 1]]
    expected = (start[first] & end[second]).astype(np.int64) + (start[second] & end[first])
    inside = (start & end).astype(np.int64)
    change: Floats = cost * (inside[first] + inside[second] - expected).astype(np.float64)

    # So far no limb shows in the field. One that does adds its gain and spares the cost.
    np.add.at(change, (place, links.limb), graph.limb_gain(links, larger[place]) + cost)
    shown = np.full((graph.num_people, graph.skeleton.num_limbs), -1)
    pairs = graph.pairs
    a, b = graph.owner[pairs.own], graph.owner[pairs.other]
    mine = np.flatnonzero((a == b) & (a >= 0))
    shown[a[mine], pairs.limb[mine]] = mine
    for person in (first, second):
        place, limb = np.nonzero(shown[person] >= 0)
        links = pairs.where(shown[person[place], limb])
        change[place, limb] -= graph.limb_gain(links, larger[place]) + cost
    return change
