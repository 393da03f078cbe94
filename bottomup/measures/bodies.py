"""Lengths, in units of the body's height, which needs no calibrated camera."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.measures.angles import Floats, checked_points
from bottomup.skeleton import Skeleton

# Shares of the standing height (Winter, Biomechanics and Motor Control of Human Movement, table 4.1; shoulder and hip
# heights 0.818 and 0.530, knee 0.285, ankle 0.039).
_SEGMENTS = {
    ("shoulder", "hip"): 0.288, ("hip", "knee"): 0.245, ("knee", "ankle"): 0.246,
    ("shoulder", "elbow"): 0.186, ("elbow", "wrist"): 0.146,
}  # fmt: skip


def body_heights(keypoints: npt.ArrayLike, skeleton: Skeleton) -> Floats:
    """(...) standing height in pixels of (..., K, 2) poses, whatever they do; NaN where no segment tells it.

    Each segment of trunk, legs and arms tells a height by its usual share of it, the longer of its two sides;
    foreshortening only makes that less, so the second largest counts, or the only one. Not the largest: people with a
    long trunk or long legs would be too tall.
    """
    points = checked_points(keypoints, skeleton)
    told = []
    for (a, b), share in _SEGMENTS.items():
        sides = []
        for side in ("left", "right"):
            names = f"{side}_{a}", f"{side}_{b}"
            if set(names) <= set(skeleton.joints):
                ends = points[..., skeleton.index(names[0]), :] - points[..., skeleton.index(names[1]), :]
                sides.append(np.linalg.norm(ends, axis=-1) / share)
        if sides:
            told.append(np.fmax.reduce(sides))
    if not told:
        raise ValueError(f"skeleton must have shoulders, hips and knees but is {skeleton.name!r}")
    heights = np.sort(np.where(np.isfinite(told), told, -np.inf), axis=0)
    second = heights[-2] if len(told) > 1 else heights[-1]
    return np.where(np.isfinite(second), second, np.where(np.isfinite(heights[-1]), heights[-1], np.nan))


def lengths_in_heights(keypoints: npt.ArrayLike, skeleton: Skeleton, start: str, end: str) -> Floats:
    """(...) distance of two joints, in body heights of the same pose."""
    points = checked_points(keypoints, skeleton)
    span = np.linalg.norm(points[..., skeleton.index(start), :] - points[..., skeleton.index(end), :], axis=-1)
    return np.asarray(span / body_heights(points, skeleton))
