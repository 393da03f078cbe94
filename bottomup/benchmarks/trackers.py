"""Other ways to track, to compare with: what a greedy one, one that sees boxes, and a perfect one make of people."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bottomup.benchmarks.sequences import LabelledFrame
from bottomup.datasets import PhotoLabels
from bottomup.evaluation.matching import FoundPeople, oks
from bottomup.people import People
from bottomup.tracking import Tracker, TrackOptions
from bottomup.tracking.tracks import body_sizes

_SAME = 0.3  # OKS from which a greedy tracker takes two people for one, as Simple Baselines' followers have it
_OWN = 0.5  # OKS from which a found person is a labelled one


class Names(Protocol):
    """A tracker: people of a frame in, people with ids out."""

    def __call__(self, people: People, frame: LabelledFrame) -> People:
        """The people of the next frame who have an id."""


class Own:
    """This package's tracker, without pictures."""

    def __init__(self, rate: float) -> None:
        self.tracker = Tracker(TrackOptions(flow=False))

    def __call__(self, people: People, frame: LabelledFrame) -> People:
        """See `Names`."""
        return self.tracker.update(people, frame.time)


class GreedyOks:
    """Simple Baselines' matching without flow: the most similar pairs first, with the last frame's people alone."""

    def __init__(self, rate: float) -> None:
        self._last: People | None = None
        self._given = 0

    def __call__(self, people: People, frame: LabelledFrame) -> People:
        """See `Names`."""
        ids = np.full(len(people), -1, np.int64)
        if self._last is not None and len(self._last) and len(people):
            similarity = _pose_similarity(self._last, people)
            for flat in np.argsort(-similarity, axis=None):
                before, now = divmod(int(flat), len(people))
                if similarity[before, now] < _SAME:
                    break
                assert self._last.ids is not None
                if ids[now] < 0 and self._last.ids[before] not in ids:
                    ids[now] = self._last.ids[before]
        fresh = ids < 0
        ids[fresh] = self._given + np.arange(fresh.sum())
        self._given += int(fresh.sum())
        self._last = people.with_ids(ids)
        return self._last


class BoxByteTrack:
    """ByteTrack (Zhang et al., ECCV 2022) on the people's boxes, as Roboflow's `trackers` has it.

    Its thresholds are for scores of box detectors; they are set to where the decoder's people begin.
    """

    def __init__(self, rate: float) -> None:
        try:
            import supervision
            from trackers import ByteTrackTracker
        except ImportError as error:
            raise ImportError("ByteTrack needs its package: pip install trackers") from error
        self._supervision = supervision
        self._tracker = ByteTrackTracker(
            frame_rate=rate, track_activation_threshold=0.3, high_conf_det_threshold=0.3, minimum_consecutive_frames=1
        )

    def __call__(self, people: People, frame: LabelledFrame) -> People:
        """See `Names`."""
        boxes = np.asarray(people.boxes, np.float32).reshape(-1, 4)
        given = self._supervision.Detections(
            xyxy=boxes, confidence=np.asarray(people.scores), class_id=np.zeros(len(people), int),
            data={"row": np.arange(len(people))},
        )  # fmt: skip
        tracked = self._tracker.update(given)
        if not len(tracked) or tracked.tracker_id is None:
            return people[[]].with_ids([])
        ids, rows = np.asarray(tracked.tracker_id, np.int64), np.asarray(tracked.data["row"], np.int64)
        named = ids >= 0
        return people[rows[named]].with_ids(ids[named])


class Perfect:
    """The ceiling: every found person who is a labelled one gets that one's id, all others new ones."""

    def __init__(self, rate: float) -> None:
        self._given = 1_000_000

    def __call__(self, people: People, frame: LabelledFrame) -> People:
        """See `Names`."""
        ids = self._given + np.arange(len(people))
        self._given += len(people)
        truth = frame.truth.complete(people.skeleton.num_joints)
        labels = PhotoLabels.of_people(truth.keypoints, truth.boxes, areas=truth.areas, ignored=truth.ignored)
        found = FoundPeople(people.keypoints.astype(np.float64), people.scores.astype(np.float64))
        similarity = oks(found, labels, np.array(people.skeleton.sigmas))
        rows, columns = linear_sum_assignment(np.where(similarity >= _OWN, similarity, 0), maximize=True)
        real = similarity[rows, columns] >= _OWN
        ids[rows[real]] = truth.ids[columns[real]]
        return people.with_ids(ids)


METHODS: dict[str, Callable[[float], Names]] = {
    "own": Own, "greedy": GreedyOks, "bytetrack": BoxByteTrack, "perfect": Perfect,
}  # fmt: skip


def _pose_similarity(before: People, now: People) -> npt.NDArray[np.float64]:
    """(M, N) OKS of people with people, over the joints that both have, with the earlier one's size."""
    squares = ((before.keypoints[:, None] - now.keypoints[None]).astype(np.float64) ** 2).sum(axis=3)
    both = np.isfinite(squares)
    spread = 2 * (2 * np.asarray(before.skeleton.sigmas) * body_sizes(before.keypoints)[:, None]) ** 2
    alike = np.where(both, np.exp(-np.where(both, squares, 0) / np.maximum(spread, 1e-9)[:, None]), 0).sum(axis=2)
    return np.asarray(alike / np.maximum(both.sum(axis=2), 1))
