"""People who walk through a video, in front of a background that can be told from them."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from bottomup.benchmarks.moving_crowds import Moment, moving_crowd
from bottomup.people import People
from bottomup.skeletons import COCO_17
from tests.makers.figures import figure

RATE = 25.0


def as_people(moment: Moment) -> People:
    """What a perfect detector finds in a frame, without ids."""
    crowd = moment.crowd
    keypoints = np.where(crowd.visible[..., None], crowd.keypoints, np.nan).astype(np.float32)
    return People(crowd.skeleton, keypoints, crowd.visible.astype(np.float32), np.ones(len(crowd), np.float32))


def street(count: int, frames: int, *, seed: int = 0, rate: float = RATE) -> Iterator[tuple[Moment, People]]:
    """Frames of a street with `count` people at once."""
    for moment in moving_crowd(count, COCO_17, height=480, width=640, frames=frames, rate=rate, seed=seed):
        yield moment, as_people(moment)


def standing(*places: tuple[float, float], size: float = 100.0, score: float = 1.0) -> People:
    """Figures whose squares have these top left corners."""
    points = np.array([figure(x, y, size) for x, y in places], np.float32).reshape(len(places), 17, 2)
    return People(COCO_17, points, np.full(points.shape[:2], score, np.float32), np.full(len(points), score))


def background(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(height, width, 3) uint8 with something to see everywhere."""
    noise = np.random.default_rng(seed).integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
