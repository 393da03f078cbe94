"""What moves between two pictures: dense optical flow, and the motion of the camera behind it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from bottomup.image import BgrImage
from bottomup.tracking.tracks import Floats

_GRID = 12  # flow pixels between the places from which the camera's motion is estimated
_TOLERANCE = 1.5  # flow pixels that a place may be off the camera's motion


@dataclass(frozen=True)
class Flow:
    """Motion from the last picture to this one.

    vectors: (h, w, 2) float32, flow pixels.
    scale: (2,) flow pixels per picture pixel, for x and y.
    camera: (2, 3) affine map of picture pixels: where what stands still has gone.
    """

    vectors: Floats
    scale: Floats
    camera: Floats

    def at(self, points: Floats) -> Floats:
        """(..., 2) displacement of picture pixels (..., 2) in picture pixels; NaN for NaN.

        The median of five places around each, since a joint is a few pixels wide and often lies at an edge.
        """
        seen = np.isfinite(points[..., 0])
        height, width = self.vectors.shape[:2]
        place = np.where(seen[..., None], (points + 0.5) * self.scale - 0.5, 0)
        x, y = (np.rint(np.clip(place[..., axis], -1e6, 1e6)).astype(np.int64) for axis in (0, 1))
        around = np.stack(
            [
                self.vectors[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)]
                for dx, dy in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
            ]
        )
        moved: Floats = np.where(seen[..., None], np.median(around, axis=0) / self.scale, np.nan).astype(np.float32)
        return moved

    def camera_motion(self, points: Floats) -> Floats:
        """(..., 2) displacement of places that stand still; NaN for NaN."""
        moved: Floats = points @ self.camera[:, :2].T + self.camera[:, 2] - points
        return moved


class FlowEstimator:
    """Dense optical flow (DIS: Kroeger et al., ECCV 2016, in OpenCV) between each picture and the one before.

    height: rows of the pictures on which it is computed; smaller ones are taken as they are.
    """

    def __init__(self, height: int) -> None:
        self.height = height
        self._dis = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._last: BgrImage | None = None
        self._size = (0, 0)

    def update(self, image: BgrImage) -> Flow | None:
        """The flow from the last picture; None for the first one, or if its size is another."""
        small = shrink(image, self.height)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
        last, size, self._last, self._size = self._last, self._size, grey, image.shape[:2]
        if last is None or size != self._size or min(grey.shape) < 16:
            return None
        vectors = np.asarray(self._dis.calc(last, grey, np.zeros((*grey.shape, 2), np.float32)), np.float32)
        scale = np.array([grey.shape[1] / image.shape[1], grey.shape[0] / image.shape[0]], np.float32)
        return Flow(vectors, scale, _camera(vectors, scale))


def shrink(image: BgrImage, height: int) -> BgrImage:
    """The picture scaled to be `height` high, or itself if it is not higher."""
    rows, columns = image.shape[:2]
    if rows <= height:
        return image
    size = max(1, round(columns * height / rows)), height
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)


def _camera(vectors: Floats, scale: Floats) -> Floats:
    """(2, 3) the motion that most places of a grid agree on: shift, turn and zoom; none if they do not agree."""
    height, width = vectors.shape[:2]
    ys, xs = np.mgrid[_GRID // 2 : height : _GRID, _GRID // 2 : width : _GRID]
    before = np.stack([xs.ravel(), ys.ravel()], axis=1).astype(np.float32)
    after = before + vectors[ys.ravel(), xs.ravel()]
    still = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    if len(before) < 3:
        return still
    motion, agree = cv2.estimateAffinePartial2D(before, after, method=cv2.RANSAC, ransacReprojThreshold=_TOLERANCE)
    if motion is None or agree.mean() < 0.3 or not np.isfinite(motion).all():
        return still
    # From flow pixels to picture pixels: p_flow = (p + 0.5) scale - 0.5.
    linear = motion[:, :2] * (scale[None, :] / scale[:, None])
    shift = (motion[:, :2] @ (0.5 * scale - 0.5) + motion[:, 2] + 0.5) / scale - 0.5
    return np.concatenate([linear, shift[:, None]], axis=1).astype(np.float32)
