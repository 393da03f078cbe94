"""Two people's joints within one peak: who shares whose."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.reference.sweep import settle, share_peaks
from bottomup.skeletons import CROWDPOSE_14
from tests.makers.graphs import assert_people, check_consistent, figures, people_graph, random_graphs
from tests.makers.settings import make_settings


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
    graph.settings = make_settings(graph.settings, sharing_joints=1, shared_peak_cost=0.3)
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
