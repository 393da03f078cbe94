"""How well people keep their ids, and how long that takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bottomup.benchmarks.noise import get_level
from bottomup.benchmarks.sequences import VideoLabels, detections, found_frames
from bottomup.benchmarks.trackers import METHODS
from bottomup.evaluation.tracking import evaluate_tracks
from bottomup.people import People
from bottomup.settings import Settings

Row = dict[str, Any]


def sweep_tracking(
    videos: Sequence[VideoLabels],
    noises: Sequence[str],
    methods: Sequence[str],
    *,
    rate: float = 25.0,
    stride: int = 4,
    seed: int = 0,
    settings: Settings | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Row]:
    """A row of figures for each noise level and method, over all videos together.

    Parameters
    ----------
    videos:
        Of one skeleton.
    noises:
        Names of `bottomup.benchmarks.LEVELS`.
    methods:
        Names of `bottomup.benchmarks.trackers.METHODS`.
    rate:
        Frames a second, for methods that count frames.
    stride, seed, settings:
        Of the fields, their noise, and their decoder.
    done:
        Called after each video and noise level.

    Raises ValueError for names that are unknown or videos of different skeletons.
    """
    for method in methods:
        if method not in METHODS:
            raise ValueError(f"method must be one of {list(METHODS)} but is {method!r}")
    levels = {name: get_level(name) for name in noises}
    if not videos or any(video.skeleton != videos[0].skeleton for video in videos):
        raise ValueError("videos must be at least one, and of one skeleton")
    rows = []
    truth = {video.name: [frame.truth for frame in video.frames] for video in videos}
    for name, noise in levels.items():
        found: dict[str, dict[str, Any]] = {method: {} for method in methods}
        seconds: dict[str, list[float]] = {method: [] for method in methods}
        for video in videos:
            people = list(detections(video, noise, stride=stride, seed=seed, settings=settings))
            for method in methods:
                tracked, times = _track(video, people, method, rate)
                found[method][video.name] = found_frames(tracked)
                seconds[method] += times
            done()
        for method in methods:
            scores = evaluate_tracks(truth, found[method], videos[0].skeleton)
            rows.append(
                {
                    "noise": name, "method": method, "people_per_frame": scores.labelled / max(scores.frames, 1),
                    "mota": scores.mota, "motp": scores.motp, "idf1": scores.idf1, "hota": scores.hota,
                    "switches": scores.switches, "switches_per_1000": scores.per_thousand,
                    "missed": scores.missed, "invented": scores.invented, "labelled": scores.labelled,
                    "frames": scores.frames, "median_ms": 1000 * float(np.median(seconds[method])),
                    "p95_ms": 1000 * float(np.percentile(seconds[method], 95)),
                }
            )  # fmt: skip
    return rows


def _track(video: VideoLabels, people: Sequence[People], method: str, rate: float) -> tuple[list[People], list[float]]:
    """The people with ids, and the seconds of each frame."""
    name = METHODS[method](rate)
    tracked, seconds = [], []
    for frame, seen in zip(video.frames, people, strict=True):
        started = time.perf_counter()
        tracked.append(name(seen, frame))
        seconds.append(time.perf_counter() - started)
    return tracked, seconds
