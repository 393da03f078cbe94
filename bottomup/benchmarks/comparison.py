"""The decode beside published decoders: times in the same rounds on the same fields, and how right each is on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np

from bottomup.benchmarks.accuracy import Accuracy, measure_accuracy
from bottomup.benchmarks.baselines import Decoder, Ready
from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.scenes import Scene
from bottomup.benchmarks.timing import KINDS, Task, Timing, copy_task, interleave
from bottomup.decoder import decode_fields
from bottomup.settings import Settings

OURS = "bottomup"
MOST_PEOPLE = 200
"""Beyond which only this package's decoder is timed: the others' time grows with the square and more."""


@dataclass(frozen=True)
class Compared:
    """One decoder on one case.

    first, again: how long it took when the others had driven its fields from the caches, and at once again.
    copy: of all fields, in the same rounds.
    found: how many people it found.
    """

    case: Case
    decoder: str
    first: Timing
    again: Timing
    copy: Timing
    found: int
    accuracy: Accuracy

    def row(self) -> dict[str, Any]:
        """Flat, for CSV."""
        times = {"first": self.first, "again": self.again, "copy": self.copy}
        row = {**asdict(self.case), "decoder": self.decoder, "found": self.found, "runs": self.first.runs}
        row |= {f"{name}_{kind}_ms": getattr(time, kind) for name, time in times.items() for kind in KINDS}
        return {**row, "ap": self.accuracy.ap, "swapped_joints": self.accuracy.swapped_joints}


def compare(
    case: Case, decoders: Mapping[str, Decoder], *, repeats: int, seconds: float, settings: Settings
) -> list[Compared]:
    """`decode_fields` and published decoders in turns on the same fields; how right they are on these.

    `repeats` and `seconds` are those of `interleave`.

    Raises ImportError that names the extra if pycocotools is missing.
    """
    crowd = case.crowd()
    heatmaps, pafs = case.arrays()
    ours = Ready(
        lambda: decode_fields(heatmaps, pafs, crowd.skeleton, stride=case.stride, settings=settings),
        lambda found: found,
    )
    ready = {OURS: ours, **{n: d.open(heatmaps, pafs, crowd.skeleton, case.stride) for n, d in decoders.items()}}
    people = {name: one.read(one.decode()) for name, one in ready.items()}
    accuracy = {
        name: measure_accuracy([Scene(crowd.labels(), crowd.crowd_index, found, {})], crowd.skeleton)
        for name, found in people.items()
    }
    tasks = {"copy": copy_task(heatmaps, pafs), **{name: _twice(one.decode) for name, one in ready.items()}}
    taken = interleave(tasks, repeats=repeats, seconds=seconds)
    timings = {name: Timing.of(spent) for name, spent in taken.items()}
    return [
        Compared(
            case, name, timings[f"{name}/first"], timings[f"{name}/again"], timings["copy"], len(people[name]),
            accuracy[name],
        )
        for name in ready
    ]  # fmt: skip


def time_network(*, repeats: int = 20) -> Timing:
    """The built-in network on a picture of 640 x 480 pixels, with all cores that its backend takes."""
    from bottomup.detector import Detector

    detector = Detector(device="cpu")
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    return Timing.of(interleave({"network": lambda: detector.fields(picture)}, repeats=repeats)["network"])


def _twice(task: Task) -> Task:
    """The seconds of two runs, one directly after the other."""

    def run() -> dict[str, float]:
        start = perf_counter()
        task()
        middle = perf_counter()
        task()
        return {"first": middle - start, "again": perf_counter() - middle}

    return run
