"""Who holds what, set at once, for the ways of grouping that do not go joint by joint."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bottomup.grouping.graph import PersonJointGraph

Ints = npt.NDArray[np.int64]


def hold(graph: PersonJointGraph, people: Sequence[Ints]) -> None:
    """Let the graph's people be these, and nobody else: of each the candidates, at most one of a type."""
    graph.slots = np.full((len(people), graph.skeleton.num_joints), -1, np.int64)
    graph.owner = np.full(len(graph.types), -1, np.int64)
    for person, members in enumerate(people):
        graph.slots[person, graph.types[members]] = members
        graph.owner[members] = person
    graph.measure()


def held(graph: PersonJointGraph) -> list[Ints]:
    """The candidates of each person who holds any."""
    return [row[row >= 0] for row in graph.slots if row.max(initial=-1) >= 0]
