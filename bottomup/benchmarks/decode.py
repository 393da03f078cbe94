"""How long the kernels and the whole decode take, by stage.

Each figure stands beside the time of `np.copyto` of the same fields into a warm array, measured in the same rounds:
the least that anything which reads all fields could take, and what makes figures of two machines comparable.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.devices import DEVICE, open_device
from bottomup.benchmarks.memory import Memory, decode_memory
from bottomup.benchmarks.timing import Stopwatch, Task, Timing, interleave
from bottomup.decoder import STEPS, decode_fields, decode_steps, find_candidates, find_pairs
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton
from bottomup.skeletons import get_skeleton


@dataclass(frozen=True)
class Measured:
    """What was measured on one case.

    candidates, pairs: joint candidates and scored pairs that came out.
    found: people that came out, None where only the kernels ran.
    timings: by stage, and "total" for the whole; "copy" is the floor of "total".
    floors: the floor of each stage that has one of its own, by stage.
    memory: of the whole decode; None where it was not measured.
    """

    case: Case
    candidates: int
    pairs: int
    found: int | None
    timings: dict[str, Timing]
    floors: dict[str, Timing] = field(default_factory=dict)
    memory: Memory | None = None

    def ratio(self, stage: str = "total") -> float:
        """A stage's median in multiples of the median copy that is its floor."""
        return self.timings[stage].median / self.floors.get(stage, self.timings["copy"]).median

    def rows(self) -> list[dict[str, Any]]:
        """One flat row for each stage, for CSV."""
        counts = {"candidates": self.candidates, "pairs": self.pairs, "found": self.found}
        memory = asdict(self.memory) if self.memory else {}
        rows = []
        for stage, timing in self.timings.items():
            times = {f"{name}_ms": getattr(timing, name) for name in ("median", "p95", "fastest")}
            row = {**asdict(self.case), **counts, "stage": stage, **times, "copies": self.ratio(stage)}
            rows.append({**row, "runs": timing.runs, **memory})
        return rows


def measure_kernels(
    case: Case, *, settings: Settings | None = None, repeats: int = 100, seconds: float = math.inf
) -> Measured:
    """Time `find_peaks` and `score_limbs`, each beside the copy of the fields that it reads.

    `settings` give the thresholds and the threads; `repeats` and `seconds` are those of `interleave`. On a GPU the
    times are those between events on its stream, so they include what the kernels copy back, but no grouping.
    """
    settings = Settings() if settings is None else settings
    skeleton, device = get_skeleton(case.skeleton), open_device(case.device)
    heatmaps, pafs = map(device.upload, case.arrays())
    candidates = find_candidates(heatmaps, settings)
    pairs = find_pairs(pafs, candidates, skeleton, settings)
    tasks = {
        "copy": device.copy(heatmaps, pafs),
        "copy heatmaps": device.copy(heatmaps),
        "copy pafs": device.copy(pafs),
        "peaks": device.timed(lambda: find_candidates(heatmaps, settings)),
        "limbs": device.timed(lambda: find_pairs(pafs, candidates, skeleton, settings)),
    }
    taken = interleave(tasks, repeats=repeats, seconds=seconds)
    taken |= {task: taken[f"{task}/{DEVICE}"] for task in tasks if f"{task}/{DEVICE}" in taken}
    timings = {name: Timing.of(taken[name]) for name in ("copy", "peaks", "limbs")}
    timings["total"] = Timing.of(taken["peaks"] + taken["limbs"])
    floors = {"peaks": Timing.of(taken["copy heatmaps"]), "limbs": Timing.of(taken["copy pafs"])}
    return Measured(case, len(candidates), len(pairs), None, timings, floors)


def measure_decode(
    case: Case,
    *,
    settings: Settings | None = None,
    repeats: int = 100,
    seconds: float = math.inf,
    memory: bool = True,
) -> Measured:
    """Time everything from fields to People, by stage, beside the copy of all fields.

    "total" is `decode_fields` as a user calls it. The stages come from runs of their own, taken in turns with it;
    grouping includes building the graph. `memory` is measured for fields
    in CPU memory only.
    """
    settings = Settings() if settings is None else settings
    skeleton, device = get_skeleton(case.skeleton), open_device(case.device)
    arrays = case.arrays()
    heatmaps, pafs = map(device.upload, arrays)

    def staged() -> dict[str, float]:
        watch = Stopwatch()
        staged_decode(heatmaps, pafs, skeleton, case.stride, settings, watch)
        return watch.seconds

    tasks: dict[str, Task] = {
        "copy": device.copy(heatmaps, pafs),
        "staged": staged,
        "total": lambda: decode_fields(heatmaps, pafs, skeleton, stride=case.stride, settings=settings),
    }
    taken = interleave(tasks, repeats=repeats, seconds=seconds)
    timings = {"copy": Timing.of(taken.get(f"copy/{DEVICE}", taken["copy"]))}
    timings |= {stage: Timing.of(taken[f"staged/{stage}"]) for stage in STEPS}
    timings["total"] = Timing.of(taken["total"])
    people, candidates, pairs = staged_decode(heatmaps, pafs, skeleton, case.stride, settings, Stopwatch())
    peak = decode_memory(*arrays, skeleton, case.stride, settings) if memory and case.device == "cpu" else None
    return Measured(case, candidates, pairs, sum(map(len, people)), timings, memory=peak)


def staged_decode(
    heatmaps: Any, pafs: Any, skeleton: Skeleton, stride: float, settings: Settings, watch: Stopwatch
) -> tuple[list[People], int, int]:
    """`decode_fields` without its checks, a lap for each of the decoder's steps.

    Returns the people of each image and the numbers of candidates and pairs.
    """
    counts: dict[str, int] = {}

    def done(step: str, result: Any) -> None:
        watch.lap(step)
        counts[step] = len(result)

    people = decode_steps(heatmaps, pafs, skeleton, stride, settings, done)
    return people, counts["peaks"], counts["limbs"]
