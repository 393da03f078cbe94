"""What the commands of `bottomup bench` do: measure, print a table, write files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bottomup import _cli_bench_tables as tables
from bottomup import _cli_report
from bottomup._cli_common import INTERRUPTED, WRONG_USAGE, stop
from bottomup.benchmarks import plots, report
from bottomup.benchmarks.cases import LARGE_SIZE, Case, make_cases
from bottomup.benchmarks.decode import measure_decode, measure_kernels
from bottomup.benchmarks.end_to_end import measure_end_to_end
from bottomup.benchmarks.sweeps import Row, sweep_crowds, sweep_file, sweep_photos
from bottomup.settings import Settings

Result = TypeVar("Result")


@dataclass(frozen=True)
class Files:
    """What is written besides the table; `plot` is a file, or a folder where there are several plots."""

    csv: Path | None = None
    json: Path | None = None
    plot: Path | None = None

    def check(self) -> None:
        """Fail before anything is measured if it could not be written. Makes missing folders."""
        for option, path in (("--csv", self.csv), ("--json", self.json)):
            if path is not None:
                report.check_file(option, path)
        if self.plot is not None:
            plots.require_matplotlib()

    def write(self, rows: Sequence[Row], settings: Settings) -> None:
        """The tables; plots differ."""
        if self.csv is not None:
            report.write_csv(self.csv, rows)
        if self.json is not None:
            report.write_json(self.json, rows, settings=asdict(settings))


@dataclass(frozen=True)
class How:
    """Rounds, seconds for each case, threads of the kernels."""

    repeats: int
    seconds: float
    threads: int = 1


@contextmanager
def failures() -> Iterator[None]:
    """Errors of the kind that a user can mend, told in a sentence."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        stop(str(error), WRONG_USAGE)
    except KeyboardInterrupt:
        stop("interrupted; what was being measured is lost", INTERRUPTED)


def run_kernels(cases: Sequence[Case], how: How, files: Files) -> None:
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


def run_decode(cases: Sequence[Case], how: How, files: Files, *, memory: bool = True) -> None:
    """`bottomup bench decode`."""
    files.check()
    settings = Settings(threads=how.threads)
    timing: dict[str, Any] = {"repeats": how.repeats, "seconds": how.seconds, "memory": memory}
    results = _measure(cases, lambda case: measure_decode(case, settings=settings, **timing))
    tables.print_decode(results)
    files.write([row for measured in results for row in measured.rows()], settings)
    if files.plot is not None:
        plots.plot_times(results, files.plot, "from fields to people")


def run_published(cases: Sequence[Case], how: How, files: Files) -> None:
    """`bottomup bench published`."""
    from bottomup.benchmarks.comparison import compare
    from bottomup.benchmarks.published import find_decoders

    decoders, missing = find_decoders()
    files.check()
    settings = Settings(threads=how.threads)
    timing: dict[str, Any] = {"repeats": how.repeats, "seconds": how.seconds}
    results = _measure(cases, lambda case: compare(case, decoders, settings=settings, **timing))
    compared = [one for case in results for one in case]
    tables.print_published(compared, missing)
    files.write([one.row() for one in compared], settings)


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
        rows[-1] |= {"picture_height": image.shape[0], "picture_width": image.shape[1]}
    columns = ("people", "network + decode", "p95", "decode", "p95 ")
    numbers = ("total_ms", "total_p95_ms", "decode_ms", "decode_p95_ms")
    cells = [[str(row["people"]), *(f"{row[name]:.2f}" for name in numbers)] for row in rows]
    _cli_report.print_table(columns, cells, numbers=columns)
    share = f"{100 * result.share:.1f} % of the median total"
    print(f"{many.people} people take {result.difference:.2f} ms more than {few.people}, {share} ({pairs} pairs)")
    files.write(rows, settings)


def run_crowds(
    base: Case,
    people: Sequence[int],
    crowd_indices: Sequence[float],
    noises: Sequence[str],
    images: int,
    threads: int,
    files: Files,
) -> None:
    """`bottomup bench crowd` on procedural crowds."""
    files.check()
    settings = Settings(threads=threads)
    total = len(people) * len(crowd_indices) * len(noises)
    with _cli_report.progress(total, "measuring") as advance:
        rows = sweep_crowds(
            base, people=people, crowd_indices=crowd_indices, noises=noises, images=images,
            settings=settings, done=advance,
        )  # fmt: skip
    tables.print_accuracy(rows, {"people": "people_per_image", "crowd index": "crowd_index", "noise": "noise"})
    files.write(rows, settings)
    if files.plot is not None:
        for row in rows:
            row["lines"] = row["noise"] if len(people) == 1 else f"{row['noise']}, {row['people_per_image']} people"
        if len(crowd_indices) > 1:
            _plot_accuracy(
                rows, files.plot, lambda y, path: plots.plot_lines(rows, path, x="crowd_index", y=y, line="lines")
            )
        if len(people) > 1:
            times = [row for row in rows if row["crowd_index_wanted"] == crowd_indices[0]]
            plots.plot_lines(
                times, files.plot / "crowd_times.png", x="people_per_image", y="total_ms", line="noise",
                title=f"median decode, crowd index {crowd_indices[0]:g}",
            )  # fmt: skip


def run_file(
    annotations: Path, noises: Sequence[str], limit: int | None, long_side: int, stride: int, seed: int, threads: int,
    files: Files,
) -> None:  # fmt: skip
    """`bottomup bench crowd --annotations`."""
    from bottomup.benchmarks.noise import get_level

    files.check()
    for noise in noises:
        get_level(noise)
    settings = Settings(threads=threads)
    labels = _labels(annotations, limit)
    rows = sweep_file(labels, noises=noises, long_side=long_side, stride=stride, seed=seed, settings=settings)
    _finish_groups(rows, settings, files)


def run_photos(annotations: Path, folder: Path, model: str, limit: int | None, threads: int, files: Files) -> None:
    """`bottomup bench crowd --annotations --photos`."""
    from bottomup.detector import Detector

    files.check()
    detector = Detector(model, settings=Settings(threads=threads))
    labels = _labels(annotations, limit)
    labels = labels.without(detector.skeleton.lacks(labels.skeleton))
    with _cli_report.progress(len(labels.images), "detecting") as advance:
        rows = sweep_photos(labels, folder, detector, done=advance)
    _finish_groups(rows, detector.settings, files)


def run_all(out: Path, seed: int, how: How, images: int) -> None:
    """`bottomup bench all`: the figures of the README, in the order in which it has them."""

    def files(name: str, plot: str | None = None) -> Files:
        return Files(out / f"{name}.csv", out / f"{name}.json", None if plot is None else out / plot)

    if out.exists() and not out.is_dir():
        raise ValueError(f"--out must be a folder but {str(out)!r} is a file")
    files("decode_clean", "decode.png").check()
    for noise in ("clean", "mild"):
        print(f"\nfrom fields to people, {noise}")
        run_decode(make_cases(noise=noise, seed=seed), how, files(f"decode_{noise}", f"decode_{noise}.png"))
        print(f"\nkernels, {noise}")
        run_kernels(make_cases(noise=noise, seed=seed), how, files(f"kernels_{noise}", f"kernels_{noise}.png"))
    print("\nnetwork and decode")
    few_and_many = make_cases((1, 200), seed=seed)
    run_end_to_end("default", None, few_and_many, 60, 1, files("end_to_end"))
    run_end_to_end("default", None, few_and_many, 60, 1, files("end_to_end_matching"), matching=True)
    noises, base = ("clean", "mild", "hard", "severe"), Case(0, 92, 164, seed=seed)
    print("\naccuracy against overlap")
    run_crowds(base, (20,), (0.1, 0.3, 0.5, 0.7, 0.9), noises, images, 1, files("crowd", "crowd"))
    print("\naccuracy and time against people")
    base = Case(0, *LARGE_SIZE, seed=seed)
    run_crowds(base, (1, 10, 30, 100), (0.5,), noises[:2], images, 1, files("people", "people"))


def _labels(annotations: Path, limit: int | None) -> Any:
    from bottomup.evaluation.labels import read_labels

    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1 but is {limit}")
    labels = read_labels(annotations)
    return labels if limit is None else labels.select(list(labels.images)[:limit])


def _finish_groups(rows: Sequence[Row], settings: Settings, files: Files) -> None:
    tables.print_accuracy(rows, {"noise": "noise", "group": "group", "crowd index": "crowd_index"})
    files.write(rows, settings)
    if files.plot is not None:
        _plot_accuracy(rows, files.plot, lambda y, path: plots.plot_bars(rows, path, x="group", y=y, line="noise"))


def _plot_accuracy(rows: Sequence[Row], folder: Path, draw: Callable[[str, Path], None]) -> None:
    for name in ("ap", "swapped_joints", "mixed_limbs", "missed", "invented"):
        if any(row[name] is not None for row in rows):
            draw(name, folder / f"crowd_{name}.png")


def _measure(cases: Sequence[Case], measure: Callable[[Case], Result]) -> list[Result]:
    results = []
    with _cli_report.progress(len(cases), "measuring") as advance:
        for case in cases:
            results.append(measure(case))
            advance()
    return results
