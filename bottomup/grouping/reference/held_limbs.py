"""The limbs within each person, and what they add to the objective F."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.reference.edges import gain_of
from bottomup.grouping.reference.state import ReferenceGraph

Ints = npt.NDArray[np.int64]


def rows_within(graph: ReferenceGraph) -> Ints:
    """(P, L) the row of the pair that shows each limb of each person, -1 for none."""
    shown = np.full((graph.num_people, graph.skeleton.num_limbs), -1)
    pairs = graph.pairs
    a, b = graph.person_of[pairs.own], graph.person_of[pairs.other]
    mine = np.flatnonzero((a == b) & (a >= 0))
    shown[a[mine], pairs.limb[mine]] = mine
    return shown


def objective(graph: ReferenceGraph) -> float:
    """F; see `PersonJointGraph.objective`."""
    held, pairs = graph.members >= 0, graph.pairs
    mine = graph.person_of[pairs.own]
    inside = (mine >= 0) & (mine == graph.person_of[pairs.other])
    links = pairs.where(inside)
    limbs, options = graph.skeleton.limb_array, graph.settings.grouping
    expected = int((held[:, limbs[:, 0]] & held[:, limbs[:, 1]]).sum())
    return float(
        graph.responses[graph.person_of >= 0].sum()
        + gain_of(graph, links, graph.heights[mine[inside]]).sum()
        - options.missing_limb_cost * (expected - len(links.own))
        - options.person_cost * held.any(axis=1).sum()
    )
