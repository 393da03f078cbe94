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
    """Give small fragments that no limb reaches to the body they fit best. Returns whether anything changed.

    A merger saves the cost of one person and costs as much times the square of the stretch: how far apart the two
    fragments' joints are relative to what the larger body of the two allows, on average over all pairs of joints. So it
    pays if they are as close as joints of one body mostly are.
    """
    changed = False
    while True:
        fragment, host = graph.hosts()
        if not len(fragment):
            return changed
        graph.absorb(host, fragment)
        # A body that has grown is better known, which decides about the fragments that are left.
        grown = np.zeros(graph.num_people, bool)
        grown[host] = True
        graph.measure(grown)
        changed = True
