"""Pose prior: one Gaussian over the places of all joints of a body, learnt from labelled people.

A body is z, places of all joints with mean and covariance as learnt, in units of the person's height; its picture is
t + z s. The place t can be anywhere, and 1/s is normal around 1/h, where h is the height that is typical of the people
in the picture. With both of them integrated out, `reference.pose_prior.log_density` says how likely some joints
are as those of one person, which tells which fragments belong together although no limb joins them.

A single Gaussian knows no front and back and no sitting and standing, only what goes together: how far an ankle is
from a knee, and that a low knee makes a low ankle. Mixtures of 2 to 16 of them attached fragments no better.

`pose_prior.npz` was fitted by `python -m bottomup.grouping.fit_pose_prior` to the keypoints of 5,405 people of COCO
(CC BY 4.0) and 9,833 of Leeds Sports Pose Extended (Johnson and Everingham, CVPR 2011).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

# The joints of the model, in its order.
JOINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head", "neck", "left_shoulder", "right_shoulder",
          "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee",
          "left_ankle", "right_ankle")  # fmt: skip
FILE = Path(__file__).with_name("pose_prior.npz")
# Joints that follow from these: the middle of some, spread around it by a share of the body's height.
_DERIVED: Mapping[str, tuple[tuple[str, ...], float]] = {
    **{name: ((name,), 0.0) for name in JOINTS},
    "head_top": (("head",), 0.0),
    "upper_neck": (("neck",), 0.0),
    "thorax": (("neck",), 0.0),
    "mid_hip": (("left_hip", "right_hip"), 0.0),
    "pelvis": (("left_hip", "right_hip"), 0.0),
    **{
        f"{side}_{name}": ((f"{side}_ankle",), spread)
        for side in ("left", "right")
        for name, spread in (("heel", 0.05), ("big_toe", 0.13), ("small_toe", 0.13))
    },
}
# How exactly any joint is known, as a share of the body's height; keeps joints apart that are the same by name.
_UNSURE = 0.01


class PosePrior(NamedTuple):
    """The prior for the K joints of a skeleton, lengths in heights of the person."""

    known: Bools  # (K,) the others have no say
    mean: Floats  # (K, 2)
    covariance: Floats  # (2K, 2K), x and y of each joint in turn


@lru_cache(maxsize=64)
def pose_prior(skeleton: Skeleton) -> PosePrior:
    """The prior of a skeleton's joints, found by their names."""
    joints = skeleton.num_joints
    known = np.array([name in _DERIVED for name in skeleton.joints], bool)
    share, spread = np.zeros((joints, len(JOINTS))), np.full(joints, _UNSURE)
    for joint in np.flatnonzero(known):
        origins, apart = _DERIVED[skeleton.joints[joint]]
        share[joint, [JOINTS.index(name) for name in origins]] = 1 / len(origins)
        spread[joint] = math.hypot(_UNSURE, apart)
    with np.load(FILE) as fitted:
        mean, covariance = fitted["mean"].astype(np.float64), fitted["covariance"].astype(np.float64)
    both = np.kron(share, np.eye(2))
    prior = PosePrior(known, share @ mean, both @ covariance @ both.T + np.diag(np.repeat(spread**2, 2)))
    for table in prior:
        table.flags.writeable = False
    return prior
