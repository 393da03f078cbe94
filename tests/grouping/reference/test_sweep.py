"""The sweep: what holds of every grouping, that no step lowers the objective, and where joints go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.assignment import solve_assignment
from bottomup.grouping.reference.edges import find_edges
from bottomup.grouping.reference.exchange import exchange_dirty
from bottomup.grouping.reference.held_limbs import objective
from bottomup.grouping.reference.merge import merge_dirty
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.grouping.skeleton_tree import branches, sweep_order
from bottomup.skeleton import Skeleton
from bottomup.skeletons import (
    COCO_17,
    CROWDPOSE_14,
)
from tests.makers.graphs import (
    ARM_AND_LEG,
    LOOSE,
    POINT,
    SQUARE,
    assert_people,
    check_consistent,
    deal,
    figures,
    make_graph,
    people_graph,
    random_graphs,
    set_members,
    slow_objective,
)

NONE = np.zeros(0, np.int64)
SEEDS = st.integers(0, 2**32 - 1)
WRIST, NECK, LEFT_LEG = 4, 13, (6, 8, 10)


# -- what holds of every grouping ------------------------------------------------------------------------------------


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)))
def test_every_grouping_is_consistent(graph: PersonJointGraph) -> None:
    group(graph)
    check_consistent(graph)
    assert (graph.members >= 0).any(axis=1).all()
    assert (graph.scores > graph.settings.grouping.person_cost)[: len(graph.types)][
        graph.person_of >= 0
    ].any() or not len(graph.members)


@given(random_graphs())
def test_the_same_graph_gives_the_same_people(graph: PersonJointGraph) -> None:
    again = graph.copy()
    group(graph)
    group(again)
    np.testing.assert_array_equal(graph.members, again.members)
    np.testing.assert_array_equal(graph.heights, again.heights)


def all_of(graph: ReferenceGraph) -> np.ndarray:
    return np.ones(graph.num_people, bool)


def merge(graph: ReferenceGraph, *, frozen: bool = False) -> bool:
    merged = merge_dirty(graph, all_of(graph), frozen=frozen)
    graph.compact()
    return bool(merged.any())


def exchange(graph: ReferenceGraph, *, frozen: bool = True) -> bool:
    exchanged = exchange_dirty(graph, all_of(graph))
    graph.compact()
    return bool(exchanged.any())


def loosen(graph: ReferenceGraph, joint: int) -> None:
    """Set free the joints of a type that no scored limb joins to their person: such a pair is no edge of the graph."""
    linked = graph.person_of[graph.pairs.own] == graph.person_of[graph.pairs.other]
    joined = set(graph.pairs.own[linked].tolist()) | set(graph.pairs.other[linked].tolist())
    for person, candidate in enumerate(graph.members[:, joint].tolist()):
        if candidate >= 0 and candidate not in joined and (graph.members[person] >= 0).sum() > 1:
            graph.members[person, joint] = graph.person_of[candidate] = -1
    graph.assign(joint, NONE, NONE)


@given(random_graphs(), SEEDS)
def test_an_assignment_never_lowers_the_objective(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    reference = ReferenceGraph.of(graph)
    for joint in sweep_order(graph.skeleton):
        loosen(reference, joint)
        before = objective(reference)
        reference.unassign(joint)
        reference.assign(joint, *solve_assignment(find_edges(reference, joint)))
        check_consistent(reference)
        assert objective(reference) >= before - 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("step", [merge, exchange])
@given(graph=random_graphs(), seed=SEEDS, height=st.sampled_from([5.0, 40.0, np.nan]))
def test_no_other_step_lowers_it_either(
    step: Callable[..., bool], graph: PersonJointGraph, seed: int, height: float
) -> None:
    deal(graph, seed)
    reference = ReferenceGraph.of(graph)
    reference.heights[:] = height  # of all people the same, and frozen
    before, members = objective(reference), reference.members.copy()
    changed = step(reference, frozen=True)
    check_consistent(reference)
    assert (reference.members >= 0).any(axis=1).all()
    assert slow_objective(reference) == pytest.approx(objective(reference))
    if changed:
        assert objective(reference) > before
    else:
        np.testing.assert_array_equal(reference.members, members)


@given(random_graphs(), SEEDS)
def test_no_exchange_between_people_in_contact_is_left_undone(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    reference = ReferenceGraph.of(graph)
    reference.heights[:] = np.nan
    while exchange(reference):  # ends, since each raises the objective
        pass
    value, pairs = objective(reference), reference.pairs
    person_of = reference.person_of
    for a, b in sorted(set(zip(person_of[pairs.own].tolist(), person_of[pairs.other].tolist(), strict=True))):
        for pattern in branches(graph.skeleton) if min(a, b) >= 0 and a != b else ():
            other = reference.copy()
            other.exchange(np.array([a]), np.array([b]), pattern[None])
            # A person that is left with nothing is merged, not exchanged, and saves the cost of a person besides.
            empty = 2 - (other.members[[a, b]] >= 0).any(axis=1).sum()
            assert objective(other) - empty * other.settings.grouping.person_cost <= value + 1e-6


# -- where joints go -------------------------------------------------------------------------------------------


def test_two_people_apart() -> None:
    poses = figures(0, 300)
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    assert_people(graph, poses)
    assert graph.heights == pytest.approx([100, 100], rel=0.15)


def test_a_weak_link_to_a_neighbour_is_not_followed() -> None:
    poses = figures(0, 25)
    crossing = {(limb, a, 1 - a): 0.55 for limb in range(CROWDPOSE_14.num_limbs) for a in (0, 1)}
    graph = people_graph(CROWDPOSE_14, poses, crossing)
    group(graph)
    assert_people(graph, poses)


def test_legs_swapped_at_the_hips_come_home() -> None:
    poses = figures(0, 20)
    graph = people_graph(CROWDPOSE_14, poses)
    members = np.array([[graph.candidates_of(k)[n] for k in range(14)] for n in (0, 1)])
    members[:, LEFT_LEG] = members[::-1][:, LEFT_LEG]
    set_members(graph, members)
    reference = ReferenceGraph.of(graph)
    stuck = reference.copy()
    for joint in sweep_order(CROWDPOSE_14):  # joint by joint the knee holds the ankle and the ankle the knee
        stuck.unassign(joint)
        stuck.assign(joint, *solve_assignment(find_edges(stuck, joint)))
        if joint in LEFT_LEG[1:]:
            assert set(stuck.person_of[stuck.candidates_of(joint)]) == {0, 1}
    before = objective(reference)
    assert exchange(reference)
    assert objective(reference) > before
    assert_people(reference, poses)
    assert not exchange(reference)
    graph.optimize()
    assert_people(graph, poses)


def test_fragments_that_a_limb_joins_merge() -> None:
    poses = figures(0, 300)
    graph = people_graph(CROWDPOSE_14, poses)
    rows = []
    for person in range(2):  # the legs are people of their own
        legs, body = np.full(14, -1), np.array([graph.candidates_of(k)[person] for k in range(14)])
        legs[6:12], body[6:12] = body[6:12], -1
        rows += [body, legs]
    set_members(graph, rows)
    reference = ReferenceGraph.of(graph)
    assert merge(reference)
    assert_people(reference, poses)
    assert not merge(reference)
    graph.optimize()
    assert_people(graph, poses)


def test_fragments_that_share_a_joint_type_stay_apart() -> None:
    points = [(0, 0, 0, 1), (0, 5, 0, 1), (1, 0, 9, 1), (2, 5, 9, 1)]
    graph = make_graph(SQUARE, points, {(0, 0, 2): 1.0, (2, 3, 1): 1.0, (1, 2, 3): 1.0})
    set_members(graph, [[0, 2, -1, -1], [1, -1, 3, -1]])
    assert not merge(ReferenceGraph.of(graph))


def loose_wrist(x: float, y: float, *, without: int | None = WRIST) -> PersonJointGraph:
    """Two figures, the first without a wrist and an elbow, and a wrist that no limb reaches at a place."""
    poses = figures(0, 120)
    poses[0, 2] = np.nan
    if without is not None:
        poses[0, without] = np.nan
    lone = np.full((1, 14, 2), np.nan)
    lone[0, WRIST] = x, y
    graph = people_graph(CROWDPOSE_14, np.concatenate([poses, lone]))
    graph.optimize()
    if without is None:
        hand, body = graph.candidates_of(WRIST)[0], int(graph.person_of[graph.candidates_of(NECK)[0]])
        graph.merge_people(body, int(graph.person_of[hand]))
        graph.compact()
    return graph


def test_a_fragment_within_reach_joins_the_nearest_body() -> None:
    graph = loose_wrist(219, 100)
    assert graph.num_people == 3
    graph.attach_fragments()
    expected = figures(0, 120)
    expected[0, 2] = np.nan
    assert_people(graph, expected)


@pytest.mark.parametrize(
    ("x", "y", "without"),
    [(219.5, 100.5, None), (600, 100, WRIST), (219, 400, WRIST)],
    ids=["has a wrist", "far to the side", "far below"],
)
def test_a_fragment_that_fits_no_body_stays_alone(x: float, y: float, without: int | None) -> None:
    graph = loose_wrist(x, y, without=without)
    members = graph.members
    graph.attach_fragments()
    np.testing.assert_array_equal(graph.members, members)
    assert graph.num_people == 3


def test_a_fragment_whose_limb_should_show_stays_alone() -> None:
    poses = np.concatenate([figures(0), np.full((1, 14, 2), np.nan)])
    poses[1, WRIST] = poses[0, WRIST] + 1
    poses[0, WRIST] = np.nan  # the elbow is there, but the field shows no forearm
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    assert graph.num_people == 2


# -- few candidates, few limbs, odd skeletons ------------------------------------------------------------------------


@pytest.mark.parametrize("skeleton", [SQUARE, POINT, LOOSE, COCO_17])
def test_nothing_gives_no_people(skeleton: Skeleton) -> None:
    graph = make_graph(skeleton, [], {})
    group(graph)
    assert graph.members.shape == (0, skeleton.num_joints)
    assert graph.to_networkx().number_of_nodes() == 0


@pytest.mark.parametrize("skeleton", [SQUARE, POINT, LOOSE, COCO_17])
def test_without_pairs_every_person_has_one_joint(skeleton: Skeleton) -> None:
    last = skeleton.num_joints - 1
    graph = make_graph(skeleton, [(0, 1, 1, 0.9), (0, 4, 4, 0.2), (last, 2, 2, 0.5)], {})
    reference = ReferenceGraph.of(graph)
    assert not exchange(reference)
    assert not merge(reference)
    group(graph)
    assert graph.person_of.tolist() == [0, -1, 1]
    assert np.isnan(graph.heights).all()


def test_parts_of_a_skeleton_that_no_limb_joins_are_grouped_each_by_itself() -> None:
    points = [(0, 0, 0, 1), (1, 0, 19, 1), (3, 300, 0, 1), (4, 300, 25, 1)]
    graph = make_graph(ARM_AND_LEG, points, {(0, 0, 1): 1.0, (2, 2, 3): 1.0})
    group(graph)
    assert graph.members.tolist() == [[0, 1, -1, -1, -1], [-1, -1, -1, 2, 3]]
    near = make_graph(ARM_AND_LEG, [(*p[:1], p[1] % 290, *p[2:]) for p in points], {(0, 0, 1): 1.0, (2, 2, 3): 1.0})
    group(near)  # as close as parts of one body are
    assert near.num_people == 1


def test_of_joints_with_unknown_names_nothing_is_assumed() -> None:
    assert np.isnan(max_limb_lengths(SQUARE)).all()
    graph = make_graph(SQUARE, [(0, 0, 0, 1), (1, 900, 0, 1), (3, 5, 5, 1)], {(0, 0, 1): 1.0})
    group(graph)
    assert graph.members.tolist() == [[0, 1, -1, -1], [-1, -1, -1, 2]]


def test_all_joints_in_one_place_give_no_warning() -> None:
    graph = people_graph(CROWDPOSE_14, np.full((2, 14, 2), 7.0))
    group(graph)
    assert graph.num_people == 2
    assert graph.heights == pytest.approx([0, 0])
