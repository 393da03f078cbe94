"""The sweep: joint types from the torso outward, one assignment each, again while the objective grows."""

from __future__ import annotations

from bottomup.grouping.exchange import exchange_branches
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.merging import attach_orphans, merge_fragments

# Most crowds are settled after two or three sweeps, the noisiest seen after five; a bound for the rest.
_MAX_SWEEPS = 10


def group(graph: PersonJointGraph) -> None:
    """Group the graph's candidates into people, in place."""
    settle(graph)
    if share_peaks(graph):
        settle(graph)
    if attach_orphans(graph):
        graph.compact()
        graph.measure()


def settle(graph: PersonJointGraph) -> None:
    """Sweep over the joint types, merge fragments and exchange branches until F grows no more."""
    best = -float("inf")
    exchanged = True
    for _ in range(_MAX_SWEEPS):
        changed = graph.sweep()
        graph.measure()
        if not changed and not exchanged:
            break  # nor would merging or exchanging change anything
        merge_fragments(graph)
        exchanged = exchange_branches(graph)
        graph.measure()
        now = graph.objective()
        if now <= best + 1e-9:
            break
        best = now


def share_peaks(graph: PersonJointGraph) -> bool:
    """Split the peaks that somebody else holds but whom a person without that joint would gain from."""
    candidates = graph.shareable()
    if len(candidates):
        graph.split(candidates)
    return len(candidates) > 0
