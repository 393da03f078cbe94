"""Edges of the compiled graph against the reference, from any state of random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping.edges import Edges
from bottomup.grouping.reference.edges import find_edges
from bottomup.grouping.reference.state import ReferenceGraph
from tests.makers.crowds import dealt
from tests.makers.graphs import without_type


def in_order(edges: Edges) -> list[np.ndarray]:
    order = np.lexsort((edges.candidate, edges.person))
    return [side[order] for side in edges]


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_edges(seed: int) -> None:
    graph, _ = dealt(seed)
    for joint in range(graph.skeleton.num_joints):
        free = without_type(graph, joint)
        expected = find_edges(ReferenceGraph.of(free), joint)
        for mine, theirs in zip(in_order(free.edges(joint)), in_order(expected), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)
