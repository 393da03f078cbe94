"""The second look: people keep their places in the list, and get the joints of their crops."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bottomup import Detector, refinement, weights
from bottomup.evaluation.runs import helpers_record
from bottomup.networks.calibration import Calibration, Curve
from bottomup.people import People
from bottomup.refinement import Refiner, as_refiner, combine, person_boxes
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.detectors import SeesMiddles


@pytest.fixture
def refiner(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(skeleton: Any = COCO_17) -> Refiner:
        monkeypatch.setattr(refinement, "resolve_model", lambda _: Path("a.xml"))
        monkeypatch.setattr("bottomup.crop_detector.load_backend", lambda *_, **__: SeesMiddles(skeleton))
        return Refiner("a.xml", COCO_17)

    return make


def people_at(*boxes: tuple[float, float, float, float]) -> People:
    keypoints, scores = np.full((len(boxes), 17, 2), np.nan, np.float32), np.zeros((len(boxes), 17), np.float32)
    for n, (x0, y0, x1, y1) in enumerate(boxes):
        keypoints[n, [0, 15]], scores[n, [0, 15]] = [(x0, y0), (x1, y1)], 0.4
    return People(COCO_17, keypoints, scores, np.full(len(boxes), 0.5, np.float32))


def test_people_get_the_joints_of_their_crops(refiner: Any) -> None:
    picture = np.full((200, 400, 3), 90, np.uint8)
    picture[:, 300:] = 0
    found = people_at((20, 30, 60, 110), (310, 30, 350, 110), (120, 50, 180, 170))
    refined = refiner()(picture, found)
    assert len(refined) == 2, "in the black crop nobody is"
    middles = refined.keypoints.mean(axis=1)
    np.testing.assert_allclose(middles, [[40, 70], [150, 110]], atol=1)
    assert (refined.scores < 0.01).all(), "the second look puts all joints in the middle: the two do not agree"
    assert (refined.keypoint_scores > 0.5).all()
    assert len(refiner()(picture, People.empty(COCO_17))) == 0


@pytest.fixture
def shown_again(refiner: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A refiner that sees the joints of `people` with score 0.8, `moved` pixels to the right."""

    def make(people: People, moved: float = 0.0, **info: Any) -> Refiner:
        scores = np.where(people.keypoint_scores > 0, 0.8, 0).astype(np.float32)
        places = (people.keypoints + np.array([moved, 0])).astype(np.float32)
        made = refiner()

        def look(_: Any, *, proposals: np.ndarray, keep_all: bool) -> People:
            return People(COCO_17, places, scores, np.ones(len(scores), np.float32))

        look.info = dataclasses.replace(made.detector.info, **info)  # type: ignore[attr-defined]
        monkeypatch.setattr(made, "detector", look)
        return made

    return make


def test_the_score_tells_how_alike_two_looks_are(shown_again: Any) -> None:
    people = people_at((20, 30, 60, 110), (120, 50, 180, 170))
    picture = np.zeros((200, 400, 3), np.uint8)
    np.testing.assert_allclose(shown_again(people)(picture, people).scores, 0.5 * 0.8, rtol=1e-5)
    areas = 0.53 * np.array([40 * 80, 60 * 120])
    alike = [np.exp(-(3**2) / (2 * areas * (2 * COCO_17.sigmas[joint]) ** 2)) for joint in (0, 15)]
    wanted = 0.5 * 0.8 * np.sqrt(np.mean(alike, axis=0))
    np.testing.assert_allclose(shown_again(people, 3)(picture, people).scores, wanted, rtol=1e-5)


def test_two_looks_at_a_joint_are_combined() -> None:
    first, second = people_at((0, 0, 100, 100)), people_at((10, 0, 100, 20))
    places, sure = second.keypoints.copy(), second.keypoint_scores.copy()
    sure[0, [0, 3]] = 0.8, 0.5  # nose, surer; left ear, which the first look does not see
    places[0, 3] = 50, 50
    second = People(COCO_17, places, sure, second.scores)
    keypoints, scores = combine(first, second, 0.25)
    np.testing.assert_allclose(keypoints[0, 0], [2.5, 0])  # the same place: a quarter of the way
    np.testing.assert_allclose(scores[0, 0], 0.75 * 0.4 + 0.25 * 0.8)
    np.testing.assert_allclose(keypoints[0, 15], [100, 100])  # another place: the first look, by its weight
    np.testing.assert_allclose(combine(first, second, 0.75)[0][0, 15], [100, 20])
    np.testing.assert_allclose(keypoints[0, 3], [50, 50])
    np.testing.assert_allclose(scores[0, [3, 15]], [0.5, 0.4])
    assert not scores[0, [1, 2, *range(4, 15), 16]].any()
    assert np.isnan(keypoints[0, 1]).all()
    for given, wanted in zip(combine(first, second, 1.0), (second.keypoints, second.keypoint_scores), strict=True):
        np.testing.assert_array_equal(given, wanted)
    assert combine(People.empty(COCO_17), People.empty(COCO_17), 0.5)[0].shape == (0, 17, 2)


def test_boxes_reach_beyond_the_joints() -> None:
    np.testing.assert_allclose(person_boxes(people_at((20, 30, 60, 130))), [[10, 20, 70, 140]])
    single = people_at((20, 30, 20, 30))
    assert (np.diff(person_boxes(single).reshape(1, 2, 2), axis=1) > 0).all(), "a person of one point has a box too"


def test_says_what_it_cannot_refine_with(refiner: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"refine must be a network of the joints of coco17 but a\.xml has no nose"):
        refiner(CROWDPOSE_14)
    monkeypatch.setattr(weights, "_BUILT_IN_CROPS", tmp_path / "none.safetensors")
    with pytest.raises(FileNotFoundError, match="there is no built-in one in this installation"):
        Refiner("default", COCO_17)


def test_detectors_of_the_same_joints_may_share_one(refiner: Any) -> None:
    shared = refiner()
    assert as_refiner(shared, COCO_17, None) is shared
    with pytest.raises(ValueError, match="refine must be for people of crowdpose14 but is for those of coco17"):
        as_refiner(shared, CROWDPOSE_14, None)


def test_a_cascade_looks_twice(refiner: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = refiner()
    for name in ("a.xml", "built-in.safetensors"):
        (tmp_path / name).write_bytes(b"weights")
    monkeypatch.setattr(refinement, "resolve_model", lambda model: tmp_path / str(model))
    monkeypatch.setattr(refinement, "find_crop_weights", lambda: tmp_path / "built-in.safetensors")
    cascade, built_in = Refiner("cascade:a.xml", COCO_17), Refiner("cascade", COCO_17)
    assert [one.path.name for one in (cascade, built_in)] == ["a.xml", "built-in.safetensors"]
    assert (cascade.name, cascade.cascade, plain.cascade) == ("stand-in in a cascade", True, False)
    # What a run goes on from must have looked as often.
    once, twice = (SimpleNamespace(refiner=one) for one in (Refiner("a.xml", COCO_17), cascade))
    assert helpers_record(twice) != helpers_record(once)

    shown: list[tuple[np.ndarray, np.ndarray]] = []

    def look(_: Any, *, proposals: np.ndarray, keep_all: bool) -> People:
        """Joint 0 moves by 8 at the first look and by 4 more at the second, which sees joint 1 in place of 2 and
        nothing of the second person."""
        assert keep_all
        first = not shown
        scores = np.zeros((len(proposals), 17), np.float32)
        scores[:, :3] = (0.9, 0.0, 0.6) if first else (0.3, 0.5, 0.0)
        places = np.tile((proposals[:, None, :2] + proposals[:, None, 2:]) / 2, (1, 17, 1))
        places[:, 0] += 8 if first else 4
        if not first:
            scores[1:] = 0
        shown.append((proposals, places))
        return People(COCO_17, np.where(scores[..., None] > 0, places, np.nan), scores, np.ones(len(scores)))

    look.info = SimpleNamespace(refine_share=1.0, calibration=None)  # type: ignore[attr-defined]
    monkeypatch.setattr(cascade, "detector", look)
    monkeypatch.setattr(refinement, "shared_oks", lambda ones, *_: np.ones(len(ones)))
    people = people_at((20, 30, 60, 110), (120, 50, 180, 170))
    found = cascade(np.zeros((200, 400, 3), np.uint8), people)
    assert [len(boxes) for boxes, _ in shown] == [2, 2]
    (_, once), (second_boxes, twice) = shown
    low, high = once[0, [0, 2]].min(axis=0), once[0, [0, 2]].max(axis=0)
    assert (second_boxes[0, :2] < low).all()
    assert (second_boxes[0, 2:] > high).all()
    assert len(found) == 1
    # Two places near each other count alike; of joints that one look sees, its own.
    np.testing.assert_allclose(found.keypoints[0, 0], (once[0, 0] + twice[0, 0]) / 2, rtol=1e-5)
    np.testing.assert_allclose(found.keypoints[0, 1], twice[0, 1], rtol=1e-5)
    np.testing.assert_allclose(found.keypoints[0, 2], once[0, 2], rtol=1e-5)
    np.testing.assert_allclose(found.keypoint_scores[0, :4], (0.6, 0.5, 0.6, 0), rtol=1e-5)
    assert np.isnan(found.keypoints[0, 3:]).all()
    np.testing.assert_allclose(found.scores, [0.5 * (0.75 * 0.4) ** 0.5], rtol=1e-5)


def test_a_network_that_judges_people_calibrates_them_and_leaves_the_unlikely_out(shown_again: Any) -> None:
    picture = np.zeros((200, 400, 3), np.uint8)
    found = people_at((20, 30, 60, 110), (120, 50, 180, 170))
    found = People(COCO_17, found.keypoints, found.keypoint_scores, np.array([0.5, 0.25], np.float32))
    curves = Calibration(people=Curve(0.3, 0.1), joints=Curve(0.5, 0.2))
    plain, judge = shown_again(found), shown_again(found, calibration=curves)
    assert (plain.judges, judge.judges) == (False, True)
    raw, both, (likely,) = plain(picture, found), judge(picture, found, least=0.0), judge(picture, found, least=0.5)
    np.testing.assert_allclose(both.scores, curves.people(raw.scores), rtol=1e-5)
    np.testing.assert_allclose(both.keypoint_scores, curves.joint_scores(raw.keypoint_scores), rtol=1e-5)
    assert likely.score == both.scores[0]
    twice = People(COCO_17, found.keypoints[[0, 0]] + [[[0.5]], [[0]]], found.keypoint_scores[[0, 0]], found.scores)
    (one,) = shown_again(twice, calibration=curves)(picture, twice, least=0.0)
    assert one.score == both.scores[0], "the likelier of two who are alike"


def test_a_joint_that_no_look_sees_stays_marked_as_traced(refiner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    people = people_at((20, 30, 60, 110))
    traced = people.keypoint_scores > 0
    people = People(COCO_17, people.keypoints, people.keypoint_scores, people.scores, traced=traced)
    again = refiner()
    seen = np.zeros((1, 17), np.float32)
    seen[0, 0] = 0.9  # of the two joints, the crop shows one

    def look(_: Any, *, proposals: np.ndarray, keep_all: bool) -> People:
        places = np.where(seen[..., None] > 0, people.keypoints + 1, np.nan)
        return People(COCO_17, places, seen, np.ones(1, np.float32))

    look.info = SimpleNamespace(refine_share=0.5, calibration=None)  # type: ignore[attr-defined]
    monkeypatch.setattr(again, "detector", look)
    (found,) = again(np.zeros((200, 400, 3), np.uint8), people)
    assert np.flatnonzero(found.traced).tolist() == [15]


def test_the_built_in_network_looks_again_at_a_person() -> None:
    data = pytest.importorskip("skimage.data")
    path = weights.find_crop_weights()
    assert path.stat().st_size < 3_000_000
    first, both = Detector(), Detector(refine="default")
    assert both.refiner is not None
    assert 0 < both.refiner.detector.info.refine_share < 1
    photo = np.ascontiguousarray(data.astronaut()[:, :, ::-1])
    (one,), (again,) = first(photo), both(photo)
    moved = np.linalg.norm(again.keypoints - one.keypoints, axis=1)
    both_see = np.isfinite(moved)
    assert both_see.sum() >= 5
    assert 0 < np.median(moved[both_see]) < 15
    assert 0.5 < again.score <= 1, "a share of right ones"
    np.testing.assert_allclose(again["nose"][:2], (227, 120), atol=12)
