"""Which limbs are drawn: what is compiled chooses those that the reference does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup._extension import _C
from bottomup.drawing.limbs import choose_limbs, with_neck
from bottomup.drawing.reference import limbs as reference
from bottomup.skeleton import Skeleton
from bottomup.skeletons import SKELETONS


@given(
    skeleton=st.sampled_from([with_neck(skeleton) for skeleton in SKELETONS.values()]),
    people=st.integers(0, 5),
    seen=st.floats(0, 1),
    seed=st.integers(0, 10**6),
)
def test_agrees_with_the_reference(skeleton: Skeleton, people: int, seen: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = np.rint(rng.uniform(0, 40, (people, skeleton.num_joints, 2)))  # so that some lengths are the same
    is_seen = rng.random((people, skeleton.num_joints)) < seen
    points[~is_seen] = np.nan
    assert (choose_limbs(skeleton, points, is_seen) == reference.choose_limbs(skeleton, points, is_seen)).all()


def test_the_extension_checks_what_it_is_given() -> None:
    points, seen = np.zeros((1, 2, 2)), np.ones((1, 2), bool)
    limbs, turns = np.array([[0, 1]], np.int32), np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="limbs must join joints"):
        _C.choose_limbs(points, seen, limbs + 1, turns, 2, 1.5)
    with pytest.raises(ValueError, match=r"seen must have shape \(N, K\)"):
        _C.choose_limbs(points, seen[:, :1], limbs, turns, 2, 1.5)
    with pytest.raises(ValueError, match=r"turns must have shape \(L,\)"):
        _C.choose_limbs(points, seen, limbs, turns[:0], 2, 1.5)
