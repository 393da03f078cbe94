"""Fragments that find their person by the pose prior."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph
from bottomup.grouping.reference.fragments import attach_fragments
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.skeleton import Skeleton
from bottomup.skeletons import CROWDPOSE_14, OPENPOSE_COCO_18, SKELETONS
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, check_consistent, deal, make_graph, set_members

NAMED = [*SKELETONS.values(), SQUARE, ARM_AND_LEG, POINT, LOOSE]
SEEDS = st.integers(0, 2**32 - 1)


@given(SEEDS, st.sampled_from(NAMED), st.sampled_from((1e-6, 1.0, 30.0, 1e6)))
def test_compiled_and_reference_attach_the_same(seed: int, skeleton: Skeleton, odds: float) -> None:
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(skeleton.num_joints), rng.integers(0, 5, skeleton.num_joints))
    points = [(k, *rng.uniform(0, 60, 2), 1.0) for k in kinds]
    affinities = {
        (limb, int(i), int(j)): 1.0
        for limb, (a, b) in enumerate(skeleton.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
    }
    graph = make_graph(skeleton, points, affinities, fragments__odds=odds)
    deal(graph, seed)
    reference = ReferenceGraph.of(graph)
    before = graph.members
    graph.attach_fragments()
    assert attach_fragments(reference) == (not np.array_equal(before, graph.members))
    np.testing.assert_array_equal(graph.members, reference.members)
    np.testing.assert_allclose(graph.heights, reference.heights)
    check_consistent(graph)


def loose_joints(seed: int) -> PersonJointGraph:
    """Bodies of known height, each near a place of its own, and single joints that belong to none of them yet."""
    rng = np.random.default_rng(seed)
    joints, people = OPENPOSE_COCO_18.num_joints, int(rng.integers(1, 9))
    centres = rng.uniform(0, 200, (people, 2))
    points = [(k, *(centre + rng.normal(0, 12, 2)), 0.9) for k in range(joints) for centre in centres]
    limbs = {
        (n, a * people + i, b * people + i): 1.0
        for n, (a, b) in enumerate(OPENPOSE_COCO_18.limbs)
        for i in range(people)
    }
    graph = make_graph(OPENPOSE_COCO_18, points, limbs)
    bodies = np.where(rng.random((people, joints)) < rng.uniform(0.3, 0.9), np.arange(joints) * people, -1)
    bodies[bodies >= 0] += np.nonzero(bodies >= 0)[0]
    loose = np.flatnonzero(~np.isin(np.arange(len(graph.types)), bodies))
    loose = loose[rng.random(len(loose)) < 0.5]
    single = np.full((len(loose), joints), -1)
    single[np.arange(len(loose)), graph.types[loose]] = loose
    set_members(graph, np.concatenate([bodies, single]))
    return graph


@pytest.mark.slow
@given(SEEDS)
def test_of_loose_joints_compiled_and_reference_attach_the_same(seed: int) -> None:
    graph = loose_joints(seed)
    reference = ReferenceGraph.of(graph)
    graph.attach_fragments()
    attach_fragments(reference)
    np.testing.assert_array_equal(graph.members, reference.members)
    np.testing.assert_allclose(graph.heights, reference.heights)


def test_some_of_these_are_attached_and_some_are_not() -> None:
    before, after = 0, 0
    for seed in range(20):
        graph = loose_joints(seed)
        before += graph.num_people
        graph.attach_fragments()
        after += graph.num_people
    assert 0.3 * before < after < 0.9 * before


def test_two_people_get_their_own_hands() -> None:
    """Each hand alone is nearer to what the person on the left lacks; together they can only be one each."""
    joints = [CROWDPOSE_14.index(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "neck")]
    hand = CROWDPOSE_14.index("left_wrist")
    trunk = np.array([[4, 0], [-4, 0], [3, 15], [-3, 15], [0, -1]], float)
    points = [(k, x + dx, y, 1.0) for k, (x, y) in zip(joints, trunk, strict=True) for dx in (0, 20)]
    points += [(hand, 8.0, 14.0, 1.0), (hand, 22.0, 16.0, 1.0)]
    points.sort()
    kinds = np.array([point[0] for point in points])
    affinities = {
        (limb, int(i), int(j)): 1.0
        for limb, (a, b) in enumerate(CROWDPOSE_14.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
        if abs(points[i][1] - points[j][1]) < 12
    }
    graph = make_graph(CROWDPOSE_14, points, affinities)
    graph.optimize()
    assert graph.num_people == 4
    graph.attach_fragments()
    assert graph.num_people == 2
    for row in graph.members:
        trunk_x = graph.xy[row[CROWDPOSE_14.index("neck")], 0]
        assert abs(graph.xy[row[hand], 0] - trunk_x) < 10
