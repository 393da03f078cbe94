"""The compiled assignment against the reference, where much is contested."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from bottomup.grouping import PersonJointGraph, assignment
from bottomup.grouping.edges import Edges
from bottomup.grouping.reference import assignment as reference
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, deal, random_graphs, without_type

SOLVERS = (assignment.solve_assignment, reference.solve_assignment)


@pytest.mark.parametrize("size", [(300, 300), (40, 400), (400, 40)])
def test_large_contested_assignments(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for density in (0.01, 0.1, 0.7):
        weights = rng.random(size) * (rng.random(size) < density)
        person, candidate = np.nonzero(weights)
        edges = Edges(person, candidate, weights[person, candidate])
        totals = []
        for solve in SOLVERS:
            people, candidates = solve(edges)
            assert len(set(people.tolist())) == len(set(candidates.tolist())) == len(people)
            totals.append(weights[people, candidates].sum())
        assert totals[0] == pytest.approx(totals[1], rel=1e-12)


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)))
def test_ties(graph: PersonJointGraph) -> None:
    """Assignments are worth the same, whichever of equals is chosen."""
    deal(graph, 0)
    for joint in range(graph.skeleton.num_joints):
        edges = without_type(graph, joint).edges(joint)
        weight = dict(zip(zip(edges.person.tolist(), edges.candidate.tolist(), strict=True), edges.weight, strict=True))
        totals = [
            sum(weight[pair] for pair in zip(*(side.tolist() for side in solve(edges)), strict=True))
            for solve in SOLVERS
        ]
        assert totals[0] == pytest.approx(totals[1], abs=1e-9)
