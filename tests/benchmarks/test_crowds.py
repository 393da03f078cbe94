"""Procedural crowds: bodies that look like bodies, overlap as asked for, the same from the same seed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from bottomup.benchmarks import crowd_index, make_crowd
from bottomup.benchmarks.figures import random_bodies
from bottomup.skeleton import Skeleton
from bottomup.skeletons import BODY_25, COCO_17, CROWDPOSE_14, SKELETONS


@pytest.mark.parametrize("name", sorted(SKELETONS))
@pytest.mark.parametrize("count", [0, 1, 2, 17])
def test_every_skeleton_gives_a_crowd_of_any_size(name: str, count: int) -> None:
    skeleton = SKELETONS[name]
    crowd = make_crowd(count, skeleton, height=480, width=640, seed=3)
    assert len(crowd) == count
    assert crowd.keypoints.shape == (count, skeleton.num_joints, 2)
    assert np.isfinite(crowd.keypoints).all()
    seen = crowd.keypoints[crowd.visible]
    assert (seen >= 0).all()
    assert (seen <= [639, 479]).all()
    assert (crowd.boxes[:, 2:] > crowd.boxes[:, :2]).all()
    assert (crowd.visible.sum(axis=1) >= 3).all()


@pytest.mark.parametrize("count", [10, 40, 150])
@pytest.mark.parametrize("wanted", [0.1, 0.5, 0.9])
def test_the_overlap_is_as_asked_for(count: int, wanted: float) -> None:
    crowd = make_crowd(count, COCO_17, height=736, width=1312, crowd_index=wanted, seed=count)
    assert crowd.crowd_index == pytest.approx(wanted, abs=0.03)


def test_the_same_seed_gives_the_same_crowd_and_another_gives_another() -> None:
    first, again, other = (make_crowd(12, COCO_17, height=480, width=640, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    np.testing.assert_array_equal(first.visible, again.visible)
    assert not np.allclose(first.keypoints, other.keypoints)


def test_one_person_alone_is_wholly_in_the_picture() -> None:
    for seed in range(20):
        crowd = make_crowd(1, COCO_17, height=480, width=640, hidden=0, seed=seed)
        assert crowd.visible.all()
        assert crowd.crowd_index == 0


def test_hidden_joints() -> None:
    shown = make_crowd(60, COCO_17, height=480, width=640, crowd_index=0.3, hidden=0, seed=1)
    some = make_crowd(60, COCO_17, height=480, width=640, crowd_index=0.3, hidden=0.3, seed=1)
    assert shown.visible.mean() > 0.97  # what is missing lies outside the picture
    assert 0.35 < some.visible.mean() < 0.7


def test_nearer_people_are_larger() -> None:
    crowd = make_crowd(100, COCO_17, height=736, width=1312, crowd_index=0.1, seed=2)
    middle = crowd.keypoints.mean(axis=1)[:, 1]
    size = np.ptp(crowd.keypoints[..., 1], axis=1)
    assert size[middle > 500].mean() > 1.4 * size[middle < 250].mean()


def test_people_who_face_the_camera_have_their_left_on_its_right_and_noses_ahead() -> None:
    places = random_bodies(4000, BODY_25, np.random.default_rng(0))
    joints = {name: places[:, k] for k, name in enumerate(BODY_25.joints)}
    facing = joints["left_shoulder"][:, 0] > joints["right_shoulder"][:, 0]
    assert 0.6 < facing.mean() < 0.85  # half face the camera, half of the others nearly do
    # Seen from the side, the nose and the toes are on the side to which the body faces.
    ears = (joints["left_ear"] + joints["right_ear"]) / 2
    ahead = np.sign(joints["nose"][:, 0] - ears[:, 0])
    feet = np.sign(joints["left_big_toe"][:, 0] - joints["left_heel"][:, 0])
    aside = np.abs(joints["nose"][:, 0] - ears[:, 0]) > 0.05
    assert aside.sum() > 500
    assert (ahead == feet)[aside].mean() > 0.95


def test_bodies_have_human_proportions_and_are_foreshortened() -> None:
    places = random_bodies(3000, COCO_17, np.random.default_rng(1))
    joints = {name: places[:, k] for k, name in enumerate(COCO_17.joints)}
    thigh = np.linalg.norm(joints["left_hip"] - joints["left_knee"], axis=1)
    arm = np.linalg.norm(joints["left_shoulder"] - joints["left_elbow"], axis=1)
    assert 0.2 < np.percentile(thigh, 90) < 0.3
    assert 0.15 < np.percentile(arm, 90) < 0.25
    assert np.percentile(thigh, 5) < 0.15  # people who sit, seen from the front
    left = np.linalg.norm(joints["left_shoulder"] - joints["left_hip"], axis=1)
    right = np.linalg.norm(joints["right_shoulder"] - joints["right_hip"], axis=1)
    assert np.abs(np.log(left / right)).max() > 0.05  # the nearer side is larger


def test_crowd_index_by_hand() -> None:
    keypoints = np.array([[[1, 1], [9, 9]], [[5, 5], [20, 20]]], float)
    boxes = [[0, 0, 10, 10], [4, 4, 21, 21]]
    everything = np.ones((2, 2), bool)
    # One joint of the second lies in the first's box, which holds two of its own; and the other way round.
    assert crowd_index(keypoints, everything, boxes) == pytest.approx((1 / 2 + 1 / 2) / 2)
    hidden = np.array([[True, False], [True, True]])
    assert crowd_index(keypoints, hidden, boxes) == pytest.approx((1 / 1 + 0 / 2) / 2)
    assert crowd_index(keypoints, np.zeros((2, 2)), boxes) == 0
    assert crowd_index(np.zeros((0, 2, 2)), np.zeros((0, 2)), np.zeros((0, 4))) == 0


def test_crowd_index_agrees_with_the_published_ones() -> None:
    folder = os.environ.get("BOTTOMUP_DATA")
    if not folder:
        pytest.skip("BOTTOMUP_DATA names no folder with CrowdPose's annotations")
    file = Path(folder) / "data" / "crowdpose" / "crowdpose_val_dev.json"
    if not file.exists():
        pytest.skip(f"{file} does not exist")
    content = json.loads(file.read_text())
    people: dict[int, list[dict]] = {}
    for annotation in content["annotations"]:
        people.setdefault(annotation["image_id"], []).append(annotation)
    apart = []
    for image in content["images"]:
        rows = people.get(image["id"], [])
        table = np.array([row["keypoints"] for row in rows], float).reshape(len(rows), -1, 3)
        boxes = np.array([row["bbox"] for row in rows], float).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        apart.append(abs(crowd_index(table[..., :2], table[..., 2], boxes) - image["crowdIndex"]))
    assert np.median(apart) < 0.005


def test_labels_say_what_is_visible() -> None:
    crowd = make_crowd(5, CROWDPOSE_14, height=480, width=640, seed=1)
    labels = crowd.labels()
    np.testing.assert_array_equal(labels.visible, crowd.visible)
    np.testing.assert_array_equal(labels.keypoints[crowd.visible], crowd.keypoints[crowd.visible])
    np.testing.assert_array_equal(labels.boxes, crowd.boxes)
    np.testing.assert_allclose(labels.areas, 0.53 * (crowd.boxes[:, 2:] - crowd.boxes[:, :2]).prod(axis=1))
    assert not labels.ignored.any()


@pytest.mark.slow
def test_what_hides_an_elbow_mostly_hides_the_wrist() -> None:
    crowd = make_crowd(400, COCO_17, height=1472, width=2624, crowd_index=0.1, hidden=0.1, seed=1)
    elbow, wrist = (crowd.visible[:, COCO_17.index(f"left_{joint}")] for joint in ("elbow", "wrist"))
    assert wrist[elbow].mean() > 0.8
    assert wrist[~elbow].mean() < 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"count": -1}, "count must be at least 0 but is -1"),
        ({"height": 0}, "height must be at least 1 but is 0"),
        ({"width": -3}, "width must be at least 1 but is -3"),
        ({"hidden": 1.5}, "hidden must be from 0 to 1 but is 1.5"),
        ({"crowd_index": float("nan")}, "crowd_index must be at least 0 and finite but is nan"),
        ({"seed": -1}, "seed must be at least 0 but is -1"),
    ],
)
def test_bad_arguments(change: dict, message: str) -> None:
    arguments = {"count": 2, "skeleton": COCO_17, "height": 48, "width": 64, **change}
    with pytest.raises(ValueError, match=message):
        make_crowd(arguments.pop("count"), arguments.pop("skeleton"), **arguments)


def test_unknown_joints_are_named() -> None:
    skeleton = Skeleton("tail", ("nose", "tail"), ((0, 1),), (0.1, 0.1))
    with pytest.raises(ValueError, match=r"skeleton must have joints of .* but 'tail' has \['tail'\]"):
        make_crowd(2, skeleton, height=48, width=64)
