"""The compiled whole against the reference whole, from any state of random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph
from bottomup.grouping.reference.held_limbs import objective
from bottomup.grouping.reference.optimize import group, optimize
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.skeleton import Skeleton
from tests.makers.crowds import crowd, dealt
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, check_consistent, deal, make_graph, random_graphs

SEEDS = st.integers(0, 2**32 - 1)
FRAME = Skeleton(
    "frame",
    ("left_hip", "right_hip", "left_shoulder", "right_shoulder", "neck", "left_knee"),
    ((0, 1), (2, 0), (3, 1), (4, 2), (4, 3), (0, 5)),
    (0.1,) * 6,
)


def assert_same(graph: PersonJointGraph, reference: ReferenceGraph) -> None:
    """The same people of the same heights, numbered the same."""
    check_consistent(graph)
    np.testing.assert_array_equal(graph.members, reference.members)
    np.testing.assert_allclose(graph.heights, reference.heights)


@pytest.mark.slow
@given(SEEDS, st.booleans())
def test_optimize(seed: int, from_nothing: bool) -> None:
    # Nothing is tied: no duplicates, and no gains of missing limbs alone, which are worth the same to any person.
    graph, reference = dealt(seed, shared=False, grouping__missing_limb_cost=0.0)
    if from_nothing:
        graph = crowd(seed, grouping__missing_limb_cost=0.0)
        reference = ReferenceGraph.of(graph)
    graph.optimize()
    optimize(reference)
    assert_same(graph, reference)
    assert graph.objective() == pytest.approx(objective(reference), abs=1e-9)


@pytest.mark.slow
@given(SEEDS, st.booleans())
@example(3848, False)  # two people whose offers for a shared peak are equal
def test_group(seed: int, dealt_before: bool) -> None:
    graph = crowd(seed, grouping__missing_limb_cost=0.0, sharing__peak_cost=0.3)
    if dealt_before:
        deal(graph, seed)
    reference = ReferenceGraph.of(graph)
    graph.group()
    group(reference)
    assert_same(graph, reference)
    for name in ("types", "scores", "responses", "xy"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(reference, name))


@given(SEEDS)
def test_its_steps_one_by_one_are_the_whole(seed: int) -> None:
    graph = crowd(seed, sharing__peak_cost=0.3)
    steps = graph.copy()
    graph.group()
    steps.optimize()
    steps.attach_fragments()
    steps.share_peaks()
    for name in ("person_of", "members", "heights", "types", "scores"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(steps, name))


@given(SEEDS)
@example(1348)  # F grows by a limb that is too long and in whose stead nothing comes
def test_limbs_that_are_far_too_long(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(FRAME.num_joints), rng.integers(1, 4, FRAME.num_joints))
    points = [(k, *rng.uniform(0, 60, 2), rng.uniform(0.1, 1)) for k in kinds]
    affinities = {
        (limb, int(i), int(j)): float(rng.uniform(0.05, 1))
        for limb, (a, b) in enumerate(FRAME.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
        if rng.random() < 0.6
    }
    graph = make_graph(FRAME, points, affinities, grouping__min_affinity_scale=1.0, grouping__missing_limb_cost=0.01)
    deal(graph, seed)
    reference = ReferenceGraph.of(graph)
    before = graph.objective()
    graph.optimize()
    check_consistent(graph)
    assert graph.objective() == pytest.approx(objective(ReferenceGraph.of(graph)), abs=1e-9)
    assert before == pytest.approx(objective(reference), abs=1e-9)


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)), SEEDS)
def test_ties_are_decided_the_same_each_time(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    again = graph.copy()
    graph.optimize()
    again.optimize()
    check_consistent(graph)
    assert (graph.members >= 0).any(axis=1).all()
    np.testing.assert_array_equal(graph.members, again.members)
    np.testing.assert_array_equal(graph.person_of, again.person_of)
