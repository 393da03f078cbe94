"""The sweep: one assignment for each joint type, from the torso outward."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.reference.assignment import solve_assignment
from bottomup.grouping.reference.edges import find_edges
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.grouping.skeleton_tree import sweep_order

Bools = npt.NDArray[np.bool_]


def sweep(graph: ReferenceGraph) -> Bools:
    """Unassign, and assign anew, every joint type; heights are frozen meanwhile.

    The compiled sweep leaves out what would be assigned the same again.

    Returns (P,) the people, new ones included, that have other candidates than before. Those that have nothing left
    stay until the graph is compacted.
    """
    members, heights = graph.members.copy(), graph.heights.copy()
    for joint in sweep_order(graph.skeleton):
        before = graph.unassign(joint)
        graph.assign(joint, *solve_assignment(find_edges(graph, joint)), before)
    old = len(members)
    moved = np.ones(graph.num_people, bool)
    moved[:old] = (graph.members[:old] != members).any(axis=1)
    # A person that has the same but lost the height fell apart in between and was put together anew.
    moved[:old] |= np.isnan(graph.heights[:old]) & ~np.isnan(heights)
    return moved
