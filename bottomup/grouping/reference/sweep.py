"""The sweep: one assignment for each joint type, from the torso outward."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bottomup.grouping.reference.assignment import solve_assignment
from bottomup.grouping.reference.edges import find_edges
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.grouping.skeleton_tree import sweep_order

Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def sweep(graph: ReferenceGraph) -> tuple[Ints, Bools]:
    """Unassign, and assign anew, every joint type; heights are frozen meanwhile.

    The compiled sweep leaves out what would be assigned the same again.

    Returns, of the people that there are then, (P',) the number that they had, -1 for a new one, and (P',) whether they
    have other candidates than before.
    """
    # A person that has the same but lost the height fell apart in between and was put together anew.
    before = {(*row, repr(height)): n for n, (row, height) in enumerate(_rows(graph))}
    for joint in sweep_order(graph.skeleton):
        graph.unassign(joint)
        graph.assign(joint, *solve_assignment(find_edges(graph, joint)))
    kept = np.array([before.get((*row, repr(height)), -1) for row, height in _rows(graph)], np.int64)
    return kept, kept < 0


def _rows(graph: ReferenceGraph) -> Iterable[tuple[list[int], float]]:
    return zip(graph.members.tolist(), graph.heights.tolist(), strict=True)
