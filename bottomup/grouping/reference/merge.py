"""Mergers: people that share no joint type and that limbs join become one."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bottomup.grouping.edges import Pairs
from bottomup.grouping.reference.edges import gain_of
from bottomup.grouping.reference.heights import measure
from bottomup.grouping.reference.state import ReferenceGraph

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class CrossLimbs(NamedTuple):
    """Limbs between two people."""

    first: Ints  # (n,) and
    second: Ints  # (n,) people between whom some limb passes, the lower number first
    pairs: Pairs  # the limbs that do, and
    place: Ints  # at which of the n


def cross_limbs(graph: ReferenceGraph, dirty: Bools) -> CrossLimbs:
    """Limbs between people, at least one of them dirty (P,)."""
    pairs = graph.pairs
    a, b = graph.person_of[pairs.own], graph.person_of[pairs.other]
    across = np.flatnonzero((a >= 0) & (b >= 0) & (a != b))
    across = across[dirty[a[across]] | dirty[b[across]]]
    a, b = a[across], b[across]
    people = max(graph.num_people, 1)
    key, place = np.unique(np.minimum(a, b) * people + np.maximum(a, b), return_inverse=True)
    return CrossLimbs(key // people, key % people, pairs.where(across), place)


def choose_disjoint(first: Ints, second: Ints, gain: Floats) -> list[int]:
    """Which moves to make: those that gain, the most first, each person once."""
    moved: set[int] = set()
    chosen = []
    for n in np.argsort(-gain, kind="stable").tolist():
        both = {int(first[n]), int(second[n])}
        if gain[n] > 0 and not both & moved:
            moved |= both
            chosen.append(n)
    return chosen


def find_mergers(graph: ReferenceGraph, dirty: Bools) -> tuple[Ints, Ints]:
    """Pairs of people, at least one of them dirty, whose merger raises F: the best first, each person once."""
    first, second, links, place = cross_limbs(graph, dirty)
    # The larger body decides how long a limb may be: a fragment of few joints does not know its height.
    larger = np.fmax(graph.heights[first], graph.heights[second])
    gain = np.bincount(place, gain_of(graph, links, larger[place]), len(first)).astype(np.float64)
    shown = np.bincount(place, minlength=len(first))
    held, limbs, options = graph.members >= 0, graph.skeleton.limb_array, graph.settings.grouping
    start, end = held[:, limbs[:, 0]], held[:, limbs[:, 1]]
    expected = ((start[first] & end[second]) | (start[second] & end[first])).sum(axis=1)
    gain += options.person_cost - options.missing_limb_cost * (expected - shown)
    gain[(held[first] & held[second]).any(axis=1)] = 0
    chosen = choose_disjoint(first, second, gain)
    return first[chosen], second[chosen]


def merge_dirty(graph: ReferenceGraph, dirty: Bools, *, frozen: bool = False) -> Bools:
    """Merge pairs of people, at least one of them dirty (P,), the greatest gain of F first, while F grows.

    `frozen` leaves the heights as they are. Returns (P,) those that merged. Those that have nothing left stay until the
    graph is compacted.
    """
    merged = np.zeros(graph.num_people, bool)
    while True:
        first, second = find_mergers(graph, dirty)
        if not len(first):
            return merged
        graph.merge_people(first, second)
        # Two people neither of which changed have nothing to gain from each other.
        dirty = np.zeros(graph.num_people, bool)
        dirty[first] = dirty[second] = True
        if not frozen:
            measure(graph, dirty)
        merged |= dirty
