"""Between a decoder's scores and calibrated ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bottomup.calibrated_scores import calibrate_people, decoder_settings, with_network_defaults
from bottomup.networks.calibration import Calibration, Curve
from bottomup.networks.info import NetworkInfo
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17

CURVES = Calibration(Curve(0.29, 0.045), Curve(0.48, 0.16))


def test_thresholds_are_turned_into_the_decoders() -> None:
    settings = decoder_settings(Settings(person_threshold=0.5, joint_threshold=0.5), CURVES)
    assert (settings.person_threshold, settings.joint_threshold) == pytest.approx((0.29, 0.48))
    untouched = Settings(flip=True)
    assert decoder_settings(untouched, CURVES) == untouched
    all_out = decoder_settings(Settings(person_threshold=1.0), CURVES)
    assert all_out.person_threshold == 1.0
    assert decoder_settings(Settings(person_threshold=0.0), CURVES).person_threshold == 0
    assert decoder_settings(untouched, None) is untouched


def test_people_keep_all_but_their_scores() -> None:
    keypoints = np.full((1, 17, 2), np.nan, np.float32)
    keypoints[0, 0] = 3
    people = People(COCO_17, keypoints, np.float32(np.eye(1, 17) * 0.48), np.float32([0.29]), np.array([7]))
    assert calibrate_people(people, None) is people
    calibrated = calibrate_people(people, CURVES)
    assert calibrated.scores == pytest.approx([0.5])
    assert calibrated.keypoint_scores[0, :2] == pytest.approx([0.5, 0])
    assert calibrated.ids is not None
    assert calibrated.ids.tolist() == [7]


def test_what_is_left_open_is_as_the_network_says() -> None:
    info = NetworkInfo(COCO_17, 8, 8, default_settings={"person_threshold": 0.29, "input_height": 448})
    assert with_network_defaults(Settings(flip=True), info) == Settings(
        flip=True, person_threshold=0.29, input_height=448
    )
    assert with_network_defaults(Settings(input_height=64), info).input_height == 64
    calibrated = with_network_defaults(Settings(), dataclasses.replace(info, calibration=CURVES))
    assert calibrated.person_threshold == pytest.approx(0.5)
    assert with_network_defaults(Settings(person_threshold=0.1), info).person_threshold == 0.1
