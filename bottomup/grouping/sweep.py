"""The sweep: joint types from the torso outward, one assignment each, again while the objective grows."""

from __future__ import annotations

import numpy as np

from bottomup.grouping.assignment import assign
from bottomup.grouping.body import sweep_order
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
    attach_orphans(graph)
    graph.compact()
    graph.measure()


def settle(graph: PersonJointGraph) -> None:
    """Sweep over the joint types and merge fragments until F grows no more."""
    best = -float("inf")
    for _ in range(_MAX_SWEEPS):
        for joint in sweep_order(graph.skeleton):
            graph.release(joint)
            graph.take(joint, *assign(graph.edges(joint)))
        graph.measure()
        merge_fragments(graph)
        graph.measure()
        exchange_branches(graph)
        graph.measure()
        now = graph.objective()
        if now <= best + 1e-9:
            break
        best = now


def share_peaks(graph: PersonJointGraph) -> bool:
    """Split the peaks that somebody else holds but whom a person without that joint would gain from."""
    large = (graph.slots >= 0).sum(axis=1) >= graph.settings.sharing_joints
    wanted = []
    for joint in range(graph.skeleton.num_joints):
        edges = graph.edges(joint)
        lacking = large[edges.person] & (graph.slots[edges.person, joint] < 0)
        taken = graph.owner[edges.candidate] >= 0
        pays = edges.weight > graph.settings.shared_peak_cost
        wanted.append(np.unique(edges.candidate[lacking & taken & pays]))
    candidates = np.concatenate(wanted)
    if len(candidates):
        graph.split(candidates)
    return len(candidates) > 0
