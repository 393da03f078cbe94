"""Angles at joints and of segments, in degrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

_USUAL: Mapping[str, tuple[str, str, str]] = {
    f"{side}_{name}": tuple(f"{side}_{joint}" for joint in joints)  # type: ignore[misc]
    for name, joints in {
        "elbow": ("shoulder", "elbow", "wrist"),
        "shoulder": ("hip", "shoulder", "elbow"),
        "hip": ("shoulder", "hip", "knee"),
        "knee": ("hip", "knee", "ankle"),
    }.items()
    for side in ("left", "right")
}


def angle_names(skeleton: Skeleton) -> dict[str, tuple[str, str, str]]:
    """The usual angles that a skeleton has joints for: elbows, shoulders, hips and knees, by the joint at the apex."""
    return {name: joints for name, joints in _USUAL.items() if set(joints) <= set(skeleton.joints)}


def joint_angles(keypoints: npt.ArrayLike, skeleton: Skeleton, joints: Sequence[str]) -> Floats:
    """(...) degrees from 0 to 180 between the two arms of an angle; 180 for a straight leg.

    Parameters
    ----------
    keypoints:
        (..., K, 2) pixels, NaN where missing.
    skeleton:
        What the K joints are.
    joints:
        Three names: one end, the apex, the other end.

    Returns NaN where a joint is missing or two of them are at one place. The angle is that of the picture: a limb that
    points at the camera looks bent. Raises ValueError for names that the skeleton does not have.
    """
    if isinstance(joints, str) or len(joints) != 3:
        raise ValueError(f"joints must be three names, the apex in the middle, but is {joints!r}")
    points = checked_points(keypoints, skeleton)
    start, apex, end = (points[..., skeleton.index(name), :] for name in joints)
    first, second = start - apex, end - apex
    cross = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    dot = (first * second).sum(axis=-1)
    none = ((first == 0).all(axis=-1)) | ((second == 0).all(axis=-1))
    return np.where(none, np.nan, np.degrees(np.arctan2(np.abs(cross), dot)))


def segment_angles(keypoints: npt.ArrayLike, skeleton: Skeleton, upper: str, lower: str) -> Floats:
    """(...) degrees from -180 to 180 of a segment to the vertical, of (..., K, 2) pixels.

    0 if `upper` is straight above `lower`; positive if it leans to the picture's right. A midpoint is named by both its
    joints with + between, as in "left_hip+right_hip".
    """
    points = checked_points(keypoints, skeleton)
    top, bottom = (_place(points, skeleton, name) for name in (upper, lower))
    x, y = top[..., 0] - bottom[..., 0], bottom[..., 1] - top[..., 1]
    return np.where((x == 0) & (y == 0), np.nan, np.degrees(np.arctan2(x, y)))


def checked_points(keypoints: npt.ArrayLike, skeleton: Skeleton) -> Floats:
    """The keypoints as float64, or ValueError if they are not of the skeleton."""
    points = np.asarray(keypoints, np.float64)
    if points.ndim < 2 or points.shape[-2:] != (skeleton.num_joints, 2):
        raise ValueError(f"keypoints must have shape (..., {skeleton.num_joints}, 2) but has {points.shape}")
    return points


def _place(points: Floats, skeleton: Skeleton, name: str) -> Floats:
    which = [skeleton.index(one) for one in name.split("+")]
    place: Floats = points[..., which, :].mean(axis=-2)
    return place
