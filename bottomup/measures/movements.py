"""Movements: how often, how high, how fast."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.measures.angles import Floats
from bottomup.measures.series import JointSeries


def count_repetitions(values: npt.ArrayLike, low: float, high: float) -> int:
    """How often a value went from above `high` to below `low` and back above `high`.

    For squats, the angle at the knee with low 110 and high 150, say. Two thresholds keep jitter at one of them from
    counting. Missing values are skipped.
    """
    if not low < high:
        raise ValueError(f"low must be less than high but they are {low} and {high}")
    count, is_up, is_down = 0, False, False
    for value in np.asarray(values, np.float64).ravel().tolist():
        if value > high:
            count += is_down
            is_up, is_down = True, False
        elif value < low and is_up:
            is_down = True
    return count


def jump_height(series: JointSeries) -> float:
    """The highest jump in body heights: how far the middle of the hips rose above where it is when standing.

    The camera must stand still. NaN if hips or height are not seen.
    """
    if not len(series.times):
        return float("nan")
    hips = series.place("left_hip+right_hip")[:, 1]
    seen = hips[np.isfinite(hips)]
    if not len(seen):
        return float("nan")
    standing = float(np.median(seen))
    return max(0.0, standing - float(seen.min())) / series.height()


def cadence(series: JointSeries) -> float:
    """Steps a minute: from how often one ankle overtakes the other along the way that the person goes.

    NaN if fewer than two steps are seen, or the person does not go anywhere.
    """
    left, right = series.place("left_ankle"), series.place("right_ankle")
    hips = series.place("left_hip+right_hip")
    good = np.isfinite(left).all(axis=1) & np.isfinite(right).all(axis=1) & np.isfinite(hips).all(axis=1)
    if good.sum() < 3:
        return float("nan")
    times = series.times[good]
    way = hips[good][-1] - hips[good][0]
    length = float(np.linalg.norm(way))
    if length < 0.1 * series.height():
        return float("nan")
    ahead = (left - right)[good] @ (way / length)
    crossings = _crossings(ahead, times, 0.03 * series.height())
    if len(crossings) < 2:
        return float("nan")
    return 60 * (len(crossings) - 1) / (crossings[-1] - crossings[0])


def _crossings(values: Floats, times: Floats, margin: float) -> list[float]:
    """Times at which a value changes its sign and gets beyond a margin on both sides."""
    found: list[float] = []
    side, crossed = 0, None
    for index in range(len(values)):
        if index and values[index - 1] * values[index] < 0:
            share = values[index - 1] / (values[index - 1] - values[index])
            crossed = float(times[index - 1] + share * (times[index] - times[index - 1]))
        if abs(values[index]) > margin:
            now = 1 if values[index] > 0 else -1
            if side and now != side and crossed is not None:
                found.append(crossed)
            side = now
    return found
