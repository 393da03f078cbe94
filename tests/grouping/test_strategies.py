"""The strategies of grouping: what holds of all of them, and what tells one from another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bottomup import decode_fields
from bottomup.fields import draw_fields
from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.exact.solver import largest_group
from bottomup.grouping.strategies import STRATEGIES
from bottomup.settings import Settings
from bottomup.skeletons import CROWDPOSE_14
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, check_consistent, make_graph, random_graphs

# A standing figure 100 pixels high in CrowdPose's order.
FIGURE = 100 * np.array(
    [[0.13, 0.18], [-0.13, 0.18], [0.17, 0.36], [-0.17, 0.36], [0.19, 0.5], [-0.19, 0.5], [0.095, 0.47], [-0.095, 0.47],
     [0.1, 0.71], [-0.1, 0.71], [0.1, 0.95], [-0.1, 0.95], [0, 0], [0, 0.17]]
)  # fmt: skip

# Two a and two b: the best pair leaves a bad one, the best two are neither's best.
CONTESTED = [(0, 0, 0, 1), (0, 0, 2, 1), (1, 5, 0, 1), (1, 5, 2, 1)]
AFFINITIES = {(0, 0, 2): 1.0, (0, 0, 3): 0.9, (0, 1, 2): 0.9, (0, 1, 3): 0.52}


def regroup(graph: PersonJointGraph, strategy: str) -> list[tuple[int, ...]]:
    STRATEGIES[strategy](graph)
    check_consistent(graph)
    return sorted(tuple(row[row >= 0].tolist()) for row in graph.members)


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(graph=random_graphs((SQUARE, ARM_AND_LEG, POINT, LOOSE)))
def test_every_strategy_gives_consistent_people(strategy: str, graph: PersonJointGraph) -> None:
    assume(strategy != "exact" or len(graph.types) < 12)
    people = regroup(graph, strategy)
    assert all(people)
    worth = graph.responses > graph.settings.grouping.person_cost
    assert all(len(person) > 1 or worth[person[0]] for person in people)
    assert len(graph.heights) == len(people)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_finds_people_who_stand_apart(strategy: str) -> None:
    poses = FIGURE + np.array([[[60, 20]], [[180, 20]]])
    fields = draw_fields(poses, np.full((2, 14), 2), CROWDPOSE_14, height=140, width=240, stride=4)
    people = decode_fields(
        fields.heatmaps,
        fields.pafs,
        CROWDPOSE_14,
        stride=4,
        settings=Settings(assignment=strategy, person_threshold=0.1),
    )
    assert len(people) == 2
    found = people.keypoints[np.argsort(people.boxes[:, 0])]
    np.testing.assert_allclose(found, poses, atol=1.0)


def test_greedy_takes_the_best_pair_and_the_others_the_best_two() -> None:
    assert regroup(make_graph(SQUARE, CONTESTED, AFFINITIES, grouping__neutral_affinity=0.1), "greedy") == [
        (0, 2),
        (1, 3),
    ]
    for strategy in set(STRATEGIES) - {"greedy"}:
        assert regroup(make_graph(SQUARE, CONTESTED, AFFINITIES, grouping__neutral_affinity=0.1), strategy) == [
            (0, 3),
            (1, 2),
        ]


@pytest.mark.parametrize("strategy", ["limb", "greedy"])
def test_a_limb_that_would_give_a_second_joint_of_a_type_is_left_out(strategy: str) -> None:
    """a-b and b-c are fine, and c's other limb leads to another a, whose b is its own."""
    points = [(0, 0, 0, 1), (0, 9, 0, 1), (1, 0, 5, 1), (1, 9, 5, 1), (2, 0, 9, 1)]
    affinities = {(0, 0, 2): 1.0, (0, 1, 3): 1.0, (1, 2, 4): 1.0, (2, 4, 1): 1.0}
    assert regroup(make_graph(SQUARE, points, affinities), strategy) == [(0, 2, 4), (1, 3)]


def test_one_round_does_not_come_back() -> None:
    """c comes first and is too faint for a person, so the others open their own; the sweep puts it right."""
    points = [(0, 0, 0, 1), (1, 0, 5, 1), (2, 5, 5, 0.2), (3, 5, 9, 1)]
    affinities = {(0, 0, 1): 1.0, (1, 1, 2): 1.0, (2, 2, 0): 1.0, (3, 3, 2): 1.0}
    assert regroup(make_graph(SQUARE, points, affinities), "sweep") == [(0, 1, 2, 3)]
    assert regroup(make_graph(SQUARE, points, affinities), "single") == [(0, 1), (3,)]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_setting_chooses_the_strategy(strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    called = []
    monkeypatch.setattr("bottomup.grouping.strategies.STRATEGIES", {strategy: called.append})
    graph = make_graph(SQUARE, CONTESTED, AFFINITIES, assignment=strategy)
    group(graph)
    assert called == [graph]


def test_exact_refuses_what_is_too_large() -> None:
    graph = make_graph(SQUARE, CONTESTED, AFFINITIES, assignment="exact", grouping__exact_candidates=3)
    assert largest_group(graph) == 4
    with pytest.raises(ValueError, match=r"exact_candidates=3 joint candidates are in contact but here 4 are"):
        group(graph)
    assert largest_group(make_graph(SQUARE, [], {})) == 0


@pytest.mark.slow
@given(st.text(max_size=8))
def test_other_strategies_are_refused(strategy: str) -> None:
    assume(strategy not in STRATEGIES)
    with pytest.raises(ValueError, match="assignment must be one of"):
        Settings(assignment=strategy)
