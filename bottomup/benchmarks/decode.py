"""How long the kernels and the whole decode take, by stage.

Each figure stands beside the time of `np.copyto` of the same fields into a warm array, measured in the same rounds:
the least that anything which reads all fields could take, and what makes figures of two machines comparable.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.devices import DEVICE, Gpu, open_device
from bottomup.benchmarks.memory import Memory, decode_memory
from bottomup.benchmarks.timing import Stopwatch, Task, Timing, copy_task, interleave
from bottomup.decoder import STEPS, decode_fields, decode_steps, find_candidates, find_pairs
from bottomup.kernels import find_peaks_and_limbs
from bottomup.kernels.field import as_field
from bottomup.kernels.fused import GpuTimings
from bottomup.people import People
from bottomup.settings import Settings, default_settings
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

    `settings` give the thresholds and the threads; `repeats` and `seconds` are those of `interleave`.

    On a GPU both run in one call, and the stages are those between events on its stream: "detect", "sort_peaks",
    "score", "sort_pairs", "to_host" and "total", their sum. "wall" is the call from outside. The copies, from one
    place in the GPU's memory to another, are timed by events too; that of the heatmaps is the floor of "detect".
    """
    settings = default_settings() if settings is None else settings
    device = open_device(case.device)
    if isinstance(device, Gpu):
        return _measure_gpu(case, device, settings, repeats, seconds)
    skeleton = get_skeleton(case.skeleton)
    heatmaps, pafs = case.arrays()
    candidates = find_candidates(heatmaps, settings)
    pairs = find_pairs(pafs, candidates, skeleton, settings)
    tasks: dict[str, Task] = {
        "copy": copy_task(heatmaps, pafs),
        "copy heatmaps": copy_task(heatmaps),
        "copy pafs": copy_task(pafs),
        "peaks": lambda: find_candidates(heatmaps, settings),
        "limbs": lambda: find_pairs(pafs, candidates, skeleton, settings),
    }
    taken = interleave(tasks, repeats=repeats, seconds=seconds)
    timings = {name: Timing.of(taken[name]) for name in ("copy", "peaks", "limbs")}
    timings["total"] = Timing.of(taken["peaks"] + taken["limbs"])
    floors = {"peaks": Timing.of(taken["copy heatmaps"]), "limbs": Timing.of(taken["copy pafs"])}
    return Measured(case, len(candidates), len(pairs), None, timings, floors)


def _measure_gpu(case: Case, device: Gpu, settings: Settings, repeats: int, seconds: float) -> Measured:
    skeleton = get_skeleton(case.skeleton)
    heatmaps, pafs = map(device.upload, case.arrays())

    def call() -> tuple[GpuTimings, int, int]:
        stages = GpuTimings()
        candidates, pairs = find_peaks_and_limbs(
            heatmaps,
            pafs,
            skeleton,
            peak_threshold=settings.peak_threshold,
            limb_threshold=settings.limb_threshold,
            peaks=settings.peaks,
            limbs=settings.limbs,
            timings=stages,
        )
        return stages, len(candidates), len(pairs)

    def kernels() -> dict[str, float]:
        stages, _, _ = call()
        return {stage: milliseconds / 1000 for stage, milliseconds in asdict(stages).items() if stage != "runs"}

    tasks: dict[str, Task] = {
        "copy": device.copy(heatmaps, pafs),
        "copy heatmaps": device.copy(heatmaps),
        "kernels": kernels,
    }
    taken = interleave(tasks, repeats=repeats, seconds=seconds)
    timings = {"copy": Timing.of(taken[f"copy/{DEVICE}"])}
    for name, spent in taken.items():
        task, _, stage = name.partition("/")
        if task == "kernels":
            timings[{"": "wall", "copy": "to_host"}.get(stage, stage)] = Timing.of(spent)
    floors = {"detect": Timing.of(taken[f"copy heatmaps/{DEVICE}"])}
    _, candidates, pairs = call()
    return Measured(case, candidates, pairs, None, timings, floors)


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
    settings = default_settings() if settings is None else settings
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

    fields = as_field("heatmaps", heatmaps), as_field("pafs", pafs)
    people = decode_steps(*fields, skeleton, stride, settings, done)
    return people, counts["peaks"], counts["limbs"]
