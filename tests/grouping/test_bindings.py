"""What the compiled steps of the grouping refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bottomup import _C
from bottomup.grouping.model import tables
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17
from tests.makers.crowds import dealt, found


def test_what_the_kernels_cannot_have_found_is_refused() -> None:
    candidates, pairs = found(0, steps=10**6)
    rule = tables(COCO_17, Settings()).rule
    whole: dict[str, Any] = {"offsets": candidates.offsets, "scores": candidates.scores, "pair_offsets": pairs.offsets}
    whole |= {"first": pairs.first, "second": pairs.second, "affinities": pairs.scores}
    settings = {"least_typical": 0.2, "doubt": 0.5, "clear": 1.2, "weak_support": 0.2}
    settings |= {"faint_response": 0.4, "peak_threshold": 0.1}

    def build(image: int = 0, **changes: Any) -> None:
        _C.GroupingLinks.of_image(rule, image, **{"xy": candidates.xy, **whole, **changes}, **settings)

    for changes, message in (
        ({"image": 3}, "image must be one of the batch"),
        ({"image": -1}, "image must be one of the batch"),
        ({"offsets": candidates.offsets[:-1].copy()}, "must fit the joints and limbs"),
        ({"offsets": candidates.offsets[::-1].copy()}, "offsets must rise"),
        ({"pair_offsets": pairs.offsets + 10**6}, "pair_offsets must rise"),
        ({"scores": candidates.scores[:-9].copy()}, "offsets must rise"),
        ({"first": pairs.first + np.int32(10**6)}, "pairs must join candidates of their image"),
        ({"second": pairs.second - np.int32(10**6)}, "pairs must join candidates of their image"),
        ({"first": pairs.first[1:].copy()}, "must have the same length"),
        ({"xy": candidates.xy[1:].copy()}, "xy must have shape"),
    ):
        with pytest.raises(ValueError, match=message):
            build(**changes)
        if not set(changes) & {"image", "xy"}:
            with pytest.raises(ValueError, match=message):
                _C.typical_affinities(17, COCO_17.num_limbs, **{**whole, **changes})
    for candidate in (-1, 10**6):
        graph = dealt(4)[0]
        with pytest.raises(ValueError, match="candidates must be from 0"):
            graph.split(np.array([candidate]))


def state() -> dict[str, Any]:
    graph = dealt(4)[0]
    return {
        "links": graph.links,
        "owner": graph.owner,
        "slots": graph.slots,
        "scales": graph.scales,
        "responses": graph.responses,
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (lambda s: {"owner": s["owner"][:-1].copy()}, r"owner must have shape \(\d+, \) but has"),
        (lambda s: {"owner": s["owner"] + 10**6}, "owner must be from -1 to"),
        (lambda s: {"owner": s["owner"] - 2}, "owner must be from -1 to"),
        (lambda s: {"slots": s["slots"] + 10**6}, "slots must be from -1 to"),
        (lambda s: {"slots": s["slots"][:, :-1].copy()}, "slots must have shape"),
        (lambda s: {"slots": s["slots"].ravel()}, "slots must have shape"),
        (lambda s: {"scales": s["scales"][:-1].copy()}, "scales must have shape"),
        (lambda s: {"responses": s["responses"][:-1].copy()}, "responses must have shape"),
    ],
)
def test_state_that_does_not_fit_is_refused(changes: Any, message: str) -> None:
    bad = state()
    links = bad.pop("links")
    bad |= changes(bad)
    steps = (lambda **rest: links.sweep(**rest, changed=None), links.objective, lambda **rest: links.edges(0, **rest))
    for step in steps:
        with pytest.raises(ValueError, match=message):
            step(**bad)


@pytest.mark.parametrize("changes", [{"owner": "int32"}, {"slots": "float64"}, {"scales": "float32"}])
def test_state_of_another_dtype_is_refused(changes: dict[str, str]) -> None:
    bad = state()
    links = bad.pop("links")
    for name, dtype in changes.items():
        bad[name] = bad[name].astype(dtype)
    with pytest.raises(TypeError):
        links.sweep(**bad, changed=None)


@pytest.mark.parametrize("joint", [-1, 99])
def test_a_joint_that_is_not_there_is_refused(joint: int) -> None:
    whole = state()
    with pytest.raises(ValueError, match="joint must be one of the skeleton's"):
        whole.pop("links").edges(joint, **whole)


@pytest.mark.parametrize(
    ("name", "value"), [("types", 99), ("own", 10**6), ("other", -1), ("limb", 77), ("affinity", np.nan)]
)
def test_links_that_point_nowhere_are_refused(name: str, value: float) -> None:
    graph = dealt(4)[0]
    whole = {"types": graph.types, **graph.pairs._asdict()}
    whole[name] = whole[name].copy()
    whole[name][0] = value
    with pytest.raises(ValueError, match=name):
        _C.GroupingLinks(tables(graph.skeleton, graph.settings).rule, **whole)


def test_weights_that_are_no_numbers_are_refused() -> None:
    one = np.zeros(1, np.int64)
    for weight in (np.nan, np.inf, 0.0, -1.0):
        with pytest.raises(ValueError, match="weight must be positive and finite"):
            _C.match(one, one, np.array([weight]), 1)
    with pytest.raises(ValueError, match="person must be from 0 to 0"):
        _C.match(one + 1, one, np.ones(1), 1)
    with pytest.raises(ValueError, match="candidate must not fall"):
        _C.match(np.zeros(2, np.int64), np.array([1, 0]), np.ones(2), 1)
