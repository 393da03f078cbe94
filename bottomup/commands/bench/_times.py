"""What `bottomup bench` does about times: measure, print a table, write files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bottomup.benchmarks import plots
from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.decode import measure_decode, measure_kernels
from bottomup.benchmarks.end_to_end import measure_end_to_end
from bottomup.commands import _console
from bottomup.commands.bench import _tables as tables
from bottomup.commands.bench._files import Files, TimingOptions
from bottomup.settings import Settings

Result = TypeVar("Result")


def run_kernels(cases: Sequence[Case], how: TimingOptions, files: Files) -> None:
    """`bottomup bench kernels`."""
    files.check()
    settings = Settings(threads=how.threads)
    results = _measure(
        cases, lambda case: measure_kernels(case, settings=settings, repeats=how.repeats, seconds=how.seconds)
    )
    tables.print_kernels(results)
    files.write([row for measured in results for row in measured.rows()], settings)
    if files.plot is not None:
        plots.plot_times(results, files.plot, "find_peaks and score_limbs")


def run_decode(cases: Sequence[Case], how: TimingOptions, files: Files, *, memory: bool = True) -> None:
    """`bottomup bench decode`."""
    files.check()
    settings = Settings(threads=how.threads)
    timing: dict[str, Any] = {"repeats": how.repeats, "seconds": how.seconds, "memory": memory}
    results = _measure(cases, lambda case: measure_decode(case, settings=settings, **timing))
    tables.print_decode(results)
    files.write([row for measured in results for row in measured.rows()], settings)
    if files.plot is not None:
        plots.plot_times(results, files.plot, "from fields to people")


def run_published(cases: Sequence[Case], how: TimingOptions, files: Files) -> None:
    """`bottomup bench published`."""
    from bottomup.benchmarks import top_down
    from bottomup.benchmarks.baselines import find_decoders
    from bottomup.benchmarks.comparison import MOST_PEOPLE, compare, time_network

    decoders, missing = find_decoders()
    rcnn = None
    try:
        rcnn = top_down.KeypointRcnn()
    except ImportError as error:
        missing.append(str(error))
    if not decoders and rcnn is None:
        raise ImportError("\n".join(["no published decoder is installed to compare with", *missing]))
    files.check()
    settings = Settings(threads=how.threads)
    timing: dict[str, Any] = {"repeats": how.repeats, "seconds": how.seconds}
    network = time_network() if files.plot is not None else None
    results = _measure(
        cases,
        lambda case: compare(case, decoders if case.people <= MOST_PEOPLE else {}, settings=settings, **timing),
    )
    few = [case for case in cases if case.people <= MOST_PEOPLE] if rcnn is not None else []
    persons = _measure(few, lambda case: rcnn.time(case.people, seconds=how.seconds)) if rcnn is not None else []
    compared = [one for case in results for one in case]
    tables.print_published(compared, list(zip(few, persons, strict=True)), missing)
    rows = [{**one.row(), "total_ms": network and network.median + one.first.median} for one in compared]
    picture_ms = float(np.median([time.picture.median for time in persons])) if persons else 0.0
    rows += [time.row(case, picture_ms) for case, time in zip(few, persons, strict=True)]
    files.write(rows, settings)
    if files.plot is not None:
        plots.plot_lines(
            rows, files.plot, x="people", y="total_ms", line="decoder", log=True,
            title="a picture with its people, network included",
        )  # fmt: skip


def run_end_to_end(
    model: str,
    photo: Path | None,
    cases: Sequence[Case],
    pairs: int,
    threads: int,
    files: Files,
    *,
    matching: bool = False,
) -> None:
    """`bottomup bench end-to-end`; the cases are of few people and of many.

    The network sees a small picture or, `matching`, one whose own fields would be as large as those of many people.
    """
    from bottomup.detector import Detector
    from bottomup.image import read_image

    files.check()
    few, many = cases
    height, width = (many.height * many.stride, many.width * many.stride) if matching else (480, 640)
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    image = noise if photo is None else read_image(photo)
    settings = Settings(threads=threads, input_height=height if matching else None)
    detector = Detector(model, device="cpu", settings=settings)
    result = measure_end_to_end(lambda: detector.fields(image), few, many, settings=settings, pairs=pairs)
    rows = []
    for case, whole, part in ((few, result.few, result.decode_few), (many, result.many, result.decode_many)):
        rows.append({**asdict(case), "total_ms": whole.median, "total_p95_ms": whole.p95})
        rows[-1] |= {"decode_ms": part.median, "decode_p95_ms": part.p95, "pairs": whole.runs, "model": model}
        rows[-1] |= {"difference_ms": result.difference, "difference_share": result.share}
        rows[-1] |= {"difference_low": result.spread[0], "difference_high": result.spread[1]}
        rows[-1] |= {"picture_height": image.shape[0], "picture_width": image.shape[1]}
    columns = ("people", "network + decode", "p95", "decode", "p95 ")
    numbers = ("total_ms", "total_p95_ms", "decode_ms", "decode_p95_ms")
    cells = [[str(row["people"]), *(f"{row[name]:.2f}" for name in numbers)] for row in rows]
    _console.print_table(columns, cells, numbers=columns)
    difference, share = abs(result.difference), f"{100 * abs(result.share):.1f} % of the median total"
    way = "more" if result.difference >= 0 else "less"
    _console.show(f"{many.people} people take {difference:.2f} ms {way} than {few.people}, {share}")
    quartiles = "{:.2f} to {:.2f}".format(*result.spread)
    _console.show(f"The median of {pairs} pairs' differences, of which the middle half are {quartiles} ms.")
    files.write(rows, settings)


def _measure(cases: Sequence[Case], measure: Callable[[Case], Result]) -> list[Result]:
    results = []
    with _console.progress(len(cases), "measuring") as advance:
        for case in cases:
            results.append(measure(case))
            advance()
    return results
