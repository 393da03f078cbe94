"""Joints of two people within one peak."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.reference.optimize import share_peaks
from bottomup.grouping.reference.shared_peaks import find_shared_peaks
from bottomup.skeletons import CROWDPOSE_14
from tests.makers.crowds import crowd, dealt
from tests.makers.graphs import assert_people, check_consistent, figures, people_graph

SEEDS = st.integers(0, 2**32 - 1)


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
    single = people_graph(CROWDPOSE_14, only, necks, sharing__peak_cost=10.0)
    group(single)
    assert (single.members[:, 13] >= 0).sum() == 1


def test_a_small_fragment_shares_no_peak() -> None:
    """A second guess at a head must not become a person by borrowing the neck of the first."""
    poses = figures(0, 6)
    poses[1, :12] = poses[1, 13] = np.nan  # of the second only the head is there
    graph = people_graph(CROWDPOSE_14, poses, {(0, 0, 1): 1.0})
    group(graph)
    assert (graph.members[:, 13] >= 0).sum() == 1
    sharing = people_graph(CROWDPOSE_14, poses, {(0, 0, 1): 1.0}, sharing__min_joints=1)
    group(sharing)
    assert (sharing.members[:, 13] >= 0).sum() == 2


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
    assert (graph.members >= 0).all()
    for joint in (0, 2, 4):
        first, second = graph.members[:, joint]
        np.testing.assert_array_equal(graph.xy[first], graph.xy[second])


def test_a_limb_that_the_other_person_has_counts_less() -> None:
    graph = shared_arm(sharing__limb_factor=0.5, sharing__peak_cost=0.8)
    assert (graph.members[:, 0] >= 0).all()  # to the shoulder lead the second one's own limbs
    assert sorted((graph.members[:, [2, 4]] >= 0).all(axis=1)) == [False, True]


def test_no_person_is_made_of_others_joints() -> None:
    """Of two joints in twelve another one makes more than a fifth, after which there is no way to the wrist."""
    graph = shared_arm(sharing__max_share=0.2)
    assert (graph.members[:, [0, 2]] >= 0).all()
    assert (graph.members[:, 4] >= 0).sum() == 1


def test_a_shared_joint_scores_less_than_its_peak() -> None:
    graph = shared_arm(sharing__score_factor=0.25)
    assert sorted(graph.scores[graph.members[:, 0]]) == [0.25, 1.0]


def test_a_third_person_does_not_share_a_peak() -> None:
    poses = figures(0, 6, 12)
    poses[1:, 13] = np.nan  # three necks lie in the first one's peak
    necks = {(limb, *((0, n) if a == 13 else (n, 0))): 1.0
             for limb, (a, b) in enumerate(CROWDPOSE_14.limbs) if 13 in (a, b) for n in (1, 2)}  # fmt: skip
    graph = people_graph(CROWDPOSE_14, poses, necks)
    group(graph)
    assert (graph.members[:, 13] >= 0).sum() == 2


@given(SEEDS, st.integers(1, 4), st.sampled_from([0.2, 0.5, 1.0]), st.sampled_from([0.0, 0.7]))
def test_compiled_and_reference_share_the_same(seed: int, joints: int, limit: float, same: float) -> None:
    options = {
        "sharing__min_joints": joints,
        "sharing__max_share": limit,
        "sharing__limb_factor": same,
        "sharing__peak_cost": 0.3,
    }
    graph, reference = dealt(seed, **options)
    graph.share_peaks()
    person, candidate = find_shared_peaks(reference)
    assert share_peaks(reference) == bool(len(person))
    assert len(graph.types) == len(reference.types)
    for name in ("types", "members", "person_of", "xy", "scores"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(reference, name))
    np.testing.assert_allclose(graph.heights, reference.heights)
    assert len(candidate) == len(set(candidate.tolist()))


@given(SEEDS)
def test_sharing_gives_only_what_another_person_has_and_takes_nothing(seed: int) -> None:
    graph = crowd(seed, sharing__min_joints=1, sharing__peak_cost=0.3)
    graph.optimize()
    before, number = graph.copy(), len(graph.types)
    graph.share_peaks()
    check_consistent(graph)
    members, had = graph.members, before.members
    np.testing.assert_array_equal(members[had >= 0], had[had >= 0])
    kept = members[members >= number]
    assert sorted(kept.tolist()) == list(range(number, len(graph.types)))
    taken = before.person_of >= 0
    of_others = {(int(t), *xy) for t, xy in zip(before.types[taken], before.xy[taken].tolist(), strict=True)}
    assert {(int(t), *xy) for t, xy in zip(graph.types[number:], graph.xy[number:].tolist(), strict=True)} <= of_others
    graph.set_state(graph.person_of, members, before.heights)
    assert graph.objective() >= before.objective() - 1e-9
