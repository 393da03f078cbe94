"""Angles, lengths and movements of poses that are known."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from bottomup.benchmarks.figures import draw_angles, draw_lengths, place_joints, project, stack_joints
from bottomup.measures import (
    JointSeries,
    body_heights,
    cadence,
    collect_series,
    count_repetitions,
    joint_angles,
    jump_height,
    lengths_in_heights,
    segment_angles,
    velocities,
)
from bottomup.people import People
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.video import Frame
from tests.makers.walkers import standing, street


def leg(hip: tuple[float, float], knee: tuple[float, float], ankle: tuple[float, float]) -> np.ndarray:
    points = np.full((17, 2), np.nan)
    for name, place in (("left_hip", hip), ("left_knee", knee), ("left_ankle", ankle)):
        points[COCO_17.index(name)] = place
    return points


@pytest.mark.parametrize(
    ("ankle", "degrees"),
    [((0, 20), 180), ((10, 10), 90), ((-10, 10), 90), ((0, 0), 0), ((10, 20), 135), ((0, 10), math.nan)],
)
def test_the_angle_at_a_knee(ankle: tuple[float, float], degrees: float) -> None:
    angle = joint_angles(leg((0, 0), (0, 10), ankle), COCO_17, ("left_hip", "left_knee", "left_ankle"))
    assert angle == pytest.approx(degrees, nan_ok=True)


def test_people_have_angles() -> None:
    people = standing((0, 0), (200, 0))
    angles = people.angles()
    assert set(angles) == {
        f"{side}_{name}" for side in ("left", "right") for name in ("elbow", "shoulder", "hip", "knee")
    }
    assert angles["left_knee"].shape == (2,)
    assert angles["left_knee"] == pytest.approx(angles["right_knee"], abs=1e-3)
    (own,) = people.angles(("left_hip", "left_knee", "left_ankle")).values()
    assert np.array_equal(own, angles["left_knee"])
    scores = people.keypoint_scores.copy()
    scores[1, COCO_17.index("left_knee")] = 0
    lame = People(COCO_17, np.where(scores[..., None] > 0, people.keypoints, np.nan), scores, people.scores)
    assert np.isnan(lame.angles("left_knee")["left_knee"]).tolist() == [False, True]
    with pytest.raises(ValueError, match=r"angle must be one of .* but is 'left_toe'"):
        people.angles("left_toe")


@pytest.mark.parametrize(("upper", "degrees"), [((0, 0), 0), ((10, 0), 45), ((-10, 0), -45), ((0, 20), 180)])
def test_a_segment_to_the_vertical(upper: tuple[float, float], degrees: float) -> None:
    points = leg(upper, (0, 10), (0, 20))
    assert segment_angles(points, COCO_17, "left_hip", "left_knee") == pytest.approx(degrees)
    assert segment_angles(points, COCO_17, "left_hip+left_hip", "left_knee") == pytest.approx(degrees)


def test_body_heights_are_those_of_the_figures() -> None:
    rng = np.random.default_rng(0)
    places = stack_joints(place_joints(draw_angles(200, rng), draw_lengths(200, rng)), COCO_17)
    points = project(places, rng.uniform(-3, 3, 200), np.full((200, 1), 8.0)) * 300
    heights = body_heights(points, COCO_17) / 300
    assert np.median(heights) == pytest.approx(1, abs=0.1)
    assert np.mean(np.abs(heights - 1) < 0.25) > 0.9
    thighs = lengths_in_heights(points, COCO_17, "left_hip", "left_knee")
    assert np.nanmedian(thighs) == pytest.approx(0.23, abs=0.04)
    assert np.isnan(body_heights(np.full((17, 2), np.nan), COCO_17))


def test_a_long_trunk_is_one_witness_of_the_height() -> None:
    """Its two sides are as long as each other; the legs and arms say how tall the person is."""
    rng = np.random.default_rng(0)
    lengths = draw_lengths(1, rng)
    usual = {"spine": 0.29, "upper_arm": 0.172, "forearm": 0.15, "thigh": 0.24, "shank": 0.24}
    lengths = {name: np.full((1, 1), usual.get(name.split()[-1], value)) for name, value in lengths.items()}
    heights = []
    for trunk in (1.0, 1.2):
        angles = {name: np.zeros(1) for name in draw_angles(1, rng)}
        figure = {**lengths, "spine": trunk * lengths["spine"]}
        points = project(stack_joints(place_joints(angles, figure), COCO_17), np.zeros(1), np.full((1, 1), 8.0)) * 300
        heights.append(float(body_heights(points, COCO_17)[0]))
    assert heights[1] == pytest.approx(heights[0], rel=0.02)


def test_velocities_go_by_the_clock() -> None:
    times = np.array([0.0, 0.1, 0.3, 0.35, 1.0])
    assert velocities(7 * times[:, None] + [1, 2], times) == pytest.approx(np.full((5, 2), 7.0))
    assert np.isnan(velocities([1.0], [0.0])).all()
    with pytest.raises(ValueError, match="times must rise"):
        velocities([1, 2, 3], [0, 1, 1])
    with pytest.raises(ValueError, match=r"times must have shape \(3,\) but has \(2,\)"):
        velocities([1, 2, 3], [0, 1])


def test_repetitions_need_both_thresholds() -> None:
    time = np.linspace(0, 4, 200)
    knee = 130 + 40 * np.cos(2 * np.pi * time)
    assert count_repetitions(knee, 110, 150) == 4
    assert count_repetitions(knee + np.random.default_rng(0).normal(0, 5, 200), 110, 150) == 4
    assert count_repetitions(knee[:75], 110, 150) == 1
    assert count_repetitions(np.where(knee < 120, np.nan, knee), 110, 150) == 0
    assert count_repetitions([], 110, 150) == 0
    with pytest.raises(ValueError, match="low must be less than high but they are 5 and 5"):
        count_repetitions([], 5, 5)


def series(points: np.ndarray, rate: float = 50.0) -> JointSeries:
    return JointSeries(0, COCO_17, np.arange(len(points)) / rate, points)


def test_a_jump_in_body_heights() -> None:
    figure = standing((0, 0), size=200).keypoints[0].astype(float)
    lift = np.zeros(100)
    lift[40:60] = 30 * np.sin(np.linspace(0, np.pi, 20))
    points = figure[None] - np.stack([0 * lift, lift], axis=1)[:, None]
    height = float(body_heights(figure, COCO_17))
    assert jump_height(series(points)) == pytest.approx(30 / height, rel=0.02)
    assert jump_height(series(points[:30])) == pytest.approx(0)
    assert math.isnan(jump_height(series(points[:0])))


def test_the_cadence_of_a_walk() -> None:
    figure = standing((0, 0), size=200).keypoints[0].astype(float)
    time = np.arange(200) / 50
    points = np.repeat(figure[None], 200, axis=0) + np.stack([150 * time, 0 * time], axis=1)[:, None]
    for name, sign in (("left_ankle", 1), ("right_ankle", -1)):
        points[:, COCO_17.index(name), 0] = points[:, COCO_17.index("nose"), 0] + sign * 30 * np.sin(np.pi * 1.8 * time)
    assert cadence(series(points)) == pytest.approx(108, rel=0.03)
    assert math.isnan(cadence(series(np.repeat(figure[None], 50, axis=0))))


@pytest.mark.slow
def test_a_table_and_a_plot_of_a_tracked_person(tmp_path: Path) -> None:
    empty = np.zeros((4, 4, 3), np.uint8)
    frames = [
        (Frame(number, moment.time, empty), people.with_ids(moment.ids))
        for number, (moment, people) in enumerate(street(2, 20))
    ]
    everybody = collect_series(frames)
    assert 0 in everybody
    one = everybody[0]
    assert one.times.tolist() == [frame.time for frame, people in frames if people.ids is not None and 0 in people.ids]
    one.to_csv(tmp_path / "one.csv")
    with (tmp_path / "one.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(one.times)
    assert float(rows[3]["left_knee_deg"] or "nan") == pytest.approx(one.angle("left_knee")[3], nan_ok=True)
    pytest.importorskip("matplotlib")
    one.plot(["left_knee", ("left_shoulder", "left_hip", "left_knee")], tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="angle must be one of"):
        one.angle("nose")
    with pytest.raises(ValueError, match="frames must hold people with ids"):
        collect_series([(frames[0][0], frames[0][1].with_ids(None))])
    assert collect_series([]) == {}


def test_wrong_arguments() -> None:
    with pytest.raises(ValueError, match=r"keypoints must have shape \(..., 18, 2\) but has \(17, 2\)"):
        joint_angles(np.zeros((17, 2)), OPENPOSE_COCO_18, ("neck", "nose", "neck"))
    with pytest.raises(ValueError, match="joints must be three names, the apex in the middle, but is 'nose'"):
        joint_angles(np.zeros((17, 2)), COCO_17, "nose")
    with pytest.raises(ValueError, match="joint must be one of"):
        segment_angles(np.zeros((17, 2)), COCO_17, "neck", "nose")
