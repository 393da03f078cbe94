"""The pose denoiser: what it does with what its network says, what the built-in one makes of a body, and bad files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from bottomup.people import People
from bottomup.pose_denoiser import (
    FORMAT,
    Layer,
    PoseDenoiser,
    load_pose_denoiser,
    normalise,
    pose_inputs,
    save_pose_denoiser,
)
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17
from tests.makers.figures import figure

ROW = Skeleton("row", ("left", "middle", "right", "far"), ((0, 1), (1, 2), (2, 3)), (0.1,) * 4)
SIZE = (200, 300)
SURE, NEVER = 40.0, -40.0


def says(moves: Any, chances: Any) -> PoseDenoiser:
    """A denoiser that says the same of every pose."""
    bias = np.concatenate([np.ravel(np.array(moves, np.float32)), np.array(chances, np.float32)])
    return PoseDenoiser(ROW, [(np.zeros((12, 16), np.float32), bias)])


def row(*places: tuple[float, float] | None, score: float = 0.5) -> People:
    """One person of `ROW`."""
    keypoints = np.array([(np.nan, np.nan) if place is None else place for place in places], np.float32)[None]
    scores = np.where(np.isnan(keypoints[..., 0]), 0, score).astype(np.float32)
    return People(ROW, keypoints, scores, np.array([0.8], np.float32))


STANDING = row((100, 50), (120, 50), (140, 50), None)


def test_found_joints_go_a_part_of_the_way_and_missing_ones_are_guessed() -> None:
    spread = np.sqrt(800 / 3)
    mended = says([(0, 0), (0, 0.5), (0, 0), (2, -1)], [NEVER, NEVER, NEVER, 0.0])(STANDING, SIZE)
    expected = [(100, 50), (120, 50 + 0.6 * 0.5 * spread), (140, 50), (120 + 2 * spread, 50 - spread)]
    np.testing.assert_allclose(mended.keypoints[0], expected, atol=0.01)
    assert mended.keypoint_scores[0].tolist() == pytest.approx([0.5, 0.5, 0.5, 0.5])
    assert mended.traced[0].tolist() == [False, False, False, True]
    np.testing.assert_array_equal(mended.scores, STANDING.scores)
    assert np.isnan(STANDING.keypoints[0, 3]).all()  # the people who went in are as they were


@pytest.mark.parametrize(
    ("move", "chance", "least", "guessed"),
    [
        ((0, 1), SURE, 0.0, True),
        ((0, 1), NEVER, 0.0, False),
        ((0, 1), -2.0, 0.1, True),
        ((0, 1), -2.0, 0.2, False),
        ((0, -4), SURE, 0.0, False),  # above the picture
        ((0, 100), SURE, 0.0, False),
        ((-8, 0), SURE, 0.0, False),
        ((12, 0), SURE, 0.0, False),
    ],
)
def test_what_is_unlikely_or_beyond_the_picture_is_not_guessed(
    move: tuple[float, float], chance: float, least: float, guessed: bool
) -> None:
    mended = says([(0, 0)] * 3 + [move], [SURE] * 3 + [chance])(STANDING, SIZE, least=least)
    assert (mended.keypoint_scores[0, 3] > 0) == mended.traced[0, 3] == guessed


def test_found_joints_stay_within_the_picture() -> None:
    mended = says([(-50, -50), (50, 50), (0, 0), (0, 0)], [NEVER] * 4)(STANDING, SIZE)
    assert mended.keypoints[0, :2].tolist() == [[0, 0], [299, 199]]


def test_a_person_of_two_joints_has_no_pose_yet() -> None:
    denoiser = says([(1, 1)] * 4, [SURE] * 4)
    both = row((10, 10), None, (30, 10), None)
    assert denoiser(both, SIZE) == both
    assert len(denoiser(People.empty(ROW), SIZE)) == 0
    together = People(
        ROW,
        np.concatenate([both.keypoints, STANDING.keypoints]),
        np.concatenate([both.keypoint_scores, STANDING.keypoint_scores]),
        np.array([0.8, 0.7], np.float32),
        np.array([3, 4]),
    )
    mended = denoiser(together, SIZE)
    assert mended.ids is not None
    assert mended.ids.tolist() == [3, 4]
    np.testing.assert_array_equal(mended.keypoints[0], both.keypoints[0])
    assert (mended.keypoint_scores > 0).sum(axis=1).tolist() == [2, 4]


def test_of_joints_at_one_place_nothing_becomes_infinite() -> None:
    mended = says([(3, 3)] * 4, [SURE] * 4)(row((50, 50), (50, 50), (50, 50), None), SIZE)
    np.testing.assert_allclose(mended.keypoints[0], 50, atol=0.01)


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 50), st.floats(-1e4, 1e4))
def test_where_and_how_large_a_person_is_makes_no_difference(seed: int, scale: float, shift: float) -> None:
    random = np.random.default_rng(seed)
    places = random.normal(0, 50, (3, 6, 2)).astype(np.float32)
    scores = np.where(random.random((3, 6)) < 0.8, random.random((3, 6)), 0).astype(np.float32)
    scores[:, :2] = 0.7
    plain, centres, spreads = normalise(places, scores)
    other, moved, grown = normalise((places * scale + shift).astype(np.float32), scores)
    tolerance = 1e-3 + 1e-5 * abs(shift) / scale
    np.testing.assert_allclose(other, plain, atol=tolerance)
    np.testing.assert_allclose(moved, centres * scale + shift, atol=tolerance * scale * 50, rtol=1e-4)
    np.testing.assert_allclose(grown, spreads * scale, rtol=1e-3 + tolerance)
    weights = scores + 0.05 * (scores > 0)
    np.testing.assert_allclose((plain * weights[..., None]).sum(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose((weights[..., None] * plain**2).sum(axis=(1, 2)) / weights.sum(axis=1), 1, atol=1e-2)


def test_missing_joints_are_zero_for_the_network() -> None:
    poses, _, _ = normalise(STANDING.keypoints, STANDING.keypoint_scores)
    inputs = pose_inputs(poses, STANDING.keypoint_scores)
    assert inputs.shape == (1, 16)
    assert inputs[0, 6:8].tolist() == [0, 0]
    assert inputs[0, 8:].tolist() == [0.5, 0.5, 0.5, 0, 1, 1, 1, 0]


def body(*, without: str = "", wrong: str = "") -> People:
    """A figure that stands in the middle of a picture of 400 x 400, without some joint, another one off by a tenth."""
    places = figure(100, 100, 200).astype(np.float32)[None]
    scores = np.full((1, 17), 0.7, np.float32)
    if wrong:
        places[0, COCO_17.index(wrong)] += (20, -6)
    if without:
        places[0, COCO_17.index(without)], scores[0, COCO_17.index(without)] = np.nan, 0
    return People(COCO_17, places, scores, np.array([0.9], np.float32))


@pytest.mark.parametrize("joint", COCO_17.joints)
def test_the_built_in_denoiser_knows_where_a_joint_must_be(joint: str) -> None:
    denoiser = load_pose_denoiser("default", COCO_17)
    assert denoiser is not None
    mended = denoiser(body(without=joint), (400, 400))
    number, truth = COCO_17.index(joint), body().keypoints[0]
    assert mended.traced[0].tolist() == [other == joint for other in COCO_17.joints]
    assert 0.05 <= mended.keypoint_scores[0, number] < 1
    # The figure is 200 high; the wrists are the freest.
    assert np.linalg.norm(mended.keypoints[0, number] - truth[number]) < 30


@pytest.mark.parametrize("joint", ["left_shoulder", "right_hip", "left_knee", "nose"])
def test_the_built_in_denoiser_brings_a_wrong_joint_nearer(joint: str) -> None:
    denoiser = load_pose_denoiser("default", COCO_17)
    assert denoiser is not None
    number, truth = COCO_17.index(joint), body().keypoints[0]
    wrong = body(wrong=joint)
    before = np.linalg.norm(wrong.keypoints[0, number] - truth[number])
    assert np.linalg.norm(denoiser(wrong, (400, 400)).keypoints[0, number] - truth[number]) < 0.95 * before


def layers(outputs: int = 12) -> list[Layer]:
    random = np.random.default_rng(5)
    return [
        (random.normal(size=(32, 16)).astype(np.float32), random.normal(size=32).astype(np.float32)),
        (random.normal(size=(outputs, 32)).astype(np.float32), random.normal(size=outputs).astype(np.float32)),
    ]


def test_a_denoiser_is_kept_in_half_precision(tmp_path: Path) -> None:
    save_pose_denoiser(tmp_path / "row.safetensors", ROW, layers(), {"people": "3"})
    kept = load_pose_denoiser(str(tmp_path / "row.safetensors"), ROW)
    assert kept is not None
    assert kept.path == tmp_path / "row.safetensors"
    assert kept.skeleton.to_dict() == ROW.to_dict()
    rounded = [(w.astype(np.float16), b.astype(np.float16)) for w, b in layers()]
    assert kept(STANDING, SIZE) == PoseDenoiser(ROW, rounded)(STANDING, SIZE)


@pytest.mark.parametrize("name", [None, "none"])
def test_there_need_be_none(name: str | None) -> None:
    assert load_pose_denoiser(name, ROW) is None


@pytest.mark.parametrize(
    ("tensors", "header", "told"),
    [
        ({}, {"format": "x"}, "must hold bottomup-pose-denoiser-1 but .* holds 'x'"),
        ({}, {}, "layers must end with 3 outputs for each of 4 joints"),
        ({"layers.0.weight": np.zeros((12, 9)), "layers.0.bias": np.zeros(12)}, {}, r"weights \(outputs, 16\)"),
        ({"layers.0.weight": np.zeros((12, 16)), "layers.0.bias": np.zeros(11)}, {}, r"has \(12, 16\) and \(11,\)"),
        ({"layers.0.weight": np.full((12, 16), np.inf), "layers.0.bias": np.zeros(12)}, {}, "NaN or infinite"),
        ({"layers.1.weight": np.zeros((12, 16)), "layers.1.bias": np.zeros(12)}, {}, "layers.0.weight"),
        ({"layers.0.weight": np.zeros((5000, 16)), "layers.0.bias": np.zeros(5000)}, {}, "1 to 4096 outputs"),
        ({}, {"skeleton": "{"}, "must be a pose denoiser but"),
        ({}, {"skeleton": "[]"}, "must be a pose denoiser but"),
        ({}, {"skeleton": "{}"}, "must name its joints"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(
    tmp_path: Path, tensors: dict[str, Any], header: dict[str, str], told: str
) -> None:
    save_pose_denoiser(tmp_path / "good.safetensors", ROW, layers())
    whole = {"format": FORMAT, "skeleton": '{"name": "row", "joints": ["left", "middle", "right", "far"]}'} | header
    path = tmp_path / "bad.safetensors"
    save_file({name: np.asarray(values, np.float16) for name, values in tensors.items()}, str(path), whole)
    with pytest.raises(ValueError, match=told):
        load_pose_denoiser(str(path), ROW)


def test_damaged_and_missing_files_and_other_joints_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "row.safetensors"
    save_pose_denoiser(path, ROW, layers())
    with pytest.raises(ValueError, match=r"must have the joints of coco17 but .*row.safetensors has those of row"):
        load_pose_denoiser(str(path), COCO_17)
    with pytest.raises(ValueError, match="people must have the joints of row but are coco17"):
        says([(0, 0)] * 4, [0] * 4)(People.empty(COCO_17), SIZE)
    path.write_bytes(path.read_bytes()[:99])
    with pytest.raises(ValueError, match="pose_denoiser must be a pose denoiser but"):
        load_pose_denoiser(str(path), ROW)
    with pytest.raises(FileNotFoundError, match='pose_denoiser must be "default", "none" or a file but there is no '):
        load_pose_denoiser(str(tmp_path / "nothing"), ROW)
