"""PCK, PCKh, PDJ and PCP on cases that are counted by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bottomup.datasets import PhotoLabels
from bottomup.evaluation.pck import joint_rates, reference_lengths
from bottomup.evaluation.pcp import correct_parts, part_rates
from bottomup.skeleton import Skeleton
from bottomup.skeletons import AI_CHALLENGER_14, COCO_17, MPII_16
from tests.makers.evaluation import labelled, pose

# The standing person is 100 x 200; its torso goes from (70, 45) to (35, 105), its head from (50, 0) to (50, 40).
TORSO = math.hypot(35, 60)


def moved(skeleton: Skeleton, **shifts: tuple[float, float]) -> np.ndarray:
    points = pose(skeleton)
    for joint, shift in shifts.items():
        points[skeleton.index(joint)] += shift
    return points


def measured(found: np.ndarray, labels: PhotoLabels, reference: str, skeleton: Skeleton = COCO_17) -> tuple[Any, ...]:
    """One photo, as `joint_rates` takes it."""
    return found, labels, reference_lengths(reference, labels, skeleton)


def test_reference_lengths() -> None:
    people = labelled(pose(MPII_16), pose(MPII_16, size=2), boxes=[[0, 0, 100, 200], [0, 0, 450, 400]])
    assert reference_lengths("box", people, MPII_16).tolist() == [200, 450]
    assert reference_lengths("torso", people, MPII_16) == pytest.approx([TORSO, 2 * TORSO])
    assert reference_lengths("head", people, MPII_16) == pytest.approx([40, 80])
    boxed = labelled(pose(MPII_16), pose(MPII_16), heads=[[30, 0, 60, 40], [np.nan] * 4])
    assert reference_lengths("head", boxed, MPII_16) == pytest.approx([0.6 * 50, 40])


def test_the_torso_is_measured_the_other_way_across_if_need_be() -> None:
    points = [pose(), pose()]
    points[0][COCO_17.index("left_shoulder")] = np.nan
    points[1][COCO_17.index("left_hip")] = np.nan
    points[1][COCO_17.index("right_hip")] = np.nan
    lengths = reference_lengths("torso", labelled(*points), COCO_17)
    assert lengths[0] == pytest.approx(TORSO)  # the person is symmetric
    assert np.isnan(lengths[1])


def test_a_skeleton_without_the_joints_is_refused() -> None:
    with pytest.raises(ValueError, match="reference 'head' needs labels of head_top and upper_neck or"):
        reference_lengths("head", labelled(pose()), COCO_17)
    with pytest.raises(ValueError, match=r"reference must be one of .* but is 'foot'"):
        reference_lengths("foot", labelled(pose()), COCO_17)
    boxed = labelled(pose(), heads=[[0, 0, 30, 40]])
    assert reference_lengths("head", boxed, COCO_17) == pytest.approx([30])


def test_pckh_by_hand() -> None:
    """Half of a head of 40 pixels: 20 pixels are right, 20.1 are wrong, missing is wrong."""
    guess = moved(MPII_16, left_knee=(12, 16), right_knee=(0, 20.1), pelvis=(50, 0))
    guess[MPII_16.index("left_ankle")] = np.nan
    truth = pose(MPII_16)
    truth[MPII_16.index("right_wrist")] = np.nan
    rates = joint_rates(
        [measured(guess[None], labelled(truth), "head", MPII_16)], MPII_16, reference="head", thresholds=(0.5, 0.51)
    )
    at = {joint: rates.rates()[:, k].tolist() for k, joint in enumerate(MPII_16.joints)}
    assert at["left_knee"] == [1, 1]
    assert at["right_knee"] == [0, 1]
    assert at["left_ankle"] == [0, 0]
    assert at["pelvis"] == [0, 0]
    assert np.isnan(at["right_wrist"]).all()
    # Pelvis and thorax have no say: of 13 labelled joints 11 are right, or 12.
    assert rates.not_in_mean == ("pelvis", "thorax")
    assert rates.mean() == pytest.approx([11 / 13, 12 / 13])


def test_pck_and_pdj_by_hand() -> None:
    """0.2 of a box of 200 pixels is 40; 0.2 of the torso is 13.9."""
    guess = moved(COCO_17, nose=(0, 39.9), left_wrist=(13.8, 0), right_wrist=(0, 14), left_ankle=(41, 0))[None]
    truth = labelled(pose(), boxes=[[0, 0, 100, 200]])
    pck = joint_rates([measured(guess, truth, "box")], COCO_17, reference="box", thresholds=(0.2,))
    assert [pck.joints[k] for k in np.flatnonzero(pck.rates()[0] == 0)] == ["left_ankle"]
    assert pck.mean() == pytest.approx([16 / 17])
    pdj = joint_rates([measured(guess, truth, "torso")], COCO_17, reference="torso", thresholds=(0.2,))
    assert [pdj.joints[k] for k in np.flatnonzero(pdj.rates()[0] == 0)] == ["nose", "right_wrist", "left_ankle"]


def test_rates_add_up_over_people_and_photos() -> None:
    nobody = np.full((1, 17, 2), np.nan)
    flat = labelled(pose(), boxes=[[0, 0, 0, 0]])
    photos = [(pose()[None], labelled(pose())), (nobody, labelled(pose(x=9))), (pose()[None], flat)]
    rates = joint_rates([measured(*photo, "box") for photo in photos], COCO_17, reference="box", thresholds=(0.2,))
    assert rates.unmeasurable == 1
    assert rates.labelled.tolist() == [2] * 17
    assert rates.mean() == pytest.approx([0.5])


def test_without_any_label_there_is_no_rate() -> None:
    rates = joint_rates([], COCO_17, reference="torso", thresholds=(0.1, 0.2))
    assert np.isnan(rates.mean()).all()
    assert rates.rates().shape == (2, 17)


def test_strict_and_loose_parts_by_hand() -> None:
    """A part of 40 pixels: both ends within 20 is strict, a mean of at most 20 is loose."""
    truth = np.array([[[0.0, 0.0], [40.0, 0.0]]] * 5)
    shifts = [[[0, 20], [20, 0]], [[0, 21], [0, 19]], [[0, 40], [0, 0]], [[0, 41], [0, 0]], [[0, np.nan], [0, 0]]]
    found = truth + np.array(shifts)
    assert correct_parts(found, truth, 0.5).tolist() == [
        [True, False, False, False, False],
        [True, True, True, False, False],
    ]


def test_pcp_by_hand() -> None:
    """The left thigh is 45 long: its knee is off by 30, too far for strict but not for loose; so is the lower leg's."""
    guess = moved(AI_CHALLENGER_14, left_knee=(30, 0))
    guess[AI_CHALLENGER_14.index("right_elbow")] = np.nan
    rates = part_rates([(guess[None], labelled(pose(AI_CHALLENGER_14)))], AI_CHALLENGER_14)
    wrong = {"left_thigh", "left_lower_leg", "right_upper_arm", "right_forearm"}
    assert {name for name, count in zip(rates.parts, rates.strict, strict=True) if not count} == wrong
    assert {name for name, count in zip(rates.parts, rates.loose, strict=True) if not count} == {
        "right_upper_arm", "right_forearm",
    }  # fmt: skip
    assert rates.labelled.tolist() == [1] * 10


def test_the_torso_goes_from_the_middle_of_the_shoulders_to_that_of_the_hips() -> None:
    """It is 60 long; both shoulders off by 30 are right, by 31 wrong; shifts in opposite directions cancel out."""
    for shift, strict in (((0, 30), 1), ((0, 31), 0)):
        guess = moved(COCO_17, left_shoulder=shift, right_shoulder=shift)[None]
        assert part_rates([(guess, labelled(pose()))], COCO_17).strict[0] == strict
    guess = moved(COCO_17, left_shoulder=(50, 0), right_shoulder=(-50, 0))[None]
    rates = part_rates([(guess, labelled(pose()))], COCO_17)
    assert rates.strict[0] == 1
    assert "head" not in rates.parts


def test_parts_need_joints() -> None:
    dots = Skeleton("dots", ("nose", "left_ear"), (), (0.1, 0.1))
    with pytest.raises(ValueError, match="labels must have both ends of some body part but dots has"):
        part_rates([], dots)
