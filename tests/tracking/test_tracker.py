"""Ids stay with people: through crossings, occlusions, bad frames and shaking cameras."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from bottomup.people import People
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from bottomup.tracking import Tracker, TrackOptions
from tests.makers.walkers import RATE, background, standing, street


def ids(people: People) -> list[int]:
    assert people.ids is not None
    return people.ids.tolist()


def without(people: People, missing: float, jitter: float, rng: np.random.Generator) -> People:
    """The people as a poor detector sees them: a share missed, joints lost and shaken, in any order."""
    order = rng.permutation(np.flatnonzero(rng.random(len(people)) >= missing))
    keypoints, scores = people.keypoints[order].copy(), people.keypoint_scores[order].copy()
    keypoints += rng.normal(0, jitter, keypoints.shape)
    lost = rng.random(scores.shape) < missing
    keypoints[lost], scores[lost] = np.nan, 0
    return People(people.skeleton, keypoints, scores, people.scores[order])


@pytest.mark.parametrize("noise", [(0.0, 0.0), (0.1, 1.5)])
def test_walkers_keep_their_ids(noise: tuple[float, float]) -> None:
    tracker, rng = Tracker(TrackOptions(birth=0)), np.random.default_rng(1)
    names: dict[int, int] = {}
    switches = seen = 0
    for moment, people in street(6, 100, seed=3):
        tracked = tracker.update(without(people, *noise, rng), moment.time)
        for person in tracked:
            distance = np.nanmean(np.linalg.norm(people.keypoints - person.keypoints, axis=2), axis=1)
            who = int(moment.ids[np.nanargmin(distance)])
            assert person.id is not None
            switches += names.setdefault(who, person.id) != person.id
            names[who] = person.id
            seen += 1
    assert seen > 400
    assert switches == 0


def test_who_comes_back_in_time_keeps_the_id_and_who_comes_late_gets_a_new_one() -> None:
    tracker = Tracker(TrackOptions(max_occlusion=1.0))
    here, gone = standing((50, 50), (300, 50)), standing((50, 50))
    frame = 0

    def run(people: People, frames: int) -> list[int]:
        nonlocal frame
        for _ in range(frames):
            frame += 1
            found = ids(tracker.update(people, frame / RATE))
        return found

    assert run(here, 5) == [0, 1]
    assert run(gone, 20) == [0]
    assert run(here, 5) == [0, 1]
    assert run(gone, 40) == [0]
    assert run(here, 5) == [0, 2]
    assert tracker.num_ids == 3


def test_somebody_who_walks_behind_another_comes_out_with_the_same_id() -> None:
    tracker = Tracker()
    names = set()
    for frame in range(50):
        walker = (40 + 6.0 * frame, 60)
        hidden = 18 <= frame < 32
        people = standing((180, 60), size=110) if hidden else standing((180, 60), walker, size=110)
        found = ids(tracker.update(people, frame / RATE))
        names |= {found[1]} if not hidden else set()
    assert names == {1}


def test_faint_people_wait_for_their_id() -> None:
    tracker = Tracker(TrackOptions(birth=0.1, birth_score=0.5))
    found = [ids(tracker.update(standing((50, 50), score=0.2), frame / RATE)) for frame in range(5)]
    assert found == [[], [], [], [0], [0]]
    assert ids(tracker.update(standing((50, 50), (400, 50), score=0.6), 1.0)) == [0, 1]


def test_what_flickers_gets_no_id() -> None:
    tracker, rng = Tracker(), np.random.default_rng(0)
    for frame in range(50):
        place = tuple(rng.uniform(0, 400, 2))
        tracker.update(standing(place, score=0.2, size=40), frame / RATE)  # type: ignore[arg-type]
    assert tracker.num_ids <= 1


@pytest.mark.slow
def test_memory_is_bounded_and_ids_are_never_used_twice() -> None:
    tracker, rng = Tracker(TrackOptions(max_occlusion=0.2)), np.random.default_rng(0)
    given: list[int] = []
    for frame in range(300):
        place = 900.0 * (frame // 2 % 7), 900.0 * (frame // 2 % 5)
        given += ids(tracker.update(standing(place, size=50 + rng.uniform(0, 5)), frame / RATE))
    assert given == sorted(given)
    assert tracker.num_ids == 150
    assert tracker._tracks is not None
    assert len(tracker._tracks) < 10


@pytest.mark.parametrize(("flow", "pixels"), [(True, 20), (False, 8)])
def test_a_shaking_camera_does_not_shake_off_the_ids(flow: bool, pixels: float) -> None:
    places = [(200.0 + 70 * i, 220.0 + 20 * (i % 3)) for i in range(6)]
    scene = background(600, 900)
    scene = np.asarray(standing(*places, size=120).draw(scene, line_scale=4), np.uint8)
    tracker, rng = Tracker(TrackOptions(flow=flow)), np.random.default_rng(2)
    for frame in range(25):
        shift = rng.uniform(-pixels, pixels, 2)
        moved = cv2.warpAffine(scene, np.float32([[1, 0, shift[0]], [0, 1, shift[1]]]), (900, 600))
        people = standing(*((x + shift[0], y + shift[1]) for x, y in places), size=120)
        tracked = tracker.update(people, frame / RATE, moved)
        assert ids(tracked) == list(range(6))


def test_a_fragment_joins_the_person_whose_joints_it_has() -> None:
    tracker = Tracker()
    whole = standing((50, 50), (300, 50))
    for frame in range(3):
        tracker.update(whole, frame / RATE)
    legs = np.array(["knee" in name or "ankle" in name for name in COCO_17.joints])
    parts = [np.where(legs, 0, whole.keypoint_scores[0]), np.where(legs, whole.keypoint_scores[0], 0),
             whole.keypoint_scores[1]]  # fmt: skip
    scores = np.array(parts, np.float32)
    keypoints = np.where(scores[..., None] > 0, whole.keypoints[[0, 0, 1]], np.nan)
    tracked = tracker.update(People(COCO_17, keypoints, scores, np.ones(3)), 3 / RATE)
    assert ids(tracked) == [0, 1]
    assert np.array_equal(tracked.keypoints, whole.keypoints)


def test_a_fragments_joints_take_the_place_of_guesses() -> None:
    """Both parts have been completed: each with guesses, a little off, of what the other one shows."""
    tracker = Tracker()
    whole = standing((50, 50), (300, 50))
    for frame in range(3):
        tracker.update(whole, frame / RATE)
    legs = np.array(["knee" in name or "ankle" in name for name in COCO_17.joints])
    guessed = np.array([legs, ~legs, np.zeros(17, bool)])
    keypoints = whole.keypoints[[0, 0, 1]] + 9 * guessed[..., None]
    scores = np.where(guessed, 0.1, whole.keypoint_scores[[0, 0, 1]]).astype(np.float32)
    people = People(COCO_17, keypoints.astype(np.float32), scores, np.ones(3, np.float32), traced=guessed)
    tracked = tracker.update(people, 3 / RATE)
    assert ids(tracked) == [0, 1]
    assert np.array_equal(tracked.keypoints, whole.keypoints)
    assert not tracked.traced.any()


@pytest.mark.slow
def test_proposals_are_where_people_will_be() -> None:
    tracker = Tracker()
    assert tracker.proposals(0.0) is None
    for frame in range(1, 11):
        tracker.update(standing((50 + 10.0 * frame, 50)), frame / RATE)
    boxes = tracker.proposals(11 / RATE)
    assert boxes is not None
    expected = standing((160, 50)).boxes[0]
    assert np.abs(boxes[0] - expected).max() < 20
    tracked = tracker.update(standing((160, 50)), 11 / RATE)
    assert ids(tracked) == [0]


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="options must be TrackOptions but is a dict"):
        Tracker({})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_occlusion must be from 0 to 3600 but is -1"):
        TrackOptions(max_occlusion=-1)
    tracker = Tracker()
    tracker.update(standing((0, 0)), 1.0)
    with pytest.raises(TypeError, match="people must be People but is a list"):
        tracker.update([], 2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"time must be later than that of the last frame, 1 s, but is 1"):
        tracker.update(standing((0, 0)), 1.0)
    with pytest.raises(ValueError, match="time must be a finite number of seconds but is nan"):
        tracker.update(standing((0, 0)), float("nan"))
    with pytest.raises(
        ValueError, match="must have the skeleton of the frames before, 'coco17', but have 'crowdpose14'"
    ):
        tracker.update(People.empty(CROWDPOSE_14), 2.0)
    tracker.reset()
    assert ids(tracker.update(People.empty(CROWDPOSE_14), 0.5)) == []


def test_frames_without_people() -> None:
    tracker = Tracker()
    for frame in range(5):
        assert ids(tracker.update(People.empty(COCO_17), frame / RATE, background(64, 96))) == []
