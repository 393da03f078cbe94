"""What the grouping knows of skeletons: the order of the sweep and the branches that are exchanged."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup.grouping.skeleton_tree import branches, sweep_order
from bottomup.skeleton import Skeleton
from bottomup.skeletons import AI_CHALLENGER_14, BODY_25, COCO_17, CROWDPOSE_14, MPII_16, OPENPOSE_COCO_18
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE

BUILT_IN = [COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18, BODY_25, MPII_16, AI_CHALLENGER_14]


@pytest.mark.parametrize("skeleton", [*BUILT_IN, SQUARE, ARM_AND_LEG, POINT, LOOSE], ids=lambda s: s.name)
def test_the_sweep_goes_from_the_torso_outward(skeleton: Skeleton) -> None:
    order = sweep_order(skeleton)
    assert sorted(order) == list(range(skeleton.num_joints))
    if skeleton in BUILT_IN:
        assert skeleton.joints[order[0]] in {"neck", "thorax", "left_shoulder", "left_hip", "mid_hip", "pelvis"}
        where = {skeleton.joints[k]: n for n, k in enumerate(order)}
        for side in ("left", "right"):
            assert where[f"{side}_shoulder"] < where[f"{side}_elbow"] < where[f"{side}_wrist"]
            assert where[f"{side}_hip"] < where[f"{side}_knee"] < where[f"{side}_ankle"]


@pytest.mark.parametrize("skeleton", BUILT_IN, ids=lambda s: s.name)
def test_the_branches_hold_arms_and_legs(skeleton: Skeleton) -> None:
    table = branches(skeleton)
    patterns = {frozenset(np.flatnonzero(row)) for row in table}
    assert len(patterns) == len(table)
    assert all(0 < len(pattern) < skeleton.num_joints for pattern in patterns)
    for side in ("left", "right"):
        for chain in (("knee", "ankle"), ("elbow", "wrist"), ("ankle",)):
            joints = {skeleton.index(f"{side}_{name}") for name in chain}
            assert any(joints <= p <= joints | _feet(skeleton, side) for p in patterns)


def _feet(skeleton: Skeleton, side: str) -> set[int]:
    return {k for k, name in enumerate(skeleton.joints) if name.startswith(side) and ("toe" in name or "heel" in name)}


def test_branches_of_small_skeletons() -> None:
    assert branches(POINT).shape == (0, 1)
    assert {tuple(row) for row in branches(LOOSE).tolist()} == {(True, False), (False, True)}
