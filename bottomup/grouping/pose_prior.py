"""What whole bodies look like: one Gaussian over the places of all joints, learnt from labelled people.

A body is z, places of all joints with mean and covariance as learnt, in units of the person's height; its picture is
t + z s. The place t can be anywhere, and 1/s is normal around 1/h, where h is the height that is typical of the people
in the picture. With both of them integrated out, `log_density` says how likely some joints are as those of one person,
which tells which fragments belong together although no limb joins them.

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
from scipy.linalg import solve_triangular

from bottomup.skeleton import Skeleton

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

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


class WholeBody(NamedTuple):
    """The model for the K joints of a skeleton, lengths in heights of the person."""

    known: Bools  # (K,) the others have no say
    mean: Floats  # (K, 2)
    covariance: Floats  # (2K, 2K), x and y of each joint in turn


@lru_cache(maxsize=64)
def whole_body(skeleton: Skeleton) -> WholeBody:
    """The model of a skeleton's joints, found by their names."""
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
    body = WholeBody(known, share @ mean, both @ covariance @ both.T + np.diag(np.repeat(spread**2, 2)))
    for table in body:
        table.flags.writeable = False
    return body


def log_density(body: WholeBody, joints: Ints, xy: Floats, height: float, spread: float) -> float:
    """How likely some joints are as those of one person, given where the first of them is.

    Parameters
    ----------
    body:
        The model.
    joints:
        (n,) joint types, each once.
    xy:
        (n, 2) their places, in cells.
    height:
        What is typical of the picture's people, in cells.
    spread:
        Standard deviation of `height` over a person's own height.

    Returns
    -------
    Logarithm of the density per square cell of each joint but the first; 0 for fewer than two joints that the model
    knows.

    Notes
    -----
    The joints relative to the first have z's differences times s. With r those divided by h, mean m, covariance
    C = L L', y = L^-1 r, w = L^-1 m and q = h / s, the density is the integral over q of

        N(q; 1, spread^2) q^(2 (n - 1)) N(q y; w, 1) / (det L h^(2 (n - 1))),

    taken by Laplace's method over log q: its logarithm is (2n - 1) log q - (a q^2 - 2 b q + c) / 2 but for constants.
    """
    keep = body.known[joints]
    joints, xy = joints[keep], xy[keep]
    others = len(joints) - 1
    if others < 1:
        return 0.0
    axes = (2 * joints[:, None] + np.arange(2)).ravel()
    relative = np.kron(np.column_stack([np.full(others, -1), np.eye(others)]), np.eye(2))
    lower = np.linalg.cholesky(relative @ body.covariance[np.ix_(axes, axes)] @ relative.T)
    y = solve_triangular(lower, (xy[1:] - xy[0]).ravel() / height, lower=True)
    w = solve_triangular(lower, (body.mean[joints[1:]] - body.mean[joints[0]]).ravel(), lower=True)
    prior = 1 / spread**2
    a, b, c = y @ y + prior, y @ w + prior, w @ w + prior
    power = 2 * others + 1
    q = (b + math.sqrt(b * b + 4 * a * power)) / (2 * a)
    peak = power * math.log(q) - 0.5 * (a * q * q - 2 * b * q + c) - 0.5 * math.log(a * q * q + power)
    scale = np.log(np.diag(lower)).sum() + others * math.log(2 * math.pi * height**2) + math.log(spread)
    return float(peak - scale)
