"""Fragments of one person: people who share no joint type and whom limbs join become one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.graph import PersonJointGraph

Bools = npt.NDArray[np.bool_]


def merge_fragments(graph: PersonJointGraph) -> bool:
    """Merge pairs of people, the greatest gain of F first, while F grows. Returns whether anything changed."""
    merged = merge_touched(graph, np.ones(graph.num_people, bool))
    graph.compact()
    return bool(merged.any())


def merge_touched(graph: PersonJointGraph, touched: Bools) -> Bools:
    """Merge pairs of people at least one of whom is touched (P,), as `merge_fragments` does.

    Returns (P,) who was merged. Those who have nothing left stay until the graph is compacted.
    """
    merged = np.zeros(graph.num_people, bool)
    while True:
        first, second = graph.mergers(touched)
        if not len(first):
            return merged
        graph.absorb(first, second)
        # Two people who were not touched have nothing to gain from each other: else they would have been.
        touched = np.zeros(graph.num_people, bool)
        touched[first] = touched[second] = True
        graph.measure(touched)
        merged |= touched


def attach_orphans(graph: PersonJointGraph) -> bool:
    """Give small fragments that no limb reaches to the people whom they fit (see `orphans`).

    Returns whether anything changed; then nobody is left who has nothing.
    """
    numbers = graph.attach()
    if (numbers == np.arange(graph.num_people)).all():
        return False
    graph.unite(numbers)
    return True
