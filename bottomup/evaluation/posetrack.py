"""PoseTrack's figures of each joint: average precision, MOTA, MOTP, precision and recall.

Andriluka et al., "PoseTrack: a benchmark for human pose estimation and tracking", CVPR 2018, section 5, and its
program, poseval (https://github.com/leonid-pishchulin/poseval): a joint is right within half of its person's head
length (PCKh), 0.6 of the diagonal of the head's box. For average precision a found person stands for the labelled one
that has most joints in common with it, and each labelled person for the best of those; for MOTA every kind of joint is
followed on its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bottomup.datasets.photo import FloatArray
from bottomup.evaluation.frames import FrameArrays, TrackPair
from bottomup.evaluation.pck import HEAD_OF_DIAGONAL
from bottomup.skeleton import Skeleton

NEAR = 0.5
"""Of the head's length: how far off a joint may be."""

_FAR = 1e6  # heads: a pair that costs this is none
_NECKS = ("upper_neck", "neck", "head_bottom")


@dataclass(frozen=True)
class JointScores:
    """Of each of K joints and, last, the mean over those that are labelled; shares in 0..1, NaN where none is.

    joints: K names. ap, mota, motp, precision, recall: (K + 1,). labelled: (K,) how often each is labelled.
    unmeasured: labelled people in frames whose head's length is not known; they and whom they resemble are left out.
    """

    joints: tuple[str, ...]
    ap: FloatArray
    mota: FloatArray
    motp: FloatArray
    precision: FloatArray
    recall: FloatArray
    labelled: npt.NDArray[np.int64]
    unmeasured: int

    def to_dict(self) -> dict[str, Any]:
        """By the joints' names, "mean" for the last; None where there is nothing, ready for `json.dump`."""
        names = [*self.joints, "mean"]
        tables = {name: getattr(self, name) for name in ("ap", "mota", "motp", "precision", "recall")}
        plain = {
            table: {name: None if np.isnan(value) else float(value) for name, value in zip(names, values, strict=True)}
            for table, values in tables.items()
        }
        return {**plain, "unmeasured": self.unmeasured}


@dataclass(frozen=True)
class _Frame:
    """Distances (P, N, K) in lengths of the head, infinite where a joint is missing, and who is there."""

    distance: FloatArray
    truth: FrameArrays
    found: FrameArrays

    @property
    def near(self) -> npt.NDArray[np.bool_]:
        return np.asarray(self.distance <= NEAR)


def score_joints(
    pairs: Mapping[str, Sequence[TrackPair]], skeleton: Skeleton, *, poseval: bool = False
) -> JointScores | None:
    """Score the joints of all videos; None if no person's head has a length.

    The length is that of the head's box or, without one, from the top of the head to the neck.

    Parameters
    ----------
    pairs:
        Of each video its frames, from `pair_frame`.
    skeleton:
        The K joints.
    poseval:
        Count as the published program does, where it differs from the paper: frames in which nobody is labelled are
        left out, so is for MOTA the last frame of each video, and a frame in which nobody was found has one missed and
        one invented joint of each kind, however many are labelled.
    """
    videos, unmeasured = [], 0
    for frames in pairs.values():
        measured = [_measured(frame, skeleton) for frame in frames]
        unmeasured += sum(count for _, count in measured)
        chosen = [frame for frame, _ in measured if len(frame.truth.ids) or not poseval]
        videos.append(chosen)
    labelled = sum(
        (frame.truth.visible.sum(axis=0) for frames in videos for frame in frames),
        np.zeros(skeleton.num_joints, np.int64),
    )
    if not labelled.any():
        return None
    ap = _average_precision([frame for frames in videos for frame in frames], labelled)
    clear = [_follow(videos, joint, poseval).rates() for joint in range(skeleton.num_joints)]
    mota, motp, precision, recall = np.array(clear).T
    ap, mota, motp, precision, recall = (
        np.append(table, _mean(table)) for table in (ap, mota, motp, precision, recall)
    )
    return JointScores(skeleton.joints, ap, mota, motp, precision, recall, labelled, unmeasured)


def _mean(values: FloatArray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else np.nan


def head_lengths(truth: FrameArrays, skeleton: Skeleton) -> FloatArray:
    """(N,) pixels, NaN where it is not known."""
    lengths = HEAD_OF_DIAGONAL * np.hypot(*(truth.heads[:, 2:] - truth.heads[:, :2]).T)
    top = next((joint for joint in ("head_top", "head") if joint in skeleton.joints), "")
    neck = next((joint for joint in _NECKS if joint in skeleton.joints), "")
    if top and neck:
        ends = truth.keypoints[:, skeleton.index(top)] - truth.keypoints[:, skeleton.index(neck)]
        lengths = np.where(np.isfinite(lengths), lengths, np.hypot(ends[:, 0], ends[:, 1]))
    return np.asarray(np.where(lengths > 0, lengths, np.nan))


def _measured(frame: TrackPair, skeleton: Skeleton) -> tuple[_Frame, int]:
    """A frame with the people whose heads are known, and how many there are of others."""
    lengths = head_lengths(frame.truth, skeleton)
    known = np.isfinite(lengths)
    similarity = frame.similarity
    kept = np.ones(len(frame.found.ids), bool)
    if not known.all():  # found people most like one whose head is unknown are left out too
        kept = similarity.max(axis=1, initial=0) < NEAR
        kept |= np.where(known, similarity, 0).max(axis=1, initial=0) >= similarity.max(axis=1, initial=0)
    truth, found = frame.truth.select(known), frame.found.select(kept)
    offset = found.keypoints[:, None] - truth.keypoints[None]
    distance = np.hypot(offset[..., 0], offset[..., 1]) / lengths[known][None, :, None]
    return _Frame(np.nan_to_num(distance, nan=np.inf), truth, found), int((~known).sum())


def _average_precision(frames: Sequence[_Frame], labelled: npt.NDArray[np.int64]) -> FloatArray:
    """(K,) areas below the curves of precision over recall, NaN for a joint that is not labelled."""
    scores: list[list[float]] = [[] for _ in labelled]
    right: list[list[bool]] = [[] for _ in labelled]
    for frame in frames:
        near = frame.near
        seen = frame.truth.visible.sum(axis=1)
        share = near.sum(axis=2) / np.maximum(seen, 1)
        holder = _holders(share)
        there = frame.found.visible
        for person in range(len(there)):
            owner = np.flatnonzero(holder == person)
            hits = near[person, owner[0]] if len(owner) else np.zeros(len(labelled), bool)
            for joint in np.flatnonzero(there[person]):
                scores[joint].append(float(frame.found.keypoint_scores[person, joint]))
                right[joint].append(bool(hits[joint]))
    return np.array(
        [
            area_below(np.array(one), np.array(hits, bool), int(total)) if total else np.nan
            for one, hits, total in zip(scores, right, labelled, strict=True)
        ]
    )


def _holders(share: FloatArray) -> npt.NDArray[np.intp]:
    """(N,) for each labelled person the found one that stands for it, -1 for none.

    share: (P, N), how much of each labelled person's joints each found one has.
    """
    found, labels = share.shape
    if not found or not labels:
        return np.full(labels, -1)
    best = np.zeros_like(share)
    rows = np.arange(found)
    best[rows, share.argmax(axis=1)] = share.max(axis=1)
    return np.where(best.max(axis=0) > 0, best.argmax(axis=0), -1)


def area_below(scores: FloatArray, right: npt.NDArray[np.bool_], labelled: int) -> float:
    """Average precision as Pascal VOC has it since 2010: the area below the precision that is reached at each recall
    or beyond.

    scores, right: (M,) of the found joints. labelled: how many there are to find, at least 1.
    """
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    recall = np.concatenate([[0], hits / labelled, [1]])
    precision = np.concatenate([[0], hits / np.arange(1, len(hits) + 1), [0]])
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(recall) * envelope[1:]).sum())


@dataclass
class _Counts:
    """Of one kind of joint: right, missed and invented ones, switches of id, and the sum of the right ones' offsets."""

    right: int = 0
    missed: int = 0
    invented: int = 0
    switches: int = 0
    distance: float = 0.0

    def rates(self) -> tuple[float, float, float, float]:
        """MOTA, MOTP, precision and recall, NaN where nothing is there to count."""
        labelled, found = self.right + self.missed, self.right + self.invented
        if not labelled:
            return np.nan, np.nan, np.nan, np.nan
        return (
            1 - (self.missed + self.invented + self.switches) / labelled,
            1 - self.distance / self.right if self.right else 0.0,
            self.right / found if found else np.nan,
            self.right / labelled,
        )


def _follow(videos: Sequence[Sequence[_Frame]], joint: int, poseval: bool) -> _Counts:
    """Count one kind of joint through the videos."""
    counts = _Counts()
    for video in videos:
        holder: dict[int, int] = {}  # of each labelled person the found one it had last
        for frame in video[:-1] if poseval else video:
            if poseval and not len(frame.found.ids):
                counts.missed += 1
                counts.invented += 1
                continue
            rows = np.flatnonzero(frame.found.visible[:, joint])
            columns = np.flatnonzero(frame.truth.visible[:, joint])
            distance = frame.distance[..., joint][np.ix_(rows, columns)]
            found, labelled = frame.found.ids[rows].tolist(), frame.truth.ids[columns].tolist()
            pairs = _correspondences(distance, found, labelled, holder)
            for row, column in pairs:
                counts.switches += holder.get(labelled[column], found[row]) != found[row]
                holder[labelled[column]] = found[row]
                counts.distance += float(distance[row, column])
            counts.right += len(pairs)
            counts.missed += len(labelled) - len(pairs)
            counts.invented += len(found) - len(pairs)
    return counts


def _correspondences(
    distance: FloatArray, found: Sequence[int], labelled: Sequence[int], holder: Mapping[int, int]
) -> list[tuple[int, int]]:
    """Rows and columns of (P, N) distances that belong together, as CLEAR MOT has it: who was together last stays so
    while near enough, the others as many and as near as can be."""
    near = distance <= NEAR
    pairs = []
    for column, label in enumerate(labelled):
        row = found.index(holder[label]) if holder.get(label) in found else -1
        if row >= 0 and near[row, column]:
            pairs.append((row, column))
            near[row], near[:, column] = False, False
    rows, columns = linear_sum_assignment(np.where(near, distance, _FAR))
    return pairs + [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if near[r, c]]
