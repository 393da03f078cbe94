"""One person's joints over time."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bottomup.measures.angles import Floats, angle_names, joint_angles
from bottomup.measures.bodies import body_heights
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.people import People


@dataclass(frozen=True)
class JointSeries:
    """T sights of one person.

    id: the person's.
    skeleton: what the K joints are.
    times: (T,) seconds, rising.
    keypoints: (T, K, 2) pixels, NaN where a joint is missing.
    """

    id: int
    skeleton: Skeleton
    times: Floats
    keypoints: Floats

    def angle(self, joints: str | Sequence[str]) -> Floats:
        """(T,) degrees: of three joints, or of a usual angle by its apex, as "left_knee"."""
        if isinstance(joints, str):
            known = angle_names(self.skeleton)
            if joints not in known:
                raise ValueError(f"angle must be one of {list(known)} or three joints but is {joints!r}")
            joints = known[joints]
        return joint_angles(self.keypoints, self.skeleton, joints)

    def place(self, joint: str) -> Floats:
        """(T, 2) pixels of a joint, or of a midpoint, as "left_hip+right_hip"."""
        which = [self.skeleton.index(name) for name in joint.split("+")]
        place: Floats = self.keypoints[:, which].mean(axis=1)
        return place

    def height(self) -> float:
        """The person's standing height in pixels: the median over all sights; NaN if nothing tells it."""
        heights = body_heights(self.keypoints, self.skeleton)
        return float(np.nanmedian(heights)) if np.isfinite(heights).any() else float("nan")

    def table(self) -> list[dict[str, Any]]:
        """A row for each sight: time, id and the usual angles by name."""
        angles = {f"{name}_deg": self.angle(name) for name in angle_names(self.skeleton)}
        return [
            {"time": float(time), "id": self.id, **{name: float(values[row]) for name, values in angles.items()}}
            for row, time in enumerate(self.times)
        ]

    def to_csv(self, path: str | Path) -> None:
        """Write `table`; angles that are not known are empty."""
        rows = self.table()
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            names = list(rows[0]) if rows else ["time", "id"]
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            for row in rows:
                writer.writerow({name: "" if value != value else value for name, value in row.items()})

    def plot(self, angles: Sequence[str | Sequence[str]], path: str | Path | None = None) -> Any:
        """Angles over time with matplotlib; returns the figure, and writes it to `path` if given."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError('plots need matplotlib: pip install "bottomup[video]"') from error
        figure = Figure(figsize=(8, 3.2), layout="constrained")
        axes = figure.add_subplot(xlabel="seconds", ylabel="degrees")
        for joints in angles:
            label = joints if isinstance(joints, str) else " - ".join(joints)
            axes.plot(self.times, self.angle(joints), label=label.replace("_", " "))
        axes.legend()
        axes.grid(alpha=0.3)
        if path is not None:
            figure.savefig(path)
        return figure


def collect_series(frames: Iterable[tuple[Any, People]]) -> Mapping[int, JointSeries]:
    """The series of every id of tracked frames, (something with a `time`, People) as `track_video` gives them.

    Raises ValueError for people without ids.
    """
    times: dict[int, list[float]] = {}
    points: dict[int, list[npt.NDArray[np.float32]]] = {}
    skeleton: Skeleton | None = None
    for frame, people in frames:
        if people.ids is None:
            raise ValueError("frames must hold people with ids, as track_video gives them")
        skeleton = people.skeleton
        for row, name in enumerate(people.ids.tolist()):
            times.setdefault(name, []).append(float(frame.time))
            points.setdefault(name, []).append(people.keypoints[row])
    if skeleton is None:
        return {}
    return {
        name: JointSeries(name, skeleton, np.array(times[name]), np.array(points[name], np.float64)) for name in times
    }


def velocities(places: npt.ArrayLike, times: npt.ArrayLike) -> Floats:
    """(T, ...) change a second of (T, ...) values at (T,) seconds, uneven as they may be; NaN beside missing values.

    Central differences, one-sided at both ends. Raises ValueError if times do not rise.
    """
    values, seconds = np.asarray(places, np.float64), np.asarray(times, np.float64)
    if seconds.shape != values.shape[:1]:
        raise ValueError(f"times must have shape ({len(values)},) but has {seconds.shape}")
    if len(seconds) < 2:
        return np.full_like(values, np.nan)
    if not (np.diff(seconds) > 0).all():
        raise ValueError("times must rise")
    speed: Floats = np.gradient(values, seconds, axis=0)
    return speed
