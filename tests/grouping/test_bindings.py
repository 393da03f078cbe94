"""What the compiled graph refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bottomup._extension import _C
from bottomup.grouping.model import grouping_model
from bottomup.grouping.options import FragmentOptions, GroupingOptions, SharingOptions
from bottomup.kernels import Candidates, LimbPairs
from bottomup.skeletons import COCO_17
from tests.makers.crowds import dealt, found


def model(skeleton: Any = COCO_17) -> _C.GroupingModel:
    return grouping_model(skeleton, GroupingOptions(), FragmentOptions(), SharingOptions()).compiled


def test_what_the_kernels_cannot_have_found_is_refused() -> None:
    candidates, pairs = found(0, steps=10**6)
    rest = {"image": 0, "peak_threshold": 0.1, "typical_affinity": 1.0}

    def build(joints: Candidates = candidates, links: LimbPairs = pairs, **changes: Any) -> None:
        _C.PersonJointGraph.of_image(model(), candidates=joints, pairs=links, **{**rest, **changes})

    build()
    for changes, message in (
        ({"image": 3}, "image must be one of the batch"),
        ({"image": -1}, "image must be one of the batch"),
        ({"typical_affinity": 0.0}, "typical_affinity must be positive"),
        ({"typical_affinity": np.nan}, "typical_affinity must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            build(**changes)
    for joints, links, message in (
        ({"offsets": candidates.offsets[:-1].copy()}, {}, "must fit the joints and limbs"),
        ({"offsets": candidates.offsets[::-1].copy()}, {}, "offsets of candidates must rise"),
        ({"scores": candidates.scores[:-9].copy()}, {}, "xy, scores and extents must fit each other"),
        ({"xy": candidates.xy[1:].copy()}, {}, "xy, scores and extents must fit each other"),
        ({"joints": 16}, {}, "must"),
        ({}, {"offsets": pairs.offsets + 10**6}, "offsets of pairs must rise"),
        ({}, {"first": pairs.first + np.int32(10**6)}, "pairs must join candidates of their image"),
        ({}, {"second": pairs.second - np.int32(10**6)}, "pairs must join candidates of their image"),
        ({}, {"first": pairs.first[1:].copy()}, "first, second and scores must fit each other"),
    ):
        wrong = replace(candidates, **joints), replace(pairs, **links)
        with pytest.raises(ValueError, match=message):
            build(*wrong)
        with pytest.raises(ValueError, match=message):
            _C.typical_affinities(*wrong, COCO_17.num_limbs)
    with pytest.raises(TypeError, match="offsets must be an array of the right type"):
        build(replace(candidates, offsets=candidates.offsets.astype(np.int32)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda s: {"person_of": s["person_of"][:-1].copy()}, r"person_of must have shape \(\d+, \) but has"),
        (lambda s: {"person_of": s["person_of"] + 10**6}, "person_of must be from -1 to"),
        (lambda s: {"person_of": s["person_of"] - 2}, "person_of must be from -1 to"),
        (lambda s: {"person_of": np.full_like(s["person_of"], -1)}, "person_of must say the same as members"),
        (lambda s: {"members": s["members"] + 10**6}, "members must be from -1 to"),
        (lambda s: {"members": s["members"][:, :-1].copy()}, "members must have shape"),
        (lambda s: {"members": s["members"].ravel()}, "members must have shape"),
        (lambda s: {"members": np.roll(s["members"], 1, axis=1)}, "members must be candidates of the types"),
        (lambda s: {"members": np.repeat(s["members"][:1], len(s["members"]), axis=0)}, "have each candidate once"),
        (lambda s: {"heights": s["heights"][:-1].copy()}, "heights must have shape"),
    ],
)
def test_state_that_does_not_fit_is_refused(changes: Any, message: str) -> None:
    graph = dealt(4)[0]
    state = {"person_of": graph.person_of, "members": graph.members, "heights": graph.heights}
    assert graph.num_people > 1
    with pytest.raises(ValueError, match=message):
        graph.compiled.set_state(**{**state, **changes(state)})
    for name, value in state.items():  # which is as it was
        np.testing.assert_array_equal(getattr(graph, name), value)
    graph.compiled.set_state(**state)


@pytest.mark.parametrize("changes", [{"person_of": "int32"}, {"members": "float64"}, {"heights": "float32"}])
def test_state_of_another_dtype_is_refused(changes: dict[str, str]) -> None:
    graph = dealt(4)[0]
    state = {"person_of": graph.person_of, "members": graph.members, "heights": graph.heights}
    state |= {name: state[name].astype(dtype) for name, dtype in changes.items()}  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        graph.compiled.set_state(**state)


def test_joints_people_and_candidates_that_are_not_there_are_refused() -> None:
    graph = dealt(4)[0]
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)
    for joint in (-1, 99):
        with pytest.raises(ValueError, match="joint must be one of the skeleton's"):
            graph.edges(joint)
        with pytest.raises(ValueError, match="joint must be one of the skeleton's"):
            graph.assign(joint, none, none)
    with pytest.raises(ValueError, match="person must be from 0"):
        graph.assign(0, one + 99, one)
    with pytest.raises(ValueError, match="candidate must be from 0"):
        graph.assign(0, one, one + 10**6)
    taken = np.flatnonzero(graph.person_of >= 0)[:1]
    with pytest.raises(ValueError, match="candidate must be a free one of the joint"):
        graph.assign(int(graph.types[taken[0]]), one, taken)
    with pytest.raises(ValueError, match="candidates must be free"):
        graph.add_person(taken)
    for pair in ((0, 0), (0, 99), (-1, 0)):
        with pytest.raises(ValueError, match="person and other must be two of the people"):
            graph.merge_people(*pair)
    for candidate in (-1, 10**6):
        with pytest.raises(ValueError, match="candidates must be from 0"):
            graph.duplicate(np.array([candidate]))
        with pytest.raises(ValueError, match="candidates must be from 0"):
            graph.add_person(np.array([candidate]))


@pytest.mark.parametrize(
    ("name", "value"), [("types", 99), ("own", 10**6), ("other", -1), ("limb", 77), ("affinity", np.nan)]
)
def test_pairs_that_point_nowhere_are_refused(name: str, value: float) -> None:
    graph = dealt(4)[0]
    whole: dict[str, Any] = {"types": graph.types, "xy": graph.xy, "responses": graph.responses, "pairs": graph.pairs}
    (whole["types"] if name == "types" else getattr(whole["pairs"], name))[0] = value
    with pytest.raises(ValueError, match=name):
        _C.PersonJointGraph(graph.model.compiled, **whole)
    for place in (np.nan, np.inf):
        bad = {**whole, "pairs": graph.pairs, "types": graph.types, "xy": graph.xy}
        bad["xy"][0] = place
        with pytest.raises(ValueError, match="xy must be finite"):
            _C.PersonJointGraph(graph.model.compiled, **bad)
    with pytest.raises(ValueError, match="model must be a GroupingModel"):
        _C.PersonJointGraph(None, **whole)


def test_weights_that_are_no_numbers_are_refused() -> None:
    one = np.zeros(1, np.int64)
    for weight in (np.nan, np.inf, 0.0, -1.0):
        with pytest.raises(ValueError, match="weight must be positive and finite"):
            _C.solve_assignment(one, one, np.array([weight]), 1)
    with pytest.raises(ValueError, match="person must be from 0 to 0"):
        _C.solve_assignment(one + 1, one, np.ones(1), 1)
    with pytest.raises(ValueError, match="candidate must not fall"):
        _C.solve_assignment(np.zeros(2, np.int64), np.array([1, 0]), np.ones(2), 1)
