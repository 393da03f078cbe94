"""Stick figures, and a network that is small enough to learn them in a test."""

from __future__ import annotations

import numpy as np

from bottomup.networks.field_network import NetworkConfig
from bottomup.skeletons import COCO_17

SMALL = NetworkConfig(channels=16, widths=(8, 16, 16, 16), depths=(0, 1, 1))


def figure(x: float, y: float, size: float) -> np.ndarray:
    """(17, 2) a figure standing in a square whose top left corner is x, y."""
    parts = {
        "nose": (0.5, 0.1), "eye": (0.45, 0.06), "ear": (0.4, 0.08), "shoulder": (0.35, 0.25), "elbow": (0.25, 0.4),
        "wrist": (0.2, 0.55), "hip": (0.42, 0.55), "knee": (0.4, 0.75), "ankle": (0.4, 0.97),
    }  # fmt: skip
    points = []
    for joint in COCO_17.joints:
        px, py = parts[joint.rpartition("_")[2]]
        points.append((1 - px if joint.startswith("left_") else px, py))
    return np.asarray([x, y] + np.array(points) * size)
