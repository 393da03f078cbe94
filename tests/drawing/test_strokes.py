"""Strokes that show people: what is compiled makes those that the reference does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup._extension import _C, compiled
from bottomup.drawing.limbs import BRIDGE, DETOUR, with_neck
from bottomup.drawing.reference import strokes as reference
from bottomup.drawing.strokes import StrokeOptions, pose_strokes
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, SKELETONS


@given(
    skeleton=st.sampled_from(list(SKELETONS.values())),
    people=st.integers(0, 5),
    seen=st.floats(0, 1),
    by_side=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_agrees_with_the_reference(skeleton: Skeleton, people: int, seen: float, by_side: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    drawn = with_neck(skeleton)
    points = np.rint(rng.uniform(0, 40, (people, drawn.num_joints, 2)))
    # Some are equally sure, so that their order tells.
    strength = np.where(
        rng.random(points.shape[:2]) < seen, np.rint(rng.uniform(0.1, 1, points.shape[:2]) * 10) / 10, 0
    )
    points[strength == 0] = np.nan
    traced = rng.random((people, skeleton.num_joints)) < 0.3
    sides = rng.integers(0, 3, drawn.num_joints).astype(np.int32) if by_side else None
    given = drawn, points, strength, traced, rng.uniform(1, 20, people), sides
    options = StrokeOptions(casing_opacity=0.5, min_casing=2.0, light_radius=0.4)
    for rest in ({}, {"options": options}):
        made, expected = pose_strokes(*given, **rest), reference.pose_strokes(*given, **rest)
        for name in ("layers", "ends", "radii", "opacities"):
            one, other = getattr(made, name), getattr(expected, name)
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            np.testing.assert_array_equal(one, other)


def test_the_extension_checks_what_it_is_given() -> None:
    skeleton = COCO_17
    joints, limbs = skeleton.num_joints, np.array(skeleton.limbs, np.int32)
    given = {
        "points": np.zeros((2, joints, 2)), "strength": np.ones((2, joints)), "traced": np.zeros((2, joints), bool),
        "widths": np.ones(2), "sides": np.zeros(joints, np.int32), "limbs": limbs,
        "turns": np.zeros(len(limbs), np.int32), "bridge": BRIDGE, "detour": DETOUR,
        "options": compiled(StrokeOptions()),
    }  # fmt: skip
    faults = [
        ("points", np.zeros((2, joints)), r"points must have shape \(N, J, 2\)"),
        ("strength", np.ones((1, joints)), r"strength must have shape \(N, J\)"),
        ("traced", np.zeros((2, joints + 1), bool), r"traced must have shape \(N, K\)"),
        ("widths", np.ones(3), r"widths must have shape \(N,\)"),
        ("sides", np.zeros(3, np.int32), r"sides must have shape \(J,\) or \(0,\)"),
        ("sides", np.full(joints, 3, np.int32), "sides must be 0, 1 or 2"),
        ("limbs", limbs + joints, "limbs must join joints"),
        ("turns", np.zeros(1, np.int32), r"turns must have shape \(L,\)"),
    ]
    for name, wrong, message in faults:
        with pytest.raises(ValueError, match=message):
            _C.pose_strokes(*(given | {name: wrong}).values())  # type: ignore[arg-type]
