"""Procedural crowds in motion: people who walk, cross, hide each other, leave and come, with ids that are known.

The bodies are those of `figures`, on ground that rises towards the picture's top, as in `crowds`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks import crowds
from bottomup.benchmarks.crowds import Crowd
from bottomup.benchmarks.figures import draw_angles, draw_lengths, place_joints, project, stack_joints
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_SPEEDS = 0.45, 1.1  # body heights a second: 0.8 to 1.9 m/s, a stroll to a fast walk
_STRIDE = 0.85  # body heights that two steps lead forward
_STANDING = 0.2  # share of people who stand or sit where they are
_SWAY = 0.004  # body heights by which people who stand move about
_SWING = math.radians(28)  # of arms and legs, as in the standing figures
_LEAVING = 0.3  # body heights beyond the picture's edge after which a person has left


@dataclass(frozen=True)
class Moment:
    """One frame.

    time: seconds.
    crowd: the people in the picture.
    ids: (N,) who they are; a person who has left never comes back, the next one has another id.
    """

    time: float
    crowd: Crowd
    ids: Ints


def moving_crowd(
    count: int,
    skeleton: Skeleton,
    *,
    height: int,
    width: int,
    frames: int,
    rate: float = 25.0,
    hidden: float = 0.02,
    fill: float = 0.3,
    seed: int = 0,
) -> Iterator[Moment]:
    """Frames of a crowd that walks about; the same arguments give the same frames.

    Parameters
    ----------
    count:
        People in the picture at once, about: who leaves is replaced by a person who enters at an edge.
    skeleton:
        Any built-in one, or one of the same joints.
    height, width:
        Of the picture, pixels.
    frames, rate:
        How many, and how many a second.
    hidden:
        Share of joints that are never visible. On top of that, joints behind the torso of a nearer person are not.
    fill:
        Share of the picture that the boxes cover; the larger, the more people hide each other.
    seed:
        Of all that is random.

    Raises ValueError for numbers that are negative or not positive where they must be.
    """
    for name, value, least in (("count", count, 0), ("height", height, 1), ("width", width, 1), ("frames", frames, 0)):
        if value < least:
            raise ValueError(f"{name} must be at least {least} but is {value}")
    for name, number in (("rate", rate), ("fill", fill)):
        if not (math.isfinite(number) and number > 0):
            raise ValueError(f"{name} must be positive but is {number}")
    if not 0 <= hidden <= 1:
        raise ValueError(f"hidden must be from 0 to 1 but is {hidden}")
    walkers = _Walkers(count, skeleton, height, width, hidden, fill, np.random.default_rng(seed))
    for frame in range(frames):
        yield walkers.moment(frame / rate)
        walkers.step(1 / rate)


class _Walkers:
    """The people, a row for each, and the street that they walk in.

    spots: (N, 2) share of the picture's width, and of the way from the horizon to the lower edge.
    """

    def __init__(
        self, count: int, skeleton: Skeleton, height: int, width: int, hidden: float, fill: float,
        rng: np.random.Generator,
    ) -> None:  # fmt: skip
        self.skeleton, self.height, self.width, self.hidden, self.rng = skeleton, height, width, hidden, rng
        area = fill * height * width / (crowds.ASPECT * max(count, 1))
        self.tall = min(math.sqrt(area), crowds.TALLEST * height)
        self.ids = np.arange(count)
        self.next_id = count
        self.angles, self.lengths = draw_angles(count, rng), draw_lengths(count, rng)
        self.luck = rng.random((count, skeleton.num_joints))
        self.stature = rng.normal(1, crowds.STATURE, count).clip(0.6, 1.4)
        self.speed = np.where(rng.random(count) < _STANDING, 0.0, rng.uniform(*_SPEEDS, count))
        self.phase = rng.uniform(0, 2 * np.pi, count)
        # Most go across the picture, either way; nobody straight at the camera.
        self.turn = rng.choice([-1, 1], count) * rng.normal(np.pi / 2, 0.35, count)
        self.spots = rng.uniform(0, 1, (count, 2))
        self.horizon = min(self.tall * _growth(0.0) / height, 0.9)
        self.time = 0.0

    def moment(self, time: float) -> Moment:
        """The frame of now."""
        points, near = self._points()
        boxes = crowds.boxes_of(points, self.height, self.width)
        inside = crowds.inside_picture(points, self.height, self.width)
        visible = inside & ~crowds.unlabelled_joints(points, near, self.luck, self.hidden, self.skeleton)
        there = visible.any(axis=1)
        crowd = Crowd(self.skeleton, self.height, self.width, points[there], visible[there], boxes[there])
        return Moment(time, crowd, self.ids[there])

    def step(self, seconds: float) -> None:
        """Walk on; who has left the picture makes room for another."""
        self.time += seconds
        self.phase += 2 * np.pi * self.speed / _STRIDE * seconds
        size = self._sizes()
        along = self.speed * seconds * size
        self.spots[:, 0] += np.sin(self.turn) * along / self.width
        # Towards the camera is down the picture, foreshortened by how flat the ground is seen.
        self.spots[:, 1] += 0.4 * np.cos(self.turn) * along / (self.height * (1 - self.horizon))
        beyond = (0.5 * crowds.ASPECT + _LEAVING) * size / self.width
        gone = (self.spots[:, 0] < -beyond) | (self.spots[:, 0] > 1 + beyond)
        turned = (self.spots[:, 1] < 0) | (self.spots[:, 1] > 1)
        self.turn[turned] = np.sign(np.sin(self.turn[turned])) * np.pi - self.turn[turned]
        self.spots[:, 1] = self.spots[:, 1].clip(0, 1)
        for row in np.flatnonzero(gone):
            self._replace(int(row))

    def _replace(self, row: int) -> None:
        self.ids[row], self.next_id = self.next_id, self.next_id + 1
        self.luck[row] = self.rng.random(self.skeleton.num_joints)
        self.stature[row] = float(np.clip(self.rng.normal(1, crowds.STATURE), 0.6, 1.4))
        self.speed[row] = self.rng.uniform(*_SPEEDS)
        side = self.rng.choice([-1, 1])
        self.turn[row] = -side * self.rng.normal(np.pi / 2, 0.35)
        self.spots[row, 1] = self.rng.uniform(0, 1)
        self.spots[row, 0] = 0.5 + side * (0.5 + (0.5 * crowds.ASPECT + _LEAVING) * self._sizes()[row] / self.width)

    def _sizes(self) -> Floats:
        sizes: Floats = self.tall * _growth(self.spots[:, 1]) * self.stature
        return sizes

    def _points(self) -> tuple[Floats, Floats]:
        """(N, K, 2) pixels, and (N,) how near each person is."""
        places = stack_joints(place_joints(self._swung(), self.lengths), self.skeleton)
        bodies = project(places, self.turn, np.full((len(places), 1), 6.0))
        feet = bodies[..., 1].max(axis=1, initial=0)
        sway = _SWAY * np.sin(1.7 * self.time + self.phase)
        size = self._sizes()
        ground = np.stack([self.spots[:, 0], self.horizon + (1 - self.horizon) * self.spots[:, 1]], axis=1)
        ground *= [self.width, self.height]
        bodies = bodies - np.stack([-sway, feet], axis=1)[:, None]
        return bodies * size[:, None, None] + ground[:, None], self.spots[:, 1]

    def _swung(self) -> dict[str, Floats]:
        """The angles of now: who walks swings arms and legs."""
        angles, walks = dict(self.angles), self.speed > 0
        for name, sign in (("left", 1.0), ("right", -1.0)):
            swing = sign * np.sin(self.phase)
            bent = np.radians(8) + np.radians(40) * np.maximum(sign * np.cos(self.phase), 0)
            angles[f"{name} arm"] = np.where(walks, -_SWING * swing, angles[f"{name} arm"])
            angles[f"{name} leg"] = np.where(walks, _SWING * swing, angles[f"{name} leg"])
            angles[f"{name} knee"] = np.where(walks, bent, angles[f"{name} knee"])
        angles["lean"] = np.where(walks, np.radians(4), angles["lean"])
        return angles


def _growth(near: Any) -> Any:
    """How tall people are at a share of the way to the lower edge, 1 in the middle."""
    return (1 + (crowds.PERSPECTIVE - 1) * near) / (1 + (crowds.PERSPECTIVE - 1) / 2)
