"""Between a decoder's scores and calibrated ones: people one way, the thresholds of `Settings` the other."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from bottomup.networks.calibration import Calibration
from bottomup.networks.info import NetworkInfo
from bottomup.people import People
from bottomup.settings import Settings


def calibrate_people(people: People, calibration: Calibration | None) -> People:
    """People with calibrated scores; the same without a calibration."""
    if calibration is None:
        return people
    joints = calibration.joint_scores(people.keypoint_scores).astype(np.float32)
    scores = calibration.people(people.scores).astype(np.float32)
    return People(people.skeleton, people.keypoints, joints, scores, people.ids, people.traced)


def with_network_defaults(settings: Settings, info: NetworkInfo) -> Settings:
    """Settings in which what was left open (None) is as the network's weights say; thresholds are calibrated ones.

    Networks differ, for example, in how high they score where no person is.
    """
    changes = {name: value for name, value in info.default_settings.items() if getattr(settings, name) is None}
    if info.calibration is not None and "person_threshold" in changes:
        changes["person_threshold"] = float(info.calibration.people(changes["person_threshold"]))
    return dataclasses.replace(settings, **changes)


def decoder_settings(settings: Settings, calibration: Calibration | None, *, most: float = 1.0) -> Settings:
    """Settings whose thresholds are of the decoder's scores, from those of calibrated ones.

    most: the highest `person_threshold`, where people are to be judged again after the decoder.
    """
    if calibration is None:
        return settings
    changes: dict[str, Any] = {}
    if settings.person_threshold is not None:
        changes["person_threshold"] = min(1.0, calibration.people.score(min(settings.person_threshold, most)))
    if settings.joint_threshold > 0:
        changes["joint_threshold"] = calibration.joints.score(settings.joint_threshold)
    return dataclasses.replace(settings, **changes)
