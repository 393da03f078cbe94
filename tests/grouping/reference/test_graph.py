"""The compiled steps against their plain NumPy twins, from any state of random graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, build_graph, group
from bottomup.grouping.assignment import assign
from bottomup.grouping.build import scored_pairs_numpy, typical_affinity, typical_affinity_numpy
from bottomup.grouping.links import Edges
from bottomup.grouping.reference.graph import PlainGraph, assign_numpy
from bottomup.grouping.reference.merge import attach_orphans
from bottomup.grouping.reference.sweep import group_in_steps, settle
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from tests.makers.crowds import crowd, dealt, found
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, check_consistent, deal, make_graph, random_graphs
from tests.makers.settings import make_settings

SEEDS = st.integers(0, 2**32 - 1)
FRAME = Skeleton(
    "frame",
    ("left_hip", "right_hip", "left_shoulder", "right_shoulder", "neck", "left_knee"),
    ((0, 1), (2, 0), (3, 1), (4, 2), (4, 3), (0, 5)),
    (0.1,) * 6,
)


def in_order(edges: Edges) -> list[np.ndarray]:
    order = np.lexsort((edges.candidate, edges.person))
    return [side[order] for side in edges]


@given(SEEDS)
def test_edges(seed: int) -> None:
    graph, plain = dealt(seed)
    for joint in range(graph.skeleton.num_joints):
        for mine, theirs in zip(in_order(graph.edges(joint)), in_order(plain.edges(joint)), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-12)


@given(SEEDS)
def test_objective_and_heights(seed: int) -> None:
    graph, plain = dealt(seed)
    assert graph.objective() == pytest.approx(plain.objective(), abs=1e-9)
    graph.measure()
    plain.measure()
    np.testing.assert_array_equal(graph.scales, plain.scales)


def people_of(graph: PersonJointGraph) -> dict[tuple[int, ...], float]:
    """What each person holds, and the person's height; 0 for an unknown one."""
    heights = np.nan_to_num(graph.scales).tolist()
    return dict(zip(map(tuple, graph.slots.tolist()), heights, strict=True))


@given(SEEDS)
def test_a_sweep(seed: int) -> None:
    graph, plain = dealt(seed, shared=False)
    before = graph.slots.copy()
    kept, moved = graph.sweep()
    plain.sweep()
    check_consistent(graph)
    assert people_of(graph) == people_of(plain)
    assert kept.shape == moved.shape == (graph.num_people,)
    np.testing.assert_array_equal(moved[kept < 0], True)
    same = (before[kept[kept >= 0]] == graph.slots[kept >= 0]).all(axis=1)
    np.testing.assert_array_equal(same, ~moved[kept >= 0])


@given(SEEDS)
def test_a_sweep_over_those_who_changed_equals_one_over_everybody(seed: int) -> None:
    graph, rng = crowd(seed, most=12), np.random.default_rng(seed)
    graph.sweep()
    graph.measure()
    changed = np.ones(graph.num_people, bool)
    for _ in range(4):
        everybody = graph.copy()
        everybody.sweep()
        _, moved = graph.sweep(changed)
        check_consistent(graph)
        assert people_of(graph) == people_of(everybody)
        # A few people exchange a joint or learn another height; the others stay as the sweep left them.
        hit = np.flatnonzero(rng.random(graph.num_people) < 0.2)
        for a, b in zip(hit[::2], hit[1::2], strict=False):
            joint = rng.integers(graph.skeleton.num_joints)
            graph.slots[[a, b], joint] = graph.slots[[b, a], joint]
            for person in (a, b):
                graph.owner[graph.slots[person][graph.slots[person] >= 0]] = person
        graph.measure(moved)
        graph.scales[hit] *= 1.1
        changed = moved
        changed[hit] = True


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)), SEEDS)
def test_a_sweep_over_ties(graph: PersonJointGraph, seed: int) -> None:
    """The first type's assignments are worth the same, whoever is chosen among equals."""
    deal(graph, seed)
    for joint in range(graph.skeleton.num_joints):
        released = graph.copy()
        released.release(joint)
        edges = released.edges(joint)
        weight = dict(zip(zip(edges.person.tolist(), edges.candidate.tolist(), strict=True), edges.weight, strict=True))
        totals = [
            sum(weight[pair] for pair in zip(*(side.tolist() for side in solve(edges)), strict=True))
            for solve in (assign, assign_numpy)
        ]
        assert totals[0] == pytest.approx(totals[1], abs=1e-9)
    graph.sweep()
    check_consistent(graph)
    assert (graph.slots >= 0).any(axis=1).all()


@given(SEEDS)
def test_merging_and_exchanging(seed: int) -> None:
    graph, plain = dealt(seed)
    touched = np.random.default_rng(seed).random(graph.num_people) < 0.5
    everybody = np.ones(graph.num_people, bool)
    for step, arguments in (
        ("mergers", (everybody,)),
        ("mergers", (touched,)),
        ("exchanges", (everybody,)),
        ("exchanges", (touched,)),
    ):
        for mine, theirs in zip(getattr(graph, step)(*arguments), getattr(plain, step)(*arguments), strict=True):
            np.testing.assert_array_equal(mine, theirs)


@given(SEEDS)
@example(1348)  # F grows by a limb that is too long and in whose stead nothing comes
def test_exchanging_limbs_that_are_far_too_long(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 4, FRAME.num_joints)
    points = [
        (k, *rng.integers(0, 60, 2), rng.integers(1, 5) / 4) for k, count in enumerate(counts) for _ in range(count)
    ]
    members = [[i for i, point in enumerate(points) if point[0] == k] for k in range(FRAME.num_joints)]
    affinities = {
        (limb, i, j): rng.integers(1, 5) / 4
        for limb, (a, b) in enumerate(FRAME.limbs)
        for i in members[a]
        for j in members[b]
        if rng.random() < 0.6
    }
    graph = make_graph(FRAME, points, affinities)
    deal(graph, seed)
    everybody = np.ones(graph.num_people, bool)
    for mine, theirs in zip(graph.exchanges(everybody), PlainGraph.of(graph).exchanges(everybody), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(SEEDS, st.integers(1, 4), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([0.0, 0.7]))
def test_sharing(seed: int, joints: int, limit: float, same: float) -> None:
    graph, plain = dealt(seed)
    settings = {"sharing_joints": joints, "sharing_limit": limit, "shared_limb": same, "shared_peak_cost": 0.3}
    for one in (graph, plain):
        one.settings = make_settings(one.settings, **settings)
    for mine, theirs in zip(graph.share(), plain.share(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@given(SEEDS)
def test_a_whole_grouping(seed: int) -> None:
    # No gains of missing limbs alone, which are worth the same to anybody: all the same.
    graph = crowd(seed, missing_limb_cost=0.0)
    plain = PlainGraph.of(graph)
    group(graph)
    group(plain)
    check_consistent(graph)
    assert people_of(graph) == pytest.approx(people_of(plain))


@given(SEEDS, st.booleans())
def test_settling_at_once_equals_settling_step_by_step(seed: int, dealt_before: bool) -> None:
    graph = crowd(seed, most=10)
    if dealt_before:
        deal(graph, seed)
    steps = graph.copy()
    graph.settle()
    settle(steps)
    check_consistent(graph)
    assert people_of(graph) == people_of(steps)
    shared = np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.2)
    for one, way in ((graph, graph.settle), (steps, lambda: settle(steps))):
        one.split(shared)
        way()
    check_consistent(graph)
    assert people_of(graph) == people_of(steps)


@given(SEEDS, st.booleans())
def test_grouping_at_once_equals_grouping_step_by_step(seed: int, dealt_before: bool) -> None:
    graph = crowd(seed, most=10, shared_peak_cost=0.3)
    if dealt_before:
        deal(graph, seed)
    steps = graph.copy()
    graph.group()
    group_in_steps(steps)
    check_consistent(graph)
    for name in ("owner", "slots", "scales", "types", "scores"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(steps, name))
    assert graph.objective() == pytest.approx(steps.objective())


def fragments(seed: int, **settings: Any) -> PersonJointGraph:
    """Bodies of known height, each near a place of its own, and single joints that nobody has taken in."""
    rng = np.random.default_rng(seed)
    joints, people = OPENPOSE_COCO_18.num_joints, int(rng.integers(1, 9))
    centres = rng.uniform(0, 200, (people, 2))
    points = [(k, *(centre + rng.normal(0, 12, 2)), 0.9) for k in range(joints) for centre in centres]
    limbs = {
        (n, a * people + i, b * people + i): 1.0
        for n, (a, b) in enumerate(OPENPOSE_COCO_18.limbs)
        for i in range(people)
    }
    graph = make_graph(OPENPOSE_COCO_18, points, limbs, **settings)
    bodies = np.where(rng.random((people, joints)) < rng.uniform(0.3, 0.9), np.arange(joints) * people, -1)
    bodies[bodies >= 0] += np.nonzero(bodies >= 0)[0]
    loose = np.flatnonzero(~np.isin(np.arange(len(graph.types)), bodies))
    loose = loose[rng.random(len(loose)) < 0.5]
    single = np.full((len(loose), joints), -1)
    single[np.arange(len(loose)), graph.types[loose]] = loose
    graph.slots = np.concatenate([bodies, single])
    person, joint = np.nonzero(graph.slots >= 0)
    graph.owner[graph.slots[person, joint]] = person
    graph.scales = np.zeros(graph.num_people)
    graph.compact()
    graph.measure()
    return graph


@given(SEEDS)
def test_compiled_and_plain_attach_the_same_fragments(seed: int) -> None:
    graph = fragments(seed)
    plain = PlainGraph.of(graph)
    np.testing.assert_array_equal(graph.attach(), plain.attach())
    assert attach_orphans(graph) == attach_orphans(plain)
    graph.compact()
    plain.compact()
    check_consistent(graph)
    assert people_of(graph) == people_of(plain)


def test_some_of_these_fragments_are_attached_and_some_are_not() -> None:
    before, after = 0, 0
    for seed in range(20):
        graph = fragments(seed)
        before += graph.num_people
        attach_orphans(graph)
        graph.compact()
        after += graph.num_people
    assert 0.3 * before < after < 0.9 * before


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)))
def test_settling_at_once_decides_ties_like_settling_step_by_step(graph: PersonJointGraph) -> None:
    steps = graph.copy()
    graph.settle()
    settle(steps)
    np.testing.assert_array_equal(graph.slots, steps.slots)
    np.testing.assert_array_equal(graph.owner, steps.owner)


@given(SEEDS)
def test_splitting(seed: int) -> None:
    graph, plain = dealt(seed, shared=False)
    candidates = np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.3)
    for one in (graph, plain):
        one.split(candidates)
    for mine, theirs in zip(graph.pairs, plain.pairs, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in ("types", "xy", "responses", "scores", "extents", "owner"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(plain, name))


@given(SEEDS, st.sampled_from([4, 10**6]))
def test_building_a_graph(seed: int, steps: int) -> None:
    candidates, pairs = found(seed, steps=steps)
    settings = make_settings(weak_support=0.0, peak_threshold=0.3)
    typical = typical_affinity(candidates, pairs, COCO_17, settings)
    for image in range(candidates.batch):
        expected = max(typical_affinity_numpy(candidates, pairs, image, COCO_17), settings.typical_affinity)
        assert typical[image] == expected
        graph = build_graph(candidates, pairs, image, COCO_17, settings)
        for mine, theirs in zip(
            graph.pairs, scored_pairs_numpy(candidates, pairs, image, COCO_17, settings), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)  # kept as float32


@pytest.mark.parametrize("size", [(300, 300), (40, 400), (400, 40)])
def test_large_contested_assignments(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for density in (0.01, 0.1, 0.7):
        weights = rng.random(size) * (rng.random(size) < density)
        person, candidate = np.nonzero(weights)
        edges = Edges(person, candidate, weights[person, candidate])
        totals = []
        for solve in (assign, assign_numpy):
            people, candidates = solve(edges)
            assert len(set(people.tolist())) == len(set(candidates.tolist())) == len(people)
            totals.append(weights[people, candidates].sum())
        assert totals[0] == pytest.approx(totals[1], rel=1e-12)


def test_the_untouched_are_left_alone() -> None:
    graph, _ = dealt(12)
    assert graph.num_people > 1
    nobody = np.zeros(graph.num_people, bool)
    assert [len(side) for side in graph.exchanges(nobody)] == [0, 0, 0]
    assert [len(side) for side in graph.mergers(nobody)] == [0, 0]
    heights = graph.scales.copy()
    graph.scales = graph.scales + 1
    graph.measure(nobody)
    np.testing.assert_array_equal(graph.scales, heights + 1)
