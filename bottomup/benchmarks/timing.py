"""Measuring time so that runs compare: warmed up, interleaved, with the spread, next to the time of a plain copy."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

KINDS = ("median", "p95", "fastest")
"""The figures of a `Timing` that tables have."""

_FEWEST = 5  # rounds; fewer have no spread to speak of

Floats = npt.NDArray[np.float64]

# A task that returns a mapping means the seconds that its own stages took, by name.
Task = Callable[[], object]


@dataclass(frozen=True)
class Timing:
    """What repeated runs of one thing took, milliseconds."""

    median: float
    p95: float
    fastest: float
    runs: int

    @classmethod
    def of(cls, seconds: npt.ArrayLike) -> Timing:
        """From the seconds of each run; ValueError if there is none."""
        ms = 1000 * np.asarray(seconds, np.float64)
        if not ms.size:
            raise ValueError("seconds must hold at least one run but is empty")
        return cls(float(np.median(ms)), float(np.percentile(ms, 95)), float(ms.min()), ms.size)


class Stopwatch:
    """Seconds between marks: `lap(name)` gives the time since the last mark to a stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now


def interleave(
    tasks: Mapping[str, Task], *, repeats: int, warmup: int = 3, seconds: float = math.inf
) -> dict[str, Floats]:
    """Run each task once a round, so that whatever slows the machine down slows all of them.

    Parameters
    ----------
    tasks:
        By name. One that returns seconds by stage adds an entry "name/stage" for each.
    repeats:
        Rounds that count, at least 1.
    warmup:
        Rounds before them that do not.
    seconds:
        After so long no further round begins, but five count at least (or `repeats`, if that is fewer).

    Returns
    -------
    (rounds,) seconds of each task and stage. Every round has an order of its own, so that no task always follows
    the same one; Python's garbage collector waits until the end.
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1 but is {repeats}")
    if not seconds >= 0:
        raise ValueError(f"seconds must be at least 0 but is {seconds}")
    if warmup < 0:
        raise ValueError(f"warmup must be at least 0 but is {warmup}")
    names = list(tasks)
    taken: dict[str, list[float]] = {name: [] for name in names}
    order = np.random.default_rng(0)
    began = time.perf_counter()
    with _no_garbage_collection():
        for number in range(-warmup, repeats):
            if number >= _FEWEST and time.perf_counter() - began > seconds:
                break
            for name in order.permutation(names).tolist():
                start = time.perf_counter()
                result = tasks[name]()
                total = time.perf_counter() - start
                if number < 0:
                    continue
                taken[name].append(total)
                for stage, spent in result.items() if isinstance(result, Mapping) else ():
                    taken.setdefault(f"{name}/{stage}", []).append(spent)
    return {name: np.array(spent) for name, spent in taken.items()}


def copy_task(*arrays: npt.NDArray[np.generic]) -> Task:
    """The floor: copying arrays into memory that has been written before."""
    warm = [np.array(array) for array in arrays]

    def copy() -> None:
        for target, array in zip(warm, arrays, strict=True):
            np.copyto(target, array)

    return copy


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
