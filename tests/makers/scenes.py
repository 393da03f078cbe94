"""Pictures of figures, and a network that sees them perfectly: one that recognises joints by their colour."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from bottomup.fields import draw_fields
from bottomup.networks.info import NetworkInfo
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18

# A standing figure in COCO's order, in units of its height.
FIGURE = np.array(
    [[0, 0.1], [0.04, 0.05], [-0.04, 0.05], [0.09, 0.08], [-0.09, 0.08], [0.13, 0.22], [-0.13, 0.22], [0.2, 0.37],
     [-0.2, 0.37], [0.24, 0.5], [-0.24, 0.5], [0.09, 0.53], [-0.09, 0.53], [0.1, 0.75], [-0.1, 0.75], [0.11, 0.96],
     [-0.11, 0.96]]
)  # fmt: skip


def colour(person: int, joint: int) -> tuple[int, int, int]:
    """Blue, green, red."""
    return 10 + 13 * joint, 60 + 90 * person, 255


def scene(height: int, width: int, *places: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """A BGR picture with a figure for each (x, y, size) of its top, and the figures' joints (N, 17, 2)."""
    image = np.zeros((height, width, 3), np.uint8)
    poses = np.array([np.array([x, y]) + size * FIGURE for x, y, size in places]).reshape(-1, 17, 2)
    for person, pose in enumerate(poses):
        for joint, (x, y) in enumerate(np.round(pose * 16).astype(int)):
            cv2.circle(image, (x, y), round(16 * places[person][2] / 60), colour(person, joint), -1, shift=4)
    return image, poses


class SeesColours:
    """A Backend whose fields are the ideal ones of the discs of `scene` that it finds in its input."""

    device = "cpu"

    def __init__(self, skeleton: Skeleton = OPENPOSE_COCO_18, *, stride: int = 8, alignment: int = 8) -> None:
        self.skeleton, self.stride = skeleton, stride
        self.info = NetworkInfo(skeleton, stride, alignment, name="colours")
        self.shapes: list[tuple[int, ...]] = []

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.shapes.append(images.shape)
        fields = [self.see(image) for image in images]
        return np.stack([f.heatmaps for f in fields]), np.stack([f.pafs for f in fields])

    def see(self, image: np.ndarray) -> Any:
        poses = np.zeros((2, 17, 3), np.float32)
        for person, joint in np.ndindex(2, 17):
            low, high = np.subtract(colour(person, joint), 3), np.add(colour(person, joint), 3)
            rows, columns = np.nonzero(cv2.inRange(image, low, high))
            if len(rows):
                poses[person, joint] = np.median(columns), np.median(rows), 1  # stray pixels at other discs' edges
        xy, scores = COCO_17.convert(poses[..., :2], poses[..., 2], self.skeleton)
        height, width, _ = image.shape
        return draw_fields(xy, scores, self.skeleton, height=height, width=width, stride=self.stride)


def assert_same_poses(people: People, poses: np.ndarray, *, tolerance: float) -> None:
    assert len(people) == len(poses)
    assert people.skeleton == COCO_17
    order = np.argsort(people.keypoints[:, 0, 0])
    np.testing.assert_allclose(people.keypoints[order], poses[np.argsort(poses[:, 0, 0])], atol=tolerance)


TWO = scene(500, 700, (200, 40, 400), (480, 60, 420))
