"""How often people and joints of a score are right."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup.datasets import PhotoLabels
from bottomup.evaluation.matching import FoundPeople
from bottomup.evaluation.reliability import Judged, fit_curve, judge, judge_photo
from bottomup.networks.calibration import Curve
from bottomup.people import People
from bottomup.skeletons import COCO_17
from tests.makers.figures import figure


def photo() -> PhotoLabels:
    """Two people, of the first of whom no ankles are labelled, and a crowd without joints."""
    keypoints = np.stack([figure(20, 20, 100), figure(200, 20, 100), np.full((17, 2), np.nan)]).astype(float)
    keypoints[0, 15:] = np.nan
    boxes = np.array([[0, 0, 120, 140], [180, 0, 300, 140], [2000, 0, 2100, 150.0]])
    return PhotoLabels.of_people(keypoints, boxes)


def found() -> People:
    """The first person with a wrist far off, the second one, that one again, and somebody in the crowd."""
    keypoints = np.stack([figure(20, 20, 100), figure(200, 20, 100), figure(204, 20, 100), figure(2010, 20, 100)])
    keypoints[0, 9] += 80
    scores = np.full((4, 17), 0.5)
    scores[2, :3], keypoints[2, :3] = 0, np.nan
    return People(COCO_17, keypoints.astype(np.float32), scores.astype(np.float32), np.float32([0.9, 0.8, 0.3, 0.7]))


def test_who_and_what_is_right() -> None:
    people = found()
    judged = judge_photo(
        FoundPeople(people.keypoints.astype(float), people.scores.astype(float)),
        people.keypoint_scores,
        photo(),
        COCO_17,
    )
    # The one in the crowd does not count; the second one at the same place is wrong.
    assert dict(zip(judged.people.scores.round(1).tolist(), judged.people.right.tolist(), strict=True)) == {
        0.9: True, 0.8: True, 0.3: False,
    }  # fmt: skip
    # 15 labelled joints of the first, of which a wrist is wrong, 17 of the second, 14 that are there of the wrong one.
    assert len(judged.joints.right) == 15 + 17 + 14
    assert judged.joints.right.sum() == 14 + 17


def test_results_are_judged_as_what_was_found_is() -> None:
    people = found()
    entries = people.to_coco(7)
    arrays = FoundPeople(people.keypoints.astype(float), people.scores.astype(float))
    judged = judge({7: arrays}, entries, {7: photo()}, COCO_17)
    assert len(judged.joints.right) == 46
    without = [{key: value for key, value in entry.items() if key != "keypoint_scores"} for entry in entries]
    assert len(judge({7: arrays}, without, {7: photo()}, COCO_17).joints.right) == 0


def test_bins_and_their_error() -> None:
    judged = Judged(np.array([0.11, 0.13, 0.85, 0.85, 1.0, 1.2]), np.array([False, True, True, True, True, False]))
    bins = judged.bins()
    assert [count for *_, count in bins] == [2, 2, 2]
    assert bins[0] == pytest.approx((0.12, 0.5, 2))
    assert bins[2] == pytest.approx((1.1, 0.5, 2))  # what is beyond 1 is in the last
    assert judged.error == pytest.approx((2 * 0.38 + 2 * 0.15 + 2 * 0.6) / 6)
    assert judged.to_dict()["bins"][0] == {"score": pytest.approx(0.12), "right": 0.5, "count": 2}
    assert Judged(np.zeros(0), np.zeros(0, bool)).error == 0


def test_the_curve_that_made_the_scores_is_found_again() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(20000)
    curve = Curve(0.3, 0.05)
    fitted = fit_curve(Judged(scores, rng.random(20000) < curve(scores)))
    assert fitted is not None
    assert (fitted.half, fitted.width) == pytest.approx((0.3, 0.05), abs=0.004)


def test_no_curve_from_too_little() -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(500)
    assert fit_curve(Judged(scores, np.ones(500, bool))) is None  # none is wrong
    assert fit_curve(Judged(scores, scores < 0.3)) is None  # the surer, the wronger
    assert fit_curve(Judged(scores[:20], scores[:20] > 0.5)) is None
