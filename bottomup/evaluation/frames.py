"""The people of one frame of a video, labelled or found, and which of them can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bottomup.datasets.photo import AREA_OF_BOX, FloatArray, PhotoLabels
from bottomup.evaluation.matching import FoundPeople, oks

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FramePeople:
    """The N people of one frame; coordinates are image pixels, pixel centres at integers.

    ids: (N,) whole numbers, each at most once in a frame.
    keypoints: (N, K, 2), NaN where a joint is not labelled, or was not found.
    visible: (N, K) bool; left out, the joints whose coordinates are finite.
    keypoint_scores: (N, K) of found joints; left out, 1.
    boxes: (N, 4) xyxy; left out, around the joints.
    areas: (N,) square pixels that a labelled person covers; left out, 0.53 of the box.
    heads: (N, 4) xyxy, the box of a labelled head, NaN where there is none; left out, no head is labelled.
    ignored: (N,) bool, labelled people who do not count; left out, none.
    regions: polygons of (P, 2) pixels, P at least 3; joints inside are neither right nor wrong.
    labelled: False for a frame of which nothing is labelled: it is left out.
    """

    ids: IntArray
    keypoints: FloatArray
    visible: BoolArray | None = None
    keypoint_scores: FloatArray | None = None
    boxes: FloatArray | None = None
    areas: FloatArray | None = None
    heads: FloatArray | None = None
    ignored: BoolArray | None = None
    regions: tuple[FloatArray, ...] = field(default=())
    labelled: bool = True

    @classmethod
    def empty(cls, joints: int, *, labelled: bool = True) -> FramePeople:
        """A frame without people, of a skeleton of so many joints."""
        return cls(np.zeros(0, np.int64), np.zeros((0, joints, 2)), labelled=labelled)

    def complete(self, joints: int) -> FrameArrays:
        """All arrays of these people; ValueError if one does not fit or an id repeats."""
        keypoints = np.asarray(self.keypoints, np.float64)
        count = len(keypoints)
        if keypoints.shape != (count, joints, 2):
            raise ValueError(f"keypoints must have shape (N, {joints}, 2) but has {keypoints.shape}")
        ids = np.asarray(self.ids)
        if ids.shape != (count,) or (count and ids.dtype.kind not in "iu"):
            raise ValueError(f"ids must be {count} whole numbers but has shape {ids.shape} and dtype {ids.dtype}")
        if len(np.unique(ids)) < count:
            raise ValueError(f"ids must differ within a frame but are {ids.tolist()}")
        visible = np.asarray(np.isfinite(keypoints).all(axis=2))
        if self.visible is not None:
            visible = visible & (_shaped("visible", self.visible, (count, joints)) > 0)
        keypoints = np.where(visible[..., None], keypoints, np.nan)
        boxes = _tight_boxes(keypoints) if self.boxes is None else _shaped("boxes", self.boxes, (count, 4))
        scores = 1.0 if self.keypoint_scores is None else self.keypoint_scores
        areas = AREA_OF_BOX * np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) if self.areas is None else self.areas
        heads = np.full((count, 4), np.nan) if self.heads is None else self.heads
        ignored = np.zeros(count) if self.ignored is None else self.ignored
        return FrameArrays(
            ids.astype(np.int64),
            keypoints,
            np.ones((count, joints)) * _shaped("keypoint_scores", scores, (count, joints)),
            boxes,
            _shaped("areas", areas, (count,)),
            _shaped("heads", heads, (count, 4)),
            np.asarray(_shaped("ignored", ignored, (count,)) > 0),
        )


@dataclass(frozen=True)
class FrameArrays:
    """What `FramePeople` may leave out, with nothing left out; a joint that is not visible is NaN."""

    ids: IntArray
    keypoints: FloatArray
    keypoint_scores: FloatArray
    boxes: FloatArray
    areas: FloatArray
    heads: FloatArray
    ignored: BoolArray

    @property
    def visible(self) -> BoolArray:
        """(N, K), True where a joint is."""
        return np.asarray(np.isfinite(self.keypoints[..., 0]))

    def select(self, rows: npt.ArrayLike) -> FrameArrays:
        """Some of the people."""
        chosen = np.asarray(rows, bool)
        return FrameArrays(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    def outside(self, regions: Sequence[FloatArray]) -> FrameArrays:
        """Without the joints inside some polygons, and without people who have no others."""
        if not regions or not len(self.ids):
            return self
        points = np.nan_to_num(self.keypoints).reshape(-1, 2)
        inside = np.zeros(len(points), bool)
        for region in regions:
            polygon = np.asarray(region, np.float32).reshape(-1, 1, 2)
            inside |= np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), False) > 0 for x, y in points])
        kept = self.visible & ~inside.reshape(self.visible.shape)
        people = replace(self, keypoints=np.where(kept[..., None], self.keypoints, np.nan))
        # An ignored person without a joint still has a box that others' joints may lie in.
        return people.select(kept.any(axis=1) | self.ignored)


@dataclass(frozen=True)
class TrackPair:
    """One frame to be scored: the N labelled people who count, the P found ones who are compared with them, and the
    (P, N) OKS of each two of them."""

    truth: FrameArrays
    found: FrameArrays
    similarity: FloatArray


def pair_frame(truth: FramePeople, found: FramePeople, sigmas: FloatArray, threshold: float) -> TrackPair:
    """Take out of a frame who does not count: ignored people, and found ones who resemble these alone.

    A found person belongs to an ignored one if it is not matched with anybody who counts (one to one, largest sum of
    OKS, each at least `threshold`) and resembles the ignored one as much.

    sigmas: (K,). Raises ValueError if arrays do not fit.
    """
    joints = len(sigmas)
    labels = truth.complete(joints).outside(truth.regions)
    people = found.complete(joints).outside(truth.regions)
    people = people.select(people.visible.any(axis=1))
    similarities = _oks(people, labels, sigmas)
    similarity, counts = similarities[:, ~labels.ignored], np.ones(len(people.ids), bool)
    if labels.ignored.any():
        counts = ~np.any(similarities[:, labels.ignored] >= threshold, axis=1)
        rows, columns = linear_sum_assignment(np.where(similarity >= threshold, similarity, 0), maximize=True)
        counts[rows[similarity[rows, columns] >= threshold]] = True
    return TrackPair(labels.select(~labels.ignored), people.select(counts), similarity[counts])


def _oks(found: FrameArrays, truth: FrameArrays, sigmas: FloatArray) -> FloatArray:
    labels = PhotoLabels.of_people(truth.keypoints, truth.boxes, areas=truth.areas, ignored=truth.ignored)
    return oks(FoundPeople(found.keypoints, np.ones(len(found.ids))), labels, sigmas)


def _tight_boxes(keypoints: FloatArray) -> FloatArray:
    seen = np.isfinite(keypoints[..., 0]).any(axis=1)
    boxes = np.zeros((len(keypoints), 4))
    boxes[seen] = np.concatenate([np.nanmin(keypoints[seen], axis=1), np.nanmax(keypoints[seen], axis=1)], axis=1)
    return boxes


def _shaped(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> FloatArray:
    array = np.asarray(values, np.float64)
    if array.ndim and array.shape != shape:
        raise ValueError(f"{name} must have shape {shape} but has {array.shape}")
    return array
