"""Reading people off a grouped graph: the compiled step against its reference, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph
from bottomup.grouping.edges import Pairs
from bottomup.grouping.reference import to_people as reference
from bottomup.grouping.to_people import to_people
from bottomup.people import People
from bottomup.skeletons import OPENPOSE_COCO_18
from tests.makers.graphs import ARM_AND_LEG, SQUARE, deal, make_graph, set_members
from tests.makers.settings import make_settings


def dealt(seed: int, **settings: Any) -> PersonJointGraph:
    """Candidates at random, dealt to people."""
    rng = np.random.default_rng(seed)
    skeleton = (SQUARE, ARM_AND_LEG, OPENPOSE_COCO_18)[seed % 3]
    kinds = np.repeat(np.arange(skeleton.num_joints), rng.integers(0, 6, skeleton.num_joints))
    graph = make_graph(skeleton, [(k, *rng.uniform(0, 40, 2), rng.uniform(0.05, 1)) for k in kinds], {}, **settings)
    deal(graph, seed)
    return graph


def assert_same(one: People, other: People) -> None:
    assert one.skeleton == other.skeleton
    for name in ("keypoints", "keypoint_scores", "scores"):
        assert getattr(one, name).dtype == np.float32
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-6)
    np.testing.assert_array_equal(one.traced, other.traced)


@given(
    st.integers(0, 2**32 - 1),
    st.fixed_dictionaries(
        {},
        optional={
            "joint_threshold": st.sampled_from([0.3, 0.9]),
            "person_threshold": st.sampled_from([0.0, 0.3, 1.0]),
            "results__min_best_keypoint": st.sampled_from([0.0, 0.8]),
            "min_joints": st.integers(1, 4),
            "peak_threshold": st.sampled_from([0.05, 0.5]),
            "results__size_exponent": st.sampled_from([0.0, 1.0]),
        },
    ),
    st.booleans(),
)
def test_the_compiled_step_and_its_reference(seed: int, settings: dict[str, Any], known: bool) -> None:
    graph = dealt(seed, **settings)
    sure = np.random.default_rng(seed).random(graph.num_people) < 0.5 if known else None
    assert_same(to_people(graph, 4.0, 48, sure), reference.to_people(graph, 4.0, 48, sure))


@pytest.mark.parametrize("threshold", [0.08, 0.1, 0.3])  # of which float32 has less, more and more
def test_joints_that_no_peak_of_their_own_shows_are_marked(threshold: float) -> None:
    traced = float(np.float32(threshold))  # the most that a trace scores
    points = [(0, 9, 1, 0.9), (0, 30, 1, 0.8), (1, 9, 9, traced)]
    graph = make_graph(
        SQUARE, points, {}, peak_threshold=threshold, results__min_best_keypoint=0.0, person_threshold=0.0
    )
    graph.duplicate(np.array([1]))
    set_members(graph, [[0, 2, -1, -1], [3, -1, -1, -1]])
    people = to_people(graph, 1, 48)
    assert people.traced.tolist() == [[False, True, False, False], [True, False, False, False]]
    assert_same(people, reference.to_people(graph, 1, 48))


def test_equals_stay_in_order() -> None:
    points = [(joint, 10 * person, 5 * joint, 0.9) for joint in range(2) for person in range(3)]
    graph = make_graph(SQUARE, points, {})
    set_members(graph, [[n, 3 + n, -1, -1] for n in (2, 0, 1)])
    people = to_people(graph, 1, 48)
    assert people.keypoints[:, 0, 0].tolist() == [20, 0, 10]
    assert people == reference.to_people(graph, 1, 48)


def test_the_arrays_are_read_only_and_their_own() -> None:
    graph = dealt(2)
    people = to_people(graph, 4.0, 48)
    for values in (people.keypoints, people.keypoint_scores, people.scores, people.traced):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0
    assert people == People(people.skeleton, people.keypoints, people.keypoint_scores, people.scores)


def test_no_people() -> None:
    graph = make_graph(SQUARE, [], {})
    assert to_people(graph, 4.0, 48) == People.empty(SQUARE)


def test_coordinates_that_overflow_are_reported() -> None:
    graph = dealt(2)
    with pytest.raises(ValueError, match="keypoints must be finite"), np.errstate(over="ignore"):
        to_people(graph, 1e40, 48)


def scored(score: float) -> PersonJointGraph:
    """One person of two joints of a score."""
    none, empty = np.zeros(0, np.int64), np.zeros(0)
    settings = make_settings(results__min_best_keypoint=0.0, person_threshold=0.0)
    pairs = Pairs(none, none, none, empty, empty)
    graph = PersonJointGraph(SQUARE, settings, np.arange(2), np.ones((2, 2)), np.full(2, score), pairs)
    set_members(graph, [[0, 1, -1, -1]])
    return graph


def test_joints_that_score_nothing_are_reported() -> None:
    assert len(to_people(scored(0.5), 4.0, 48)) == 1
    assert len(to_people(scored(-1.0), 4.0, 48)) == 0  # below joint_threshold: no joints, so no person
    with pytest.raises(ValueError, match="keypoints must be finite where the score is positive"):
        to_people(scored(0.0), 4.0, 48)


def test_flags_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sure must have shape \(1, \) but has \(2, \)"):
        to_people(scored(0.5), 4.0, 48, np.zeros(2, bool))
