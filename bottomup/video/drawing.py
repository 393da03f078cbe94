"""People and where they came from, drawn on the frames of a video."""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from bottomup.drawing import distinct_color
from bottomup.image import BgrImage
from bottomup.people import People

_THICKNESS = 0.004  # of the frame's diagonal, at the trail's newer end
_FARTHEST = 1e5  # pixels


class Painter:
    """Draws skeletons, ids and trails, frame after frame.

    trail: seconds of the way that each person came which are shown; 0 for none.
    joint_threshold: joints with a lower score are not drawn.
    show_ids: whether to write the ids.
    """

    def __init__(self, *, trail: float = 1.0, joint_threshold: float = 0.0, show_ids: bool = True) -> None:
        if not 0 <= trail <= 600:
            raise ValueError(f"trail must be from 0 to 600 seconds but is {trail}")
        self.trail, self.joint_threshold, self.show_ids = trail, joint_threshold, show_ids
        self._ways: dict[int, deque[tuple[float, float, float]]] = {}

    def __call__(self, image: BgrImage, people: People, time: float) -> BgrImage:
        """A copy of the frame at `time` seconds with its people drawn on it."""
        self._remember(people, time)
        canvas = image.copy() if self._ways else image
        for name, way in self._ways.items():
            self._draw_way(canvas, name, way, time)
        return people.draw(canvas, joint_threshold=self.joint_threshold, show_ids=self.show_ids)

    def _remember(self, people: People, time: float) -> None:
        if self.trail == 0 or people.ids is None:
            return
        for name, middle in zip(people.ids.tolist(), _middles(people), strict=True):
            if np.isfinite(middle).all():
                self._ways.setdefault(name, deque()).append((time, *middle.tolist()))
        for name in list(self._ways):
            way = self._ways[name]
            while way and time - way[0][0] > self.trail:
                way.popleft()
            if not way:
                del self._ways[name]

    def _draw_way(self, canvas: BgrImage, name: int, way: deque[tuple[float, float, float]], time: float) -> None:
        places = np.clip([(x, y) for _, x, y in way], -_FARTHEST, _FARTHEST)
        widest = _THICKNESS * float(np.hypot(*canvas.shape[:2]))
        fixed = np.rint(places * 16).astype(np.int32)
        for index in range(1, len(way)):
            fresh = 1 - (time - way[index][0]) / self.trail
            width = max(1, round(widest * fresh))
            start, end = tuple(fixed[index - 1].tolist()), tuple(fixed[index].tolist())
            cv2.line(canvas, start, end, distinct_color(name), width, cv2.LINE_AA, 4)


def _middles(people: People) -> np.ndarray:
    """(N, 2) middles between the hips, where they are seen, else of all joints."""
    hips = [people.skeleton.joints.index(name) for name in ("left_hip", "right_hip") if name in people.skeleton.joints]
    seen = people.keypoint_scores > 0
    from_hips = seen[:, hips].any(axis=1) if hips else np.zeros(len(people), bool)
    which = seen.copy()
    others = np.setdiff1d(np.arange(seen.shape[1]), hips)
    which[np.ix_(from_hips, others)] = False
    total = np.where(which[..., None], people.keypoints, 0).sum(axis=1)
    count = which.sum(axis=1)[:, None]
    return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))
