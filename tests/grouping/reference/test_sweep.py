"""The sweep: what holds of every grouping, that no step lowers the objective, and who gets whose joints."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.assignment import assign
from bottomup.grouping.reference.exchange import exchange_branches
from bottomup.grouping.reference.merge import attach_orphans, merge_fragments
from bottomup.grouping.reference.sweep import settle
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
    slow_objective,
)

NOBODY = np.zeros(0, np.int64)
SEEDS = st.integers(0, 2**32 - 1)
WRIST, NECK, LEFT_LEG = 4, 13, (6, 8, 10)


# -- what holds of every grouping ------------------------------------------------------------------------------------


@given(random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)))
def test_every_grouping_is_consistent(graph: PersonJointGraph) -> None:
    group(graph)
    check_consistent(graph)
    assert (graph.slots >= 0).any(axis=1).all()  # nobody is empty
    assert (graph.scores > graph.settings.person_cost)[: len(graph.types)][graph.owner >= 0].any() or not len(
        graph.slots
    )


@given(random_graphs())
def test_the_same_graph_gives_the_same_people(graph: PersonJointGraph) -> None:
    again = graph.copy()
    group(graph)
    group(again)
    np.testing.assert_array_equal(graph.slots, again.slots)
    np.testing.assert_array_equal(graph.scales, again.scales)


def loosen(graph: PersonJointGraph, joint: int) -> None:
    """Set free the joints of a type that no scored limb joins to their person: such a pair is no edge of the graph."""
    linked = graph.owner[graph.pairs.own] == graph.owner[graph.pairs.other]
    joined = set(graph.pairs.own[linked].tolist()) | set(graph.pairs.other[linked].tolist())
    for person, candidate in enumerate(graph.slots[:, joint].tolist()):
        if candidate >= 0 and candidate not in joined and (graph.slots[person] >= 0).sum() > 1:
            graph.slots[person, joint] = graph.owner[candidate] = -1
    graph.take(joint, NOBODY, NOBODY)


@given(random_graphs(), SEEDS)
def test_an_assignment_never_lowers_the_objective(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    for joint in sweep_order(graph.skeleton):
        loosen(graph, joint)
        before = graph.objective()
        graph.release(joint)
        graph.take(joint, *assign(graph.edges(joint)))
        check_consistent(graph)
        assert graph.objective() >= before - 1e-9


@pytest.mark.parametrize("step", [merge_fragments, exchange_branches])
@given(graph=random_graphs(), seed=SEEDS, height=st.sampled_from([5.0, 40.0, np.nan]))
def test_no_other_step_lowers_it_either(
    step: Callable[[PersonJointGraph], bool], graph: PersonJointGraph, seed: int, height: float
) -> None:
    deal(graph, seed)
    graph.scales[:] = height
    graph.measure = lambda which=None: None  # type: ignore[method-assign]  # heights are frozen, and everybody's the same
    before, slots = graph.objective(), graph.slots.copy()
    changed = step(graph)
    check_consistent(graph)
    assert (graph.slots >= 0).any(axis=1).all()
    assert slow_objective(graph) == pytest.approx(graph.objective())
    if changed:
        assert graph.objective() > before
    else:
        np.testing.assert_array_equal(graph.slots, slots)


@given(random_graphs(), SEEDS)
def test_no_exchange_between_people_in_contact_is_left_undone(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    graph.scales[:] = np.nan
    while exchange_branches(graph):  # ends, since each raises the objective
        pass
    value = graph.objective()
    contacts = set(zip(graph.owner[graph.pairs.own].tolist(), graph.owner[graph.pairs.other].tolist(), strict=True))
    for a, b in sorted(contacts):
        for pattern in branches(graph.skeleton) if min(a, b) >= 0 and a != b else ():
            other = graph.copy()
            joints = np.flatnonzero(pattern)
            other.slots[np.ix_([a, b], joints)] = other.slots[np.ix_([b, a], joints)]
            for person in (a, b):
                other.owner[other.slots[person][other.slots[person] >= 0]] = person
            # Who is left with nothing is merged, not exchanged, and saves the cost of a person besides.
            nobody = 2 - (other.slots[[a, b]] >= 0).any(axis=1).sum()
            assert other.objective() - nobody * other.settings.person_cost <= value + 1e-6


# -- who gets whose joints -------------------------------------------------------------------------------------------


def test_two_people_apart() -> None:
    poses = figures(0, 300)
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    assert_people(graph, poses)
    assert graph.scales == pytest.approx([100, 100], rel=0.15)


def test_a_weak_link_to_a_neighbour_is_not_followed() -> None:
    poses = figures(0, 25)
    crossing = {(limb, a, 1 - a): 0.55 for limb in range(CROWDPOSE_14.num_limbs) for a in (0, 1)}
    graph = people_graph(CROWDPOSE_14, poses, crossing)
    group(graph)
    assert_people(graph, poses)


def test_legs_swapped_at_the_hips_come_home() -> None:
    poses = figures(0, 20)
    graph = people_graph(CROWDPOSE_14, poses)
    own = np.arange(14)
    graph.slots = np.array([[graph.candidates_of(k)[n] for k in own] for n in (0, 1)])
    graph.slots[:, LEFT_LEG] = graph.slots[::-1][:, LEFT_LEG]
    for person in (0, 1):
        graph.owner[graph.slots[person]] = person
    graph.measure()
    before = graph.objective()
    stuck = graph.copy()
    for joint in sweep_order(CROWDPOSE_14):  # joint by joint the knee holds the ankle and the ankle the knee
        stuck.release(joint)
        stuck.take(joint, *assign(stuck.edges(joint)))
        if joint in LEFT_LEG[1:]:
            assert set(stuck.owner[stuck.candidates_of(joint)]) == {0, 1}
    assert exchange_branches(graph)
    assert graph.objective() > before
    assert_people(graph, poses)
    assert not exchange_branches(graph)


def test_fragments_that_a_limb_joins_merge() -> None:
    poses = figures(0, 300)
    graph = people_graph(CROWDPOSE_14, poses)
    for person in range(2):  # the legs are people of their own
        legs = np.full(14, -1)
        body = np.array([graph.candidates_of(k)[person] for k in range(14)])
        legs[6:12], body[6:12] = body[6:12], -1
        graph.slots = np.concatenate([graph.slots, [body, legs]])
    graph.scales = np.zeros(4)
    person, joint = np.nonzero(graph.slots >= 0)
    graph.owner[graph.slots[person, joint]] = person
    graph.measure()
    assert merge_fragments(graph)
    assert_people(graph, poses)
    assert not merge_fragments(graph)


def test_fragments_that_share_a_joint_type_stay_apart() -> None:
    points = [(0, 0, 0, 1), (0, 5, 0, 1), (1, 0, 9, 1), (2, 5, 9, 1)]
    graph = make_graph(SQUARE, points, {(0, 0, 2): 1.0, (2, 3, 1): 1.0, (1, 2, 3): 1.0})
    graph.slots = np.array([[0, 2, -1, -1], [1, -1, 3, -1]])
    graph.owner, graph.scales = np.array([0, 1, 0, 1]), np.full(2, np.nan)
    assert not merge_fragments(graph)


def orphan_wrist(x: float, y: float, *, without: int | None = WRIST) -> PersonJointGraph:
    """Two figures, the first without a wrist and an elbow, and a wrist that no limb reaches at a place."""
    poses = figures(0, 120)
    poses[0, 2] = np.nan
    if without is not None:
        poses[0, without] = np.nan
    lone = np.full((1, 14, 2), np.nan)
    lone[0, WRIST] = x, y
    graph = people_graph(CROWDPOSE_14, np.concatenate([poses, lone]))
    settle(graph)
    if without is None:
        hand, body = graph.candidates_of(WRIST)[0], graph.owner[graph.candidates_of(NECK)[0]]
        graph.absorb(body, graph.owner[hand])
        graph.compact()
    return graph


def test_an_orphan_within_reach_joins_the_nearest_body() -> None:
    graph = orphan_wrist(219, 100)
    assert graph.num_people == 3
    assert attach_orphans(graph)
    graph.compact()
    graph.measure()
    expected = figures(0, 120)
    expected[0, 2] = np.nan
    assert_people(graph, expected)


@pytest.mark.parametrize(
    ("x", "y", "without"),
    [(219.5, 100.5, None), (600, 100, WRIST), (219, 400, WRIST)],
    ids=["who has a wrist", "far to the side", "far below"],
)
def test_an_orphan_joins_nobody(x: float, y: float, without: int | None) -> None:
    graph = orphan_wrist(x, y, without=without)
    assert not attach_orphans(graph)
    assert graph.num_people == 3


def test_an_orphan_whose_limb_should_show_joins_nobody() -> None:
    poses = np.concatenate([figures(0), np.full((1, 14, 2), np.nan)])
    poses[1, WRIST] = poses[0, WRIST] + 1
    poses[0, WRIST] = np.nan  # the elbow is there, but the field shows no forearm
    graph = people_graph(CROWDPOSE_14, poses)
    group(graph)
    assert graph.num_people == 2


# -- few candidates, few limbs, odd skeletons ------------------------------------------------------------------------


@pytest.mark.parametrize("skeleton", [SQUARE, POINT, LOOSE, COCO_17])
def test_nothing_gives_nobody(skeleton: Skeleton) -> None:
    graph = make_graph(skeleton, [], {})
    group(graph)
    assert graph.slots.shape == (0, skeleton.num_joints)
    assert graph.to_networkx().number_of_nodes() == 0


@pytest.mark.parametrize("skeleton", [SQUARE, POINT, LOOSE, COCO_17])
def test_without_pairs_everybody_has_one_joint(skeleton: Skeleton) -> None:
    last = skeleton.num_joints - 1
    graph = make_graph(skeleton, [(0, 1, 1, 0.9), (0, 4, 4, 0.2), (last, 2, 2, 0.5)], {})
    assert not exchange_branches(graph)
    assert not merge_fragments(graph)
    group(graph)
    assert graph.owner.tolist() == [0, -1, 1]
    assert np.isnan(graph.scales).all()


def test_parts_of_a_skeleton_that_no_limb_joins_are_grouped_each_by_itself() -> None:
    points = [(0, 0, 0, 1), (1, 0, 19, 1), (3, 300, 0, 1), (4, 300, 25, 1)]
    graph = make_graph(ARM_AND_LEG, points, {(0, 0, 1): 1.0, (2, 2, 3): 1.0})
    group(graph)
    assert graph.slots.tolist() == [[0, 1, -1, -1, -1], [-1, -1, -1, 2, 3]]
    near = make_graph(ARM_AND_LEG, [(*p[:1], p[1] % 290, *p[2:]) for p in points], {(0, 0, 1): 1.0, (2, 2, 3): 1.0})
    group(near)  # as close as parts of one body are
    assert near.num_people == 1


def test_of_joints_with_unknown_names_nothing_is_assumed() -> None:
    assert np.isnan(max_limb_lengths(SQUARE)).all()
    graph = make_graph(SQUARE, [(0, 0, 0, 1), (1, 900, 0, 1), (3, 5, 5, 1)], {(0, 0, 1): 1.0})
    group(graph)
    assert graph.slots.tolist() == [[0, 1, -1, -1], [-1, -1, -1, 2]]


def test_all_joints_in_one_place_give_no_warning() -> None:
    graph = people_graph(CROWDPOSE_14, np.full((2, 14, 2), 7.0))
    group(graph)
    assert graph.num_people == 2
    assert graph.scales == pytest.approx([0, 0])
