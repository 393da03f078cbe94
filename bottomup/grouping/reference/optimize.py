"""The grouping: sweeps, mergers and exchanges while F grows, then fragments and shared peaks."""

from __future__ import annotations

import numpy as np

from bottomup.grouping.reference.exchange import exchange_dirty
from bottomup.grouping.reference.fragments import attach_fragments
from bottomup.grouping.reference.heights import measure
from bottomup.grouping.reference.held_limbs import objective
from bottomup.grouping.reference.links import duplicate
from bottomup.grouping.reference.merge import merge_dirty
from bottomup.grouping.reference.shared_peaks import find_shared_peaks
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.grouping.reference.sweep import sweep


def optimize(graph: ReferenceGraph) -> None:
    """Sweep over the joint types, merge fragments and exchange branches until F grows no more.

    A step looks only at people that changed since it last came by, so what is settled costs nothing. A person that is
    as before the round has not changed: what led there and back would only do so again.
    """
    best = -float("inf")
    dirty = np.ones(graph.num_people, bool)  # for merging and exchanging
    for _ in range(graph.settings.grouping.max_sweeps):
        before, heights = graph.members.copy(), graph.heights.copy()
        moved = sweep(graph)
        fresh = graph.num_people - len(before)
        before, heights = np.pad(before, ((0, fresh), (0, 0)), constant_values=-1), np.pad(heights, (0, fresh))
        dirty = np.pad(dirty, (0, fresh)) | moved
        measure(graph, moved)
        merged = merge_dirty(graph, dirty)
        exchanged = exchange_dirty(graph, dirty | merged)
        measure(graph, exchanged)
        same = (graph.heights == heights) | np.isnan(graph.heights) & np.isnan(heights)
        same |= (graph.members < 0).all(axis=1)  # without candidates a height means nothing
        same &= (graph.members == before).all(axis=1)
        changed = (moved | merged | exchanged) & ~same
        dirty = exchanged & changed
        if not changed.any():
            break
        now = objective(graph)
        if now <= best + 1e-9:
            break
        best = now
    graph.compact()


def share_peaks(graph: ReferenceGraph) -> bool:
    """Let people that lack a joint have it within another one's peak (see `shared_peaks`). Returns whether any does."""
    person, candidate = find_shared_peaks(graph)
    if not len(person):
        return False
    copies = len(graph.types) + np.arange(len(candidate))
    duplicate(graph, candidate)
    graph.members[person, graph.types[copies]] = copies
    graph.person_of[copies] = person
    measure(graph, np.bincount(person, minlength=graph.num_people) > 0)
    return True


def group(graph: ReferenceGraph) -> None:
    """Group the candidates into people; see `PersonJointGraph.group`."""
    optimize(graph)
    attach_fragments(graph)
    share_peaks(graph)
