"""The sweep: joint types from the torso outward, one assignment each, again while the objective grows."""

from __future__ import annotations

import numpy as np

from bottomup.grouping.graph import MOST_SWEEPS, PersonJointGraph
from bottomup.grouping.reference.exchange import exchange_touched
from bottomup.grouping.reference.merge import attach_orphans, merge_touched


def group(graph: PersonJointGraph) -> None:
    """Group the graph's candidates into people, in place."""
    graph.group()


def group_in_steps(graph: PersonJointGraph) -> None:
    """`PersonJointGraph.group`, which is compiled, step by step."""
    graph.settle()
    attach_orphans(graph)
    share_peaks(graph)


def settle(graph: PersonJointGraph) -> None:
    """Sweep over the joint types, merge fragments and exchange branches until F grows no more.

    `PersonJointGraph.settle` is this loop, compiled; here it is step by step, for the plain twin of the graph.
    Each step looks only at people who changed since it last came by, so what is settled costs nothing. Who is as before
    the round has not: what led there and back would only do so again.
    """
    best = -float("inf")
    changed, pending = None, np.ones(graph.num_people, bool)  # for sweeping; for merging and exchanging
    for _ in range(MOST_SWEEPS):
        before = np.vstack([graph.slots, np.full((1, graph.slots.shape[1]), -1)])  # the last row for new ones
        heights = np.append(graph.scales, np.nan)
        kept, moved = graph.sweep(changed)
        pending = np.append(pending, True)[kept] | moved  # the new ones, numbered -1, are
        graph.measure(moved)
        merged = merge_touched(graph, pending)
        exchanged = exchange_touched(graph, pending | merged)
        graph.measure(exchanged)
        same = (graph.slots == before[kept]).all(axis=1)
        same &= (graph.scales == heights[kept]) | np.isnan(graph.scales) & np.isnan(heights[kept])
        changed = (moved | merged | exchanged) & ~same
        pending = exchanged & changed
        if not changed.any():
            break
        now = graph.objective()
        if now <= best + 1e-9:
            break
        best = now
    graph.compact()


def share_peaks(graph: PersonJointGraph) -> bool:
    """Let people who lack a joint have it within a peak that somebody else holds (see `shared`).

    Returns whether anybody does.
    """
    person, candidate = graph.share()
    if not len(person):
        return False
    twin = len(graph.types) + np.arange(len(candidate))
    graph.split(candidate)
    graph.slots[person, graph.types[twin]] = twin
    graph.owner[twin] = person
    graph.measure(np.bincount(person, minlength=graph.num_people) > 0)
    return True
