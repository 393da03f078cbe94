"""The sweep: what holds of every grouping, that no step lowers the objective, and who gets whose joints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from graph_makers import (
    ARM_AND_LEG,
    LOOSE,
    POINT,
    SQUARE,
    check_consistent,
    deal,
    make_graph,
    people_graph,
    random_graphs,
    slow_objective,
)
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.assignment import assign
from bottomup.grouping.body import reach, sweep_order
from bottomup.grouping.exchange import branches, exchange_branches
from bottomup.grouping.merging import attach_orphans, merge_fragments
from bottomup.grouping.sweep import settle, share_peaks
from bottomup.skeleton import Skeleton
from bottomup.skeletons import (
    COCO_17,
    CROWDPOSE_14,
)

NOBODY = np.zeros(0, np.int64)
SEEDS = st.integers(0, 2**32 - 1)

# A standing figure 100 cells high in CrowdPose's order.
FIGURE = 100 * np.array(
    [[0.13, 0.18], [-0.13, 0.18], [0.17, 0.36], [-0.17, 0.36], [0.19, 0.5], [-0.19, 0.5], [0.095, 0.47], [-0.095, 0.47],
     [0.1, 0.71], [-0.1, 0.71], [0.1, 0.95], [-0.1, 0.95], [0, 0], [0, 0.17]]
)  # fmt: skip
WRIST, NECK, LEFT_LEG = 4, 13, (6, 8, 10)


def figures(*shifts: float) -> np.ndarray:
    """(N, 14, 2) figures side by side."""
    return np.array([FIGURE + np.array([200 + shift, 50]) for shift in shifts])


def assert_people(graph: PersonJointGraph, poses: np.ndarray) -> None:
    check_consistent(graph)
    held = np.where((graph.slots >= 0)[..., None], graph.xy[graph.slots], np.nan)
    held = held[np.argsort(np.nanmean(held[..., 0], axis=1))]
    np.testing.assert_allclose(held, poses[np.argsort(np.nanmean(poses[..., 0], axis=1))], atol=1e-3)


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


def test_two_people_share_one_peak() -> None:
    poses = figures(0, 6)
    only = poses.copy()
    only[1, 13] = np.nan  # both necks lie in the first one's peak
    necks = {
        (limb, *((0, 1) if a == 13 else (1, 0))): 1.0 for limb, (a, b) in enumerate(CROWDPOSE_14.limbs) if 13 in (a, b)
    }
    graph = people_graph(CROWDPOSE_14, only, necks)
    group(graph)
    poses[1, 13] = poses[0, 13]
    assert_people(graph, poses)
    single = people_graph(CROWDPOSE_14, only, necks, shared_peak_cost=10.0)
    group(single)
    assert (single.slots[:, 13] >= 0).sum() == 1


def test_a_small_fragment_shares_nobodys_peak() -> None:
    """A second guess at a head must not become a person by borrowing the neck of the first."""
    poses = figures(0, 6)
    poses[1, :12] = poses[1, 13] = np.nan  # of the second only the head is there
    graph = people_graph(CROWDPOSE_14, poses, {(0, 0, 1): 1.0})
    group(graph)
    assert (graph.slots[:, 13] >= 0).sum() == 1
    sharing = people_graph(CROWDPOSE_14, poses, {(0, 0, 1): 1.0}, sharing_joints=1)
    group(sharing)
    assert (sharing.slots[:, 13] >= 0).sum() == 2


def shared_arm(**settings: float) -> PersonJointGraph:
    """Two figures, of whom the second one's left arm lies within the first one's and shows no peaks of its own."""
    poses = figures(0, 6)
    poses[1, [0, 2, 4]] = np.nan
    shoulder = [(limb, a == 0) for limb, (a, b) in enumerate(CROWDPOSE_14.limbs) if 0 in (a, b) and 2 not in (a, b)]
    to_shoulder = {(limb, *((0, 1) if leaves else (1, 0))): 1.0 for limb, leaves in shoulder}
    graph = people_graph(CROWDPOSE_14, poses, to_shoulder, **settings)
    group(graph)
    check_consistent(graph)
    return graph


def test_one_shared_joint_leads_to_the_next() -> None:
    graph = shared_arm()
    assert (graph.slots >= 0).all()
    for joint in (0, 2, 4):
        first, second = graph.slots[:, joint]
        np.testing.assert_array_equal(graph.xy[first], graph.xy[second])


def test_a_limb_that_the_other_person_has_counts_less() -> None:
    graph = shared_arm(shared_limb=0.5, shared_peak_cost=0.8)
    assert (graph.slots[:, 0] >= 0).all()  # to the shoulder lead the second one's own limbs
    assert sorted((graph.slots[:, [2, 4]] >= 0).all(axis=1)) == [False, True]


def test_nobody_is_made_of_others_joints() -> None:
    """Of two joints in twelve another one makes more than a fifth, after which there is no way to the wrist."""
    graph = shared_arm(sharing_limit=0.2)
    assert (graph.slots[:, [0, 2]] >= 0).all()
    assert (graph.slots[:, 4] >= 0).sum() == 1


def test_a_shared_joint_scores_less_than_its_peak() -> None:
    graph = shared_arm(shared_score=0.25)
    assert sorted(graph.scores[graph.slots[:, 0]]) == [0.25, 1.0]


def test_a_third_person_does_not_share_a_peak() -> None:
    poses = figures(0, 6, 12)
    poses[1:, 13] = np.nan  # three necks lie in the first one's peak
    necks = {(limb, *((0, n) if a == 13 else (n, 0))): 1.0
             for limb, (a, b) in enumerate(CROWDPOSE_14.limbs) if 13 in (a, b) for n in (1, 2)}  # fmt: skip
    graph = people_graph(CROWDPOSE_14, poses, necks)
    group(graph)
    assert (graph.slots[:, 13] >= 0).sum() == 2


@given(random_graphs())
def test_sharing_gives_only_what_somebody_else_holds_and_takes_nothing(graph: PersonJointGraph) -> None:
    graph.settings = replace(graph.settings, sharing_joints=1, shared_peak_cost=0.3)
    settle(graph)
    before, number = graph.copy(), len(graph.types)
    changed = share_peaks(graph)
    assert changed == (len(graph.types) > number)
    check_consistent(graph)
    np.testing.assert_array_equal(graph.slots[before.slots >= 0], before.slots[before.slots >= 0])
    kept = graph.slots[graph.slots >= number]
    assert sorted(kept.tolist()) == list(range(number, len(graph.types)))
    of_others = {(int(t), *xy) for t, xy in zip(before.types[before.owner >= 0], before.xy[before.owner >= 0].tolist(),
                                                strict=True)}  # fmt: skip
    assert {(int(t), *xy) for t, xy in zip(graph.types[number:], graph.xy[number:].tolist(), strict=True)} <= of_others
    graph.scales = before.scales
    assert graph.objective() >= before.objective()


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
    assert np.isnan(reach(SQUARE)).all()
    graph = make_graph(SQUARE, [(0, 0, 0, 1), (1, 900, 0, 1), (3, 5, 5, 1)], {(0, 0, 1): 1.0})
    group(graph)
    assert graph.slots.tolist() == [[0, 1, -1, -1], [-1, -1, -1, 2]]


def test_all_joints_in_one_place_give_no_warning() -> None:
    graph = people_graph(CROWDPOSE_14, np.full((2, 14, 2), 7.0))
    group(graph)
    assert graph.num_people == 2
    assert graph.scales == pytest.approx([0, 0])
