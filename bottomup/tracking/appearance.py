"""What people look like: the colours along their limbs."""

from __future__ import annotations

import cv2
import numpy as np

from bottomup.image import BgrImage
from bottomup.skeleton import Skeleton
from bottomup.tracking.flow import shrink
from bottomup.tracking.tracks import Bools, Floats, Ints

_ALONG = (0.3, 0.5, 0.7)  # places along a limb
_SPREAD = 18.0  # CIELAB units (0 to 255 each) between pictures of one limb: folds, shadows, a hand before it
_FEWEST = 3  # limbs in common, below which colours say nothing


def limb_colors(image: BgrImage, keypoints: Floats, skeleton: Skeleton, height: int) -> Floats:
    """(N, L, 3) mean CIELAB colours along the limbs of (N, K, 2) people; NaN where an end is missing.

    The picture is scaled to `height` first, which averages over the limb's width.
    """
    small = shrink(image, height)
    lab = cv2.cvtColor(small, cv2.COLOR_BGR2LAB)
    scale = np.array([small.shape[1] / image.shape[1], small.shape[0] / image.shape[0]], np.float32)
    limbs = skeleton.limb_array
    starts, ends = keypoints[:, limbs[:, 0]], keypoints[:, limbs[:, 1]]
    there = np.isfinite(starts[..., 0]) & np.isfinite(ends[..., 0])
    total = np.zeros((*there.shape, 3), np.float32)
    for share in _ALONG:
        place = np.where(there[..., None], (1 - share) * starts + share * ends, 0)
        place = np.rint((place + 0.5) * scale - 0.5)
        x = np.clip(place[..., 0], 0, small.shape[1] - 1).astype(np.int64)
        y = np.clip(place[..., 1], 0, small.shape[0] - 1).astype(np.int64)
        total += lab[y, x]
    colors: Floats = np.where(there[..., None], total / len(_ALONG), np.nan).astype(np.float32)
    return colors


def color_similarity(known: Floats, seen: Floats, tracks: Ints, people: Ints) -> Floats:
    """(P,) 0 to 1 for pairs of (T, L, 3) tracks and (N, L, 3) people; NaN where too few limbs can be compared."""
    squares = ((known[tracks] - seen[people]) ** 2).sum(axis=2)
    both: Bools = np.asarray(np.isfinite(squares))
    count = both.sum(axis=1)
    alike = np.where(both, np.exp(-np.where(both, squares, 0) / (2 * _SPREAD**2)), 0).sum(axis=1)
    result: Floats = np.where(count >= _FEWEST, alike / np.maximum(count, 1), np.nan).astype(np.float32)
    return result
