"""Skeletons: what makes a valid one, mirroring, conversion, and the built-in ones."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.fields import draw_fields
from bottomup.skeleton import DEFAULT_SIGMA, Skeleton
from bottomup.skeletons import (
    AI_CHALLENGER_14,
    BODY_25,
    COCO_17,
    CROWDPOSE_14,
    MPII_16,
    OPENPOSE_COCO_18,
    get_skeleton,
    read_skeleton,
    write_skeleton,
)

BUILT_IN = [COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18, BODY_25, MPII_16, AI_CHALLENGER_14]
every_skeleton = pytest.mark.parametrize("skeleton", BUILT_IN, ids=lambda skeleton: skeleton.name)
FINE = {"name": "mine", "joints": ("a", "b", "c"), "limbs": ((0, 1), (1, 2)), "sigmas": (0.1, 0.2, 0.3)}


def test_a_skeleton_is_a_value() -> None:
    lists = Skeleton("mine", ["a", "b", "c"], [[0, 1], np.array([1, 2])], [0.1, 0.2, 0.3])  # type: ignore[arg-type]
    assert lists == Skeleton(**FINE)  # type: ignore[arg-type]
    assert hash(lists) == hash(Skeleton(**FINE))  # type: ignore[arg-type]
    assert (lists.num_joints, lists.num_limbs) == (3, 2)
    assert lists.limb_array.dtype == np.int32
    np.testing.assert_array_equal(lists.limb_array, [[0, 1], [1, 2]])
    with pytest.raises(FrozenInstanceError):
        lists.name = "yours"  # type: ignore[misc]


def test_a_skeleton_without_limbs_is_one() -> None:
    assert Skeleton("dot", ("a",), (), (0.1,)).limb_array.shape == (0, 2)


@pytest.mark.parametrize("argument", ["joints", "limbs", "sigmas", "flip"])
@pytest.mark.parametrize("value", [3, "nose", 0.5])
def test_what_is_not_a_sequence_is_named(argument: str, value: object) -> None:
    with pytest.raises(TypeError, match=f"^{argument} must be a sequence but is {value!r}$"):
        Skeleton(**FINE | {argument: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joints": (), "limbs": (), "sigmas": ()}, "joints must hold at least one name"),
        ({"joints": ("a", "b", "a")}, r"joints must be distinct but \['a'\] repeat"),
        ({"limbs": ((0, 3),)}, r"limbs must point at joints 0 to 2 but has \(0, 3\)"),
        ({"limbs": ((-1, 1),)}, r"limbs must point at joints 0 to 2 but has \(-1, 1\)"),
        ({"limbs": ((1, 1),)}, r"limbs must join two different joints but has \(1, 1\)"),
        ({"limbs": ((0, 1), (0, 1))}, r"limbs must be distinct but \(0, 1\) repeats"),
        ({"limbs": ((0, 1), (1, 0))}, r"limbs must be distinct but \(0, 1\) repeats"),
        ({"limbs": ((0, 1, 2),)}, r"limbs must hold pairs of joint indices but has \(0, 1, 2\)"),
        ({"limbs": ((0, 0.5),)}, r"limbs must hold pairs of joint indices but has \(0, 0\.5\)"),
        ({"limbs": ((0, True),)}, r"limbs must hold pairs of joint indices but has \(0, True\)"),
        ({"limbs": (("a", "b"),)}, r"limbs must hold pairs of joint indices but has \('a', 'b'\)"),
        ({"limbs": (0, 1)}, "limbs must hold pairs of joint indices but has 0"),
        ({"flip": ((0, float("nan")),)}, r"flip must hold pairs of joint indices but has \(0, nan\)"),
        ({"sigmas": (0.1, 0.2)}, r"sigmas must hold one value per joint \(3\) but has 2"),
        ({"sigmas": (0.1, 0.0, 0.3)}, r"sigmas must be positive and finite but that of 'b' is 0\.0"),
        ({"sigmas": (0.1, 0.2, float("nan"))}, "sigmas must be positive and finite but that of 'c' is nan"),
        ({"sigmas": (float("inf"), 0.2, 0.3)}, "sigmas must be positive and finite but that of 'a' is inf"),
        ({"flip": ((0, 3),)}, "flip must point at joints 0 to 2"),
        ({"flip": ((0, 1), (1, 2))}, "flip must name each joint at most once"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        Skeleton(**{**FINE, **change})  # type: ignore[arg-type]


def test_index_lists_the_joints() -> None:
    assert COCO_17.index("left_hip") == 11
    with pytest.raises(ValueError, match=r"joint must be one of \['nose', .* but is 'tail'"):
        COCO_17.index("tail")


def test_flip_pairs_left_with_right_unless_told() -> None:
    joints = ("left_eye", "nose", "right_eye", "left_horn")
    paired = Skeleton("faun", joints, (), (0.1,) * 4)
    np.testing.assert_array_equal(paired.flip_permutation, [2, 1, 0, 3])
    told = Skeleton("faun", joints, (), (0.1,) * 4, flip=((0, 3),))
    np.testing.assert_array_equal(told.flip_permutation, [3, 1, 2, 0])
    never = Skeleton("faun", joints, (), (0.1,) * 4, flip=())
    np.testing.assert_array_equal(never.flip_permutation, [0, 1, 2, 3])


@every_skeleton
def test_built_in_skeletons_flip(skeleton: Skeleton) -> None:
    order = skeleton.flip_permutation
    np.testing.assert_array_equal(order[order], np.arange(skeleton.num_joints))
    swap = {"left": "right", "right": "left"}
    for joint, image in zip(skeleton.joints, order, strict=True):
        side, _, rest = joint.partition("_")
        assert skeleton.joints[image] == (f"{swap[side]}_{rest}" if side in swap else joint)


@every_skeleton
@pytest.mark.parametrize("width", [160, 157])
def test_flipped_fields_are_those_of_mirrored_people(skeleton: Skeleton, width: int) -> None:
    points = np.random.default_rng(6).uniform(5, 150, (3, skeleton.num_joints, 2))
    seen = np.random.default_rng(7).random((3, skeleton.num_joints)) < 0.8
    order = skeleton.flip_permutation
    mirror = (points * (-1, 1) + (width - 1, 0))[:, order]
    fields, expected = (
        draw_fields(people, visible, skeleton, height=160, width=width, stride=1)
        for people, visible in ((points, seen), (mirror, seen[:, order]))
    )
    np.testing.assert_allclose(fields.heatmaps[order, :, ::-1], expected.heatmaps, atol=1e-6)
    channels, signs = skeleton.paf_flip
    np.testing.assert_allclose(fields.pafs[channels, :, ::-1] * signs, expected.pafs, atol=1e-6)


def test_a_limb_listed_backwards_on_the_other_side_flips_too() -> None:
    skeleton = Skeleton("pair", ("left_a", "left_b", "right_a", "right_b"), ((0, 1), (3, 2)), (0.1,) * 4)
    channels, signs = skeleton.paf_flip
    np.testing.assert_array_equal(channels, [2, 3, 0, 1])
    np.testing.assert_array_equal(signs.ravel(), [1, -1, 1, -1])
    one_sided = Skeleton("half", skeleton.joints, ((0, 1),), (0.1,) * 4)
    with pytest.raises(ValueError, match=r"'half' has limb \('left_a', 'left_b'\) but not its mirror image"):
        one_sided.paf_flip  # noqa: B018


@every_skeleton
def test_built_in_skeletons_hang_together(skeleton: Skeleton) -> None:
    """By their limbs every joint can be reached from the first."""
    reached = {0}
    for _ in skeleton.joints:
        reached |= {end for limb in skeleton.limbs for end in limb if reached & set(limb)}
    assert reached == set(range(skeleton.num_joints))
    assert get_skeleton(skeleton.name) is skeleton


def test_built_in_skeletons_have_the_joints_their_data_sets_have() -> None:
    assert [skeleton.num_joints for skeleton in BUILT_IN] == [17, 14, 18, 25, 16, 14]
    with pytest.raises(ValueError, match="coco17"):
        get_skeleton("octopus")


@given(seed=st.integers(0, 2**32 - 1), source=st.sampled_from(BUILT_IN), target=st.sampled_from(BUILT_IN))
def test_conversion_keeps_joints_of_the_same_name(seed: int, source: Skeleton, target: Skeleton) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 4))
    keypoints = rng.uniform(0, 100, (count, source.num_joints, 2)).astype(np.float32)
    scores = (rng.uniform(0.1, 1, keypoints.shape[:2]) * (rng.random(keypoints.shape[:2]) < 0.7)).astype(np.float32)
    keypoints[scores == 0] = np.nan
    xy, converted = source.convert(keypoints, scores, target)
    assert xy.shape == (count, target.num_joints, 2)
    assert xy.dtype == converted.dtype == np.float32
    np.testing.assert_array_equal(np.isnan(xy).all(axis=2), converted == 0)
    np.testing.assert_array_equal(np.isnan(xy).any(axis=2), converted == 0)
    for k, joint in enumerate(target.joints):
        if joint in source.joints:
            np.testing.assert_array_equal(xy[:, k], keypoints[:, source.index(joint)])
            np.testing.assert_array_equal(converted[:, k], scores[:, source.index(joint)])


def test_conversion_makes_the_neck_of_the_shoulders() -> None:
    keypoints = np.full((3, 17, 2), np.nan)
    scores = np.zeros((3, 17))
    left, right, neck = COCO_17.index("left_shoulder"), COCO_17.index("right_shoulder"), OPENPOSE_COCO_18.index("neck")
    keypoints[0, [left, right]], scores[0, [left, right]] = [(10, 20), (30, 60)], (0.9, 0.5)
    keypoints[1, left], scores[1, left] = (10, 20), 0.9
    xy, converted = COCO_17.convert(keypoints, scores, OPENPOSE_COCO_18)
    np.testing.assert_array_equal(xy[0, neck], [20, 40])
    np.testing.assert_allclose(converted[:, neck], [0.5, 0, 0])
    assert np.isnan(xy[1:, neck]).all()


def test_conversion_knows_synonyms_and_leaves_out_the_rest() -> None:
    keypoints, scores = np.arange(32.0).reshape(1, 16, 2), np.ones((1, 16))
    xy, converted = MPII_16.convert(keypoints, scores, CROWDPOSE_14)
    np.testing.assert_array_equal(xy[0, CROWDPOSE_14.index("head")], keypoints[0, MPII_16.index("head_top")])
    np.testing.assert_array_equal(xy[0, CROWDPOSE_14.index("neck")], keypoints[0, MPII_16.index("upper_neck")])
    assert converted.all()
    _, face = MPII_16.convert(keypoints, scores, COCO_17)
    np.testing.assert_array_equal(face[0, :5], 0)


@pytest.mark.parametrize(
    ("keypoints", "scores", "message"),
    [
        ((2, 16, 2), (2, 16), r"keypoints must have shape \(N, 17, 2\) but has \(2, 16, 2\)"),
        ((2, 17, 3), (2, 17), r"keypoints must have shape \(N, 17, 2\) but has \(2, 17, 3\)"),
        ((2, 17, 2), (17,), r"scores must have shape \(2, 17\) but has \(17,\)"),
    ],
)
def test_conversion_checks_shapes(keypoints: tuple[int, ...], scores: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        COCO_17.convert(np.zeros(keypoints), np.zeros(scores), OPENPOSE_COCO_18)


HAND: dict[str, Any] = {
    "name": "hand",
    "joints": ["wrist", "left_tip", "right_tip"],
    "limbs": [["wrist", "left_tip"], [0, 2]],
    "sigmas": [0.1, 0.05, 0.05],
}


def test_a_skeleton_is_a_table_and_back() -> None:
    hand = Skeleton.from_dict(HAND)
    assert hand == Skeleton("hand", ("wrist", "left_tip", "right_tip"), ((0, 1), (0, 2)), (0.1, 0.05, 0.05))
    assert hand.flip == ((1, 2),)
    assert Skeleton.from_dict(json.loads(json.dumps(hand.to_dict()))) == hand
    assert Skeleton.from_dict({"joints": ["dot"]}) == Skeleton("own", ("dot",), (), (DEFAULT_SIGMA,))
    assert read_skeleton(HAND) == hand == read_skeleton(hand)
    assert write_skeleton(COCO_17) == "coco17"
    assert read_skeleton(write_skeleton(hand)) == hand
    # A skeleton of its own that borrows a built-in one's name is written out.
    assert isinstance(write_skeleton(dataclasses.replace(hand, name="coco17")), dict)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "skeleton must name its joints"),
        (HAND | {"sigma": [1]}, "skeleton must hold nothing but .* but has \\['sigma'\\]"),
        (HAND | {"limbs": [["wrist", "thumb"]]}, "limbs must name joints of .* but has 'thumb'"),
        (HAND | {"limbs": ["wrist"]}, "limbs must name joints|limbs must hold pairs"),
        (HAND | {"limbs": [[0, 9]]}, "limbs must point at joints 0 to 2"),
        (HAND | {"limbs": [[0]]}, "limbs must hold pairs"),
        (HAND | {"sigmas": [0.1]}, "sigmas must hold one value per joint"),
        (HAND | {"joints": "wrist"}, "joints must be a sequence"),
        (HAND | {"limbs": 3}, "limbs must be a sequence"),
    ],
)
def test_a_table_that_is_no_skeleton(values: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        Skeleton.from_dict(values)
