"""The people of one photo of a file in COCO form as arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bottomup.datasets.coco_annotation import Annotation, is_number
from bottomup.datasets.photo import AREA_OF_BOX, FloatArray, PhotoLabels, joint_boxes


class PeopleTable:
    """The people of one photo as arrays.

    estimated: how many have their area from a box; nowhere: annotations without any place, which are left out.
    """

    def __init__(self, people: list[Annotation], joints: int, area_from_box: bool) -> None:
        empty = np.tile([np.nan, np.nan, 0.0], joints)
        rows = np.array([empty if p.keypoints is None else p.keypoints for p in people]).reshape(len(people), joints, 3)
        placed = np.array([p.box is not None for p in people], bool) | (rows[..., 2] > 0).any(axis=1)
        self.nowhere = int((~placed).sum())
        self._people = [person for person, kept in zip(people, placed, strict=True) if kept]
        rows = rows[placed]
        self.keypoints, self._seen = rows[..., :2], (rows[..., 2] > 0).any(axis=1)
        unknown = np.full(4, np.nan)
        told = np.array([unknown if p.box is None else p.box for p in self._people], np.float64).reshape(-1, 4)
        # Those of the joints are only made where they are needed: most files tell every person's box.
        tight = told if (told[:, 2:] > told[:, :2]).all() else joint_boxes(self.keypoints)
        self.boxes = np.where(np.isnan(told[:, :1]), tight, told)
        areas = np.array([p.area for p in self._people], np.float64)
        guess = ~np.isfinite(areas) | area_from_box
        self.estimated = int(guess.sum())
        empty_box = (self.boxes[:, 2:] - self.boxes[:, :2]).min(axis=1, initial=np.inf) <= 0
        # An empty box tells no size, but the joints may.
        frames = np.where((empty_box & self._seen)[:, None], tight, self.boxes)
        self.areas = np.where(guess, AREA_OF_BOX * np.prod(frames[:, 2:] - frames[:, :2], axis=1), areas)

    def photo(self, number: int, path: Path, image: Mapping[str, Any], videos: Mapping[Any, str]) -> PhotoLabels:
        people, count = self._people, len(self._people)
        uncounted = np.array([p.counted == 0 for p in people], bool)
        crowds = np.array([p.crowd for p in people], bool)
        heads = np.full((count, 4), np.nan)
        for row, person in zip(heads, people, strict=True):
            row[:] = np.nan if person.head is None else person.head
        tracks = [p.track for p in people]
        video, frame, regions = _frame_of(image, videos)
        return PhotoLabels(
            id=number,
            path=path,
            keypoints=self.keypoints,
            boxes=self.boxes,
            ignore=np.zeros((0, 4)),
            known=np.ones(self.keypoints.shape[1], bool),
            split=str(image.get("coco_split") or ""),
            shrunk=float(image.get("shrunk", 1.0)),
            areas=self.areas,
            heads=heads,
            ignored=crowds | uncounted | ~self._seen,
            crowds=crowds,
            trust=np.array([p.trust for p in people], np.float64),
            tracks=None if None in tracks or (video == "" and not tracks) else np.array(tracks, np.int64),
            regions=regions,
            labelled=bool(image.get("is_labeled", True)),
            size=_size(image),
            crowd_index=image.get("crowdIndex"),
            video=video,
            frame=frame,
        )


def _frame_of(image: Mapping[str, Any], videos: Mapping[Any, str]) -> tuple[str, int, tuple[FloatArray, ...]]:
    """Video, number of the frame and polygons to ignore, in PoseTrack 2018's words or in Bonn's."""
    video = image.get("video_id", image.get("vid_id"))
    frame = image.get("frame", image.get("frame_id", 0))
    regions = tuple(
        np.column_stack([xs, ys]).astype(np.float64)
        for xs, ys in zip(image.get("ignore_regions_x") or (), image.get("ignore_regions_y") or (), strict=True)
        if len(xs) > 2
    )
    return "" if video is None else videos.get(video, str(video)), int(frame or 0), regions


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
    sides = [image.get("width"), image.get("height")]
    if any(isinstance(side, str) and side.strip().isdecimal() for side in sides):
        sides = [int(side) if isinstance(side, str) and side.strip().isdecimal() else side for side in sides]
    numbers = [float(side) for side in sides if side is not None and is_number(side)]
    if len(numbers) < 2 or not all(math.isfinite(side) and side >= 1 for side in numbers):
        return None
    return round(numbers[0]), round(numbers[1])
