"""Joints over time: smoothed, and filled in where they were missing for a moment."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from bottomup.people import People
from bottomup.tracking.tracks import Floats, body_sizes
from bottomup.validation import Options, option

T = TypeVar("T")


@dataclass(frozen=True)
class SmoothOptions(Options):
    """A one-euro filter (Casiez, Roussel, Vogel, CHI 2012) with its parameters in seconds and body sizes, so that they
    mean the same at every frame rate and distance."""

    rest_time: float = option(
        0.15, "Seconds over which the place of a joint at rest is averaged: jitter goes, and it lags by so much.",
        low=1e-3, high=10,
    )  # fmt: skip
    fast: float = option(
        0.5,
        "Body sizes a second at which a joint is averaged over half of that time; faster ones over less still.",
        low=1e-3,
        high=1e3,
    )
    speed_time: float = option(0.15, "Seconds over which speeds are averaged.", low=1e-3, high=10)
    forget: float = option(0.5, "Seconds after which a joint that comes back starts afresh.", low=0, high=60)


@dataclass
class _Past:
    places: Floats
    speeds: Floats
    times: np.ndarray
    size: float


class Smoother:
    """Smooths the joints of people with ids, frame after frame."""

    def __init__(self, options: SmoothOptions | None = None) -> None:
        self.options = options or SmoothOptions()
        self._past: dict[int, _Past] = {}

    def __call__(self, people: People, time: float) -> People:
        """The people of a frame at `time` seconds with smoothed joints; missing ones stay missing."""
        if people.ids is None:
            raise ValueError("people must have ids to be smoothed")
        keypoints = people.keypoints.copy()
        for row, (name, size) in enumerate(zip(people.ids.tolist(), body_sizes(keypoints).tolist(), strict=True)):
            keypoints[row] = self._smooth(name, keypoints[row], size, time)
        longest = self.options.forget
        self._past = {name: past for name, past in self._past.items() if time - past.times.max() <= longest}
        return People(people.skeleton, keypoints, people.keypoint_scores, people.scores, people.ids, people.traced)

    def _smooth(self, name: int, joints: Floats, size: float, time: float) -> Floats:
        seen = np.isfinite(joints[:, 0])
        past = self._past.get(name)
        if past is None:
            times = np.where(seen, time, -np.inf)
            self._past[name] = _Past(joints.copy(), np.zeros_like(joints), times, size)
            return joints
        step = time - past.times
        known = seen & (step <= self.options.forget)
        step = np.where(known, np.maximum(step, 1e-6), 1.0)[:, None].astype(np.float32)
        past.size += 0.1 * (size - past.size)
        jump = np.where(known[:, None], (joints - past.places) / step, 0)
        speed_gain = 1 - np.exp(-step / self.options.speed_time)
        speeds = np.where(known[:, None], past.speeds + speed_gain * (jump - past.speeds), 0)
        relative = np.linalg.norm(speeds, axis=1, keepdims=True) / max(past.size, 1.0)
        gain = 1 - np.exp(-step * (1 + relative / self.options.fast) / self.options.rest_time)
        smooth = np.where(known[:, None], past.places + gain * (joints - past.places), joints).astype(np.float32)
        past.places = np.where(seen[:, None], smooth, past.places)
        past.speeds = np.where(seen[:, None], speeds, past.speeds).astype(np.float32)
        past.times = np.where(seen, time, past.times)
        return smooth


@dataclass
class _Held(Generic[T]):
    """A frame that waits: what came with it, its time, its people, and what was filled in since, by id."""

    item: T
    time: float
    people: People
    filled: dict[int, tuple[Floats, Floats]] = field(default_factory=dict)


class FillGaps(Generic[T]):
    """Fills in joints that are missing for at most `max_gap` seconds, between two sights, by interpolation.

    People who are missing altogether for no longer are filled in as well. Frames are held back for that time.
    """

    def __init__(self, max_gap: float) -> None:
        if not (math.isfinite(max_gap) and max_gap > 0):
            raise ValueError(f"max_gap must be a positive number of seconds but is {max_gap}")
        self.max_gap = max_gap

    def __call__(self, frames: Iterable[tuple[T, People]]) -> Iterator[tuple[T, People]]:
        """The same frames, items with a `time` and people with ids, a little later."""
        held: deque[_Held[T]] = deque()
        for item, people in frames:
            time: float = item.time  # type: ignore[attr-defined]
            self._fill(held, people, time)
            held.append(_Held(item, time, people))
            while held and time - held[0].time > self.max_gap:
                done = held.popleft()
                yield done.item, _complete(done.people, done.filled)
        for done in held:
            yield done.item, _complete(done.people, done.filled)

    def _fill(self, held: deque[_Held[T]], people: People, time: float) -> None:
        """Put what lies between the last sight of each joint and this one into the frames between."""
        if not held or people.ids is None:
            return
        rows = [_rows(frame.people) for frame in held]
        for now, name in enumerate(people.ids.tolist()):
            missing = people.keypoint_scores[now] > 0  # joints seen now and not yet met on the way back
            for back in range(len(held) - 1, -1, -1):
                before = held[back]
                if time - before.time > self.max_gap + 1e-9 or not missing.any():
                    break
                row = rows[back].get(name)
                if row is None:
                    continue
                seen = missing & (before.people.keypoint_scores[row] > 0)
                if back < len(held) - 1 and seen.any():
                    self._between(held, back, name, seen, before, row, people, now, time)
                missing &= ~seen

    def _between(
        self, held: deque[_Held[T]], back: int, name: int, joints: np.ndarray, before: _Held[T], row: int,
        people: People, now: int, time: float,
    ) -> None:  # fmt: skip
        for index in range(back + 1, len(held)):
            frame = held[index]
            share = (frame.time - before.time) / (time - before.time)
            empty = np.full_like(people.keypoints[now], np.nan), np.zeros_like(people.keypoint_scores[now])
            keypoints, scores = frame.filled.setdefault(name, empty)
            start, end = before.people.keypoints[row, joints], people.keypoints[now, joints]
            keypoints[joints] = (1 - share) * start + share * end
            scores[joints] = np.minimum(before.people.keypoint_scores[row, joints], people.keypoint_scores[now, joints])


def _rows(people: People) -> dict[int, int]:
    return {} if people.ids is None else {name: row for row, name in enumerate(people.ids.tolist())}


def _complete(people: People, filled: dict[int, tuple[Floats, Floats]]) -> People:
    """The people with what was filled in: joints that they lack, and people who were missing."""
    if not filled:
        return people
    rows = _rows(people)
    keypoints, scores, traced = people.keypoints.copy(), people.keypoint_scores.copy(), people.traced.copy()
    for name, (more, more_scores) in filled.items():
        if name in rows:
            lacking = (scores[rows[name]] == 0) & (more_scores > 0)
            keypoints[rows[name], lacking], scores[rows[name], lacking] = more[lacking], more_scores[lacking]
            traced[rows[name], lacking] = True
    new = [name for name in filled if name not in rows]
    if not new:
        return People(people.skeleton, keypoints, scores, people.scores, people.ids, traced)
    ids = np.concatenate([np.asarray(people.ids, np.int64).reshape(-1), np.array(new, np.int64)])
    keypoints = np.concatenate([keypoints, np.stack([filled[name][0] for name in new])])
    fresh = np.stack([filled[name][1] for name in new])
    scores = np.concatenate([scores, fresh])
    people_scores = np.concatenate([people.scores, fresh.mean(axis=1)])
    traced = np.concatenate([traced, fresh > 0])
    return People(people.skeleton, keypoints, scores, people_scores, ids, traced)
