"""Scores of tracks, compared with examples that are worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from bottomup.evaluation.frames import FramePeople, pair_frame
from bottomup.evaluation.posetrack import area_below
from bottomup.evaluation.tracking import TrackScores, evaluate_tracks
from bottomup.skeleton import Skeleton
from tests.makers.evaluation import pose

pytest.importorskip("trackeval")

BODY = Skeleton("body", ("head_top", "neck", "left_hip", "right_hip", "left_ankle"), (), (0.08,) * 5)
# The head of a standing person of 100 x 200 pixels is 40 pixels long, so a joint may be off by 20.
PLACES = {"a": 0.0, "b": 300.0, "c": 600.0}


def frame(people: Mapping[int, str], *, shift: float = 0.0, **more: object) -> FramePeople:
    """People by their ids in one of three places, all `shift` pixels to the right."""
    keypoints = np.array([pose(BODY, PLACES[place] + shift) for place in people.values()]).reshape(-1, 5, 2)
    return FramePeople(np.array([*people], np.int64), keypoints, **more)  # type: ignore[arg-type]


def score(truth: Sequence[FramePeople], found: Sequence[FramePeople], **options: bool) -> TrackScores:
    return evaluate_tracks({"clip": truth}, {"clip": found}, BODY, **options)


def test_labels_are_perfect() -> None:
    frames = [frame({1: "a", 2: "b"}), frame({2: "b"}), frame({1: "a", 2: "b"})]
    scores = score(frames, frames)
    for name in ("mota", "motp", "idf1", "hota", "detection_accuracy", "association_accuracy"):
        assert getattr(scores, name) == 1, name
    assert (scores.switches, scores.missed, scores.invented, scores.labelled, scores.tracks) == (0, 0, 0, 5, 2)
    assert scores.joints is not None
    assert scores.joints.ap.tolist() == scores.joints.mota.tolist() == [1] * 6


def test_a_hand_made_example() -> None:
    """Six people in three frames. One is missed, one invented, and both ids change places in the last frame.

    TP 5, FN 1, FP 1, two switches: MOTA = 1 - 4 / 6. Ids: 1 with 11 and 2 with 12 share two frames and one, 3 of 6:
    IDF1 = 2 * 3 / (6 + 6). HOTA at every threshold (each match is exact): DetA = 5 / 7; the pair (1, 11) has 2 common
    of 3 + 3 - 2, (2, 12) 1 of 3 + 2 - 1, (1, 12) 1 of 3 + 2 - 1, (2, 11) 1 of 3 + 3 - 1. AssA is their mean over the
    matches, HOTA the root of DetA AssA.
    """
    truth = [frame({1: "a", 2: "b"})] * 3
    found = [frame({11: "a", 12: "b"}), frame({11: "a", 13: "c"}), frame({12: "a", 11: "b"})]
    scores = score(truth, found)
    assert (scores.missed, scores.invented, scores.switches, scores.found) == (1, 1, 2, 6)
    assert scores.mota == pytest.approx(1 - 4 / 6)
    assert scores.motp == pytest.approx(1)
    assert scores.per_thousand == pytest.approx(1000 * 2 / 6)
    assert scores.fragments == 1
    assert scores.idf1 == pytest.approx(0.5)
    association = (2 * 2 / 4 + 1 / 4 + 1 / 4 + 1 / 5) / 5
    assert scores.detection_accuracy == pytest.approx(5 / 7)
    assert scores.association_accuracy == pytest.approx(association)
    assert scores.hota == pytest.approx(np.sqrt(5 / 7 * association))
    joints = scores.joints
    assert joints is not None
    assert joints.mota == pytest.approx([1 - 4 / 6] * 6)
    assert joints.precision == pytest.approx([5 / 6] * 6)
    assert joints.recall == pytest.approx([5 / 6] * 6)
    assert joints.motp == pytest.approx([1] * 6)
    json.dumps(scores.to_dict(), allow_nan=False)


def test_motp_is_the_mean_similarity_and_that_of_joints_the_mean_closeness() -> None:
    scores = score([frame({1: "a"})], [frame({1: "a"}, shift=8)])
    area = 0.53 * 30 * 195
    assert scores.motp == pytest.approx(np.exp(-64 / (2 * area * 0.16**2)))
    assert scores.joints is not None
    assert scores.joints.motp == pytest.approx([1 - 8 / 40] * 6)
    far = score([frame({1: "a"})], [frame({1: "a"}, shift=21)]).joints
    assert far is not None
    assert far.recall == pytest.approx([0] * 6)


def test_a_head_box_tells_the_length_of_the_head() -> None:
    """0.6 of its diagonal; half of that is how far off a joint may be."""
    heads = np.array([[0.0, 0, 30, 40]])
    for shift, right in ((14.9, 1), (15.1, 0)):
        joints = score([frame({1: "a"}, heads=heads)], [frame({1: "a"}, shift=shift)]).joints
        assert joints is not None
        assert joints.recall[0] == right


def test_people_without_a_head_are_left_out_of_the_joints() -> None:
    labels = frame({1: "a", 2: "b"})
    labels.keypoints[1, 0] = np.nan
    joints = score([labels], [frame({1: "a", 2: "b", 3: "c"})]).joints
    assert joints is not None
    assert joints.unmeasured == 1
    assert joints.precision == pytest.approx([0.5] * 6)
    headless = Skeleton("legs", ("left_hip", "left_ankle"), (), (0.1, 0.1))
    one = FramePeople(np.array([1]), np.array([[[1.0, 2], [30, 40]]]))
    assert evaluate_tracks({"clip": [one]}, {"clip": [one]}, headless).joints is None


def test_ignored_people_are_neither_missed_nor_invented() -> None:
    truth = [frame({1: "a", 2: "b"}, ignored=np.array([False, True]))]
    for found in ({1: "a"}, {1: "a", 2: "b"}):
        scores = score(truth, [frame(found)])
        assert (scores.mota, scores.labelled, scores.invented, scores.missed) == (1, 1, 0, 0)
    assert score(truth, [frame({1: "a", 3: "c"})]).invented == 1


def test_joints_in_regions_are_not_judged() -> None:
    region = np.array([[550.0, -50], [800, -50], [800, 300], [550, 300]])
    truth = [frame({1: "a", 2: "c"}, regions=(region,))]
    scores = score(truth, [frame({1: "a", 5: "c"})])
    assert (scores.labelled, scores.found, scores.mota) == (1, 1, 1)


def test_frames_without_labels_are_left_out() -> None:
    truth = [frame({1: "a"}), FramePeople.empty(5, labelled=False), frame({}), frame({1: "a"})]
    found = [frame({1: "a"}), frame({1: "a"}), frame({1: "a"}), frame({1: "a"})]
    scores = score(truth, found)
    assert (scores.frames, scores.invented, scores.mota) == (3, 1, 0.5)


def test_nothing_found_and_nothing_labelled() -> None:
    scores = score([frame({1: "a"})], [frame({})])
    assert (scores.mota, scores.idf1, scores.hota, scores.missed) == (0, 0, 0, 1)
    assert scores.joints is not None
    assert scores.joints.ap.tolist() == [0] * 6
    assert np.isnan(scores.joints.precision).all()
    json.dumps(scores.to_dict(), allow_nan=False)
    nothing = score([frame({})], [frame({})])
    assert (nothing.labelled, nothing.joints) == (0, None)


def test_a_person_who_is_hidden_keeps_the_id_it_had_before() -> None:
    """Two found people are near enough after the gap; the one of the old id stays, though the other one is nearer."""
    truth = [frame({1: "a"}), frame({1: "a"}), frame({1: "a"})]
    near = np.array([pose(BODY, 10.0), pose(BODY, 1.0)])
    joints = score(truth, [frame({5: "a"}), frame({}), FramePeople(np.array([5, 6]), near)]).joints
    assert joints is not None
    assert joints.mota == pytest.approx([1 - 2 / 3] * 6)  # one missed, one invented, none switched


def test_poseval_counts_as_the_published_program() -> None:
    """No last frame, no frame without labels, one missed and one invented joint for a frame without people."""
    truth = [frame({1: "a", 2: "b"}), frame({1: "a", 2: "b"}), frame({}), frame({1: "a", 2: "b"})]
    found = [frame({1: "a", 2: "b"}), frame({}), frame({9: "c"}), frame({1: "b", 2: "a"})]
    joints = score(truth, found, poseval=True).joints
    assert joints is not None
    # Right 2, missed 1, invented 1.
    assert joints.mota == pytest.approx([1 - 2 / 3] * 6)
    assert joints.recall == pytest.approx([2 / 3] * 6)


def test_average_precision_is_the_area_below_the_envelope() -> None:
    """Precision 1 at recall 1/4, then a wrong one, then 2/3 at 2/4: 1/4 * 1 + 1/4 * 2/3."""
    found = area_below(np.array([0.5, 0.9, 0.7]), np.array([True, True, False]), 4)
    assert found == pytest.approx(0.25 + 0.25 * 2 / 3)
    assert area_below(np.zeros(0), np.zeros(0, bool), 4) == 0


def test_a_person_found_twice_counts_once() -> None:
    """The second one is nearer by fewer joints: all of its joints are wrong."""
    twice = np.array([pose(BODY, 1.0), pose(BODY, 2.0)])
    twice[1, 0] += 500
    people = FramePeople(np.array([1, 2]), twice, keypoint_scores=np.array([[0.5] * 5, [0.9] * 5]))
    joints = score([frame({1: "a"})], [people]).joints
    assert joints is not None
    assert joints.ap == pytest.approx([0.5] * 6)


@pytest.mark.parametrize(
    ("truth", "found", "message"),
    [
        ({"x": []}, {"y": []}, r"found must be of the videos of truth but \['x', 'y'\]"),
        ({"x": [frame({})]}, {"x": []}, "found must have the frames of truth but of x it has 0 of 1"),
        (
            {"x": [frame({1: "a"})]},
            {"x": [FramePeople(np.array([1, 1]), np.zeros((2, 5, 2)))]},
            r"frame 0 of x: ids must differ within a frame but are \[1, 1\]",
        ),
        (
            {"x": [frame({1: "a"})]},
            {"x": [FramePeople(np.array([1]), np.zeros((1, 4, 2)))]},
            r"frame 0 of x: keypoints must have shape \(N, 5, 2\) but has \(1, 4, 2\)",
        ),
        (
            {"x": [frame({1: "a"}, areas=np.ones(2))]},
            {"x": [frame({})]},
            r"areas must have shape \(1,\) but has \(2,\)",
        ),
    ],
)
def test_bad_input_is_named(
    truth: dict[str, list[FramePeople]], found: dict[str, list[FramePeople]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate_tracks(truth, found, BODY)
    with pytest.raises(ValueError, match="threshold must be above 0 and at most 1 but is 2"):
        evaluate_tracks(truth, truth, BODY, threshold=2)


def test_pairs_of_a_frame_are_similar_by_oks() -> None:
    pair = pair_frame(frame({1: "a", 2: "b"}), frame({7: "b"}), np.array(BODY.sigmas), 0.5)
    assert pair.similarity == pytest.approx(np.array([[0.0, 1.0]]), abs=1e-9)
