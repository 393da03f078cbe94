"""Reading people off a grouped graph: the compiled step against its plain twin, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup import _C
from bottomup.grouping import PersonJointGraph
from bottomup.grouping.to_people import to_people, to_people_numpy
from bottomup.people import People
from bottomup.skeletons import OPENPOSE_COCO_18
from tests.makers.graphs import ARM_AND_LEG, SQUARE, deal, make_graph
from tests.makers.settings import make_settings


def dealt(seed: int, **settings: Any) -> PersonJointGraph:
    """Candidates at random, and who holds them."""
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


@given(
    st.integers(0, 2**32 - 1),
    st.fixed_dictionaries(
        {},
        optional={
            "joint_threshold": st.sampled_from([0.3, 0.9]),
            "person_threshold": st.sampled_from([0.0, 0.3, 1.0]),
            "core_threshold": st.sampled_from([0.0, 0.8]),
            "min_joints": st.integers(1, 4),
            "size_weight": st.sampled_from([0.0, 1.0]),
        },
    ),
    st.booleans(),
)
def test_the_compiled_step_and_its_twin(seed: int, settings: dict[str, Any], known: bool) -> None:
    graph = dealt(seed, **settings)
    sure = np.random.default_rng(seed).random(graph.num_people) < 0.5 if known else None
    assert_same(to_people(graph, 4.0, 48, sure), to_people_numpy(graph, 4.0, 48, sure))


def test_equals_stay_in_order() -> None:
    points = [(joint, 10 * person, 5 * joint, 0.9) for joint in range(2) for person in range(3)]
    graph = make_graph(SQUARE, points, {})
    graph.slots = np.array([[n, 3 + n, -1, -1] for n in (2, 0, 1)])
    people = to_people(graph, 1, 48)
    assert people.keypoints[:, 0, 0].tolist() == [20, 0, 10]
    assert people == to_people_numpy(graph, 1, 48)


def test_the_arrays_are_read_only_and_their_own() -> None:
    graph = dealt(2)
    people = to_people(graph, 4.0, 48)
    for values in (people.keypoints, people.keypoint_scores, people.scores):
        with pytest.raises(ValueError, match="read-only"):
            values[...] = 0
    assert people == People(people.skeleton, people.keypoints, people.keypoint_scores, people.scores)


def test_nobody() -> None:
    graph = make_graph(SQUARE, [], {})
    assert to_people(graph, 4.0, 48) == People.empty(SQUARE)


def test_coordinates_that_overflow_are_reported() -> None:
    graph = dealt(2)
    with pytest.raises(ValueError, match="keypoints must be finite"), np.errstate(over="ignore"):
        to_people(graph, 1e40, 48)


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_joints_that_score_nothing_are_reported(score: float) -> None:
    graph = dealt(2)
    graph.settings = make_settings(graph.settings, core_threshold=0.0, person_threshold=0.0)
    graph.scores = np.full(len(graph.types), score)
    if score < 0:  # below joint_threshold: no joints, so nobody
        assert len(to_people(graph, 4.0, 48)) == 0
        return
    with pytest.raises(ValueError, match="keypoints must be finite where the score is positive"):
        to_people(graph, 4.0, 48)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("slots", np.full((2, 4), 99), "slots must be from -1"),
        ("slots", np.zeros(4, np.int64), r"slots must have shape \(P, K\)"),
        ("xy", np.zeros((1, 2)), r"xy must have shape \(3, 2\) but has \(1, 2, \)"),
        ("scores", np.zeros((3, 1)), "scores must have shape"),
        ("sure", np.zeros(1, bool), "sure must have shape"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: Any, message: str) -> None:
    call: dict[str, Any] = {"slots": np.zeros((2, 4), np.int64), "xy": np.zeros((3, 2)), "scores": np.ones(3)}
    call |= {"sure": None, "stride": 4.0, "longest": 9.0, "size_weight": 0.1, "joint_threshold": 0.0}
    call |= {"person_threshold": 0.0, "core_threshold": 0.0, "min_joints": 1, name: value}
    with pytest.raises(ValueError, match=message):
        _C.read_people(**call)
