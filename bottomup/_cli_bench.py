"""`bottomup bench`: how fast and how good the decoder is. Heavy imports wait inside the commands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bottomup import _cli_report
from bottomup._cli_common import INTERRUPTED, WRONG_USAGE, stop

if TYPE_CHECKING:
    from bottomup.benchmarks.cases import Case
    from bottomup.benchmarks.decode import Measured

app = typer.Typer(
    help="Measure how fast and how good the decoder is, on crowds made by code.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PeopleOption = Annotated[str, typer.Option(metavar="LIST", help="Numbers of people, with commas between.")]
SizeOption = Annotated[
    str | None,
    typer.Option(
        metavar="HxW", help="Cells of the fields; 184x328, above 200 people 270x480, unless given.", show_default=False
    ),
]
SkeletonOption = Annotated[str, typer.Option(metavar="NAME", help="A built-in skeleton.")]
NoiseOption = Annotated[str, typer.Option(metavar="LEVEL", help="clean, mild, hard or severe.")]
OverlapOption = Annotated[float, typer.Option(metavar="INDEX", help="Overlap, as CrowdPose's crowd index.")]
DtypeOption = Annotated[str, typer.Option(metavar="TYPE", help="float32 or float16.")]
SeedOption = Annotated[int, typer.Option(metavar="N", help="Of the crowds and their noise.")]
RepeatsOption = Annotated[int, typer.Option(metavar="N", help="Rounds to measure.")]
SecondsOption = Annotated[float, typer.Option(metavar="S", help="After so long a case begins no further round.")]
ThreadsOption = Annotated[int, typer.Option(metavar="N", help="CPU threads of the kernels.")]
CsvOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Write every figure as a table.")]
JsonOption = Annotated[Path | None, typer.Option(metavar="FILE", help="The same, with machine, versions and settings.")]
PlotOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Draw a plot (.png, .svg, .pdf).")]


@app.command()
def kernels(
    people: PeopleOption = "1,10,30,100,200,1000",
    size: SizeOption = None,
    skeleton: SkeletonOption = "openpose18",
    noise: NoiseOption = "mild",
    crowd_index: OverlapOption = 0.5,
    dtype: DtypeOption = "float32",
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    threads: ThreadsOption = 1,
    csv: CsvOption = None,
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Time find_peaks and score_limbs, each beside a copy of the fields that it reads."""
    with _failures():
        from bottomup.benchmarks.decode import measure_kernels
        from bottomup.settings import Settings

        _check_plot(plot)
        cases = _cases(people, size, skeleton=skeleton, noise=noise, crowd_index=crowd_index, dtype=dtype, seed=seed)
        settings = Settings(threads=threads)
        results = _measure(
            cases, lambda case: measure_kernels(case, settings=settings, repeats=repeats, seconds=seconds)
        )
        columns = ("people", "map", "candidates", "pairs", "copy", "peaks", "p95", "x copy", "limbs", "p95 ", "x copy ")
        _cli_report.print_table(columns, [_kernel_cells(m) for m in results], footer=_KERNELS_NOTE, numbers=columns)
        _write(results, csv, json, plot, "find_peaks and score_limbs", settings=settings)


@app.command()
def decode(
    people: PeopleOption = "1,10,30,100,200,1000",
    size: SizeOption = None,
    skeleton: SkeletonOption = "openpose18",
    noise: NoiseOption = "mild",
    crowd_index: OverlapOption = 0.5,
    dtype: DtypeOption = "float32",
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    threads: ThreadsOption = 1,
    memory: Annotated[bool, typer.Option(help="Measure peak memory too, in a process of its own.")] = True,
    csv: CsvOption = None,
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Time everything from fields to people, by stage, beside a copy of the fields."""
    with _failures():
        from bottomup.benchmarks.decode import measure_decode
        from bottomup.settings import Settings

        _check_plot(plot)
        cases = _cases(people, size, skeleton=skeleton, noise=noise, crowd_index=crowd_index, dtype=dtype, seed=seed)
        settings = Settings(threads=threads)
        how: dict[str, Any] = {"settings": settings, "repeats": repeats, "seconds": seconds, "memory": memory}
        results = _measure(cases, lambda case: measure_decode(case, **how))
        columns = ["people", "map", "found", "copy", "peaks", "limbs", "grouping", "results", "total", "p95", "x copy"]
        columns += ["MB", "process MB"] if memory else []
        _cli_report.print_table(columns, [_decode_cells(m) for m in results], footer=_DECODE_NOTE, numbers=columns)
        _write(results, csv, json, plot, "from fields to people", settings=settings)


_KERNELS_NOTE = (
    "\nMedian milliseconds on one image; x copy is the time over that of np.copyto of the maps which the kernel reads."
)
_DECODE_NOTE = (
    "\nMedian milliseconds of one image; x copy is total over np.copyto of all fields into a warm array, same rounds."
    "\nMB: what NumPy and Python held at the peak beyond the fields; process MB: growth of a fresh process's peak."
)


@contextmanager
def _failures() -> Iterator[None]:
    """Errors of the kind that a user can mend, told in a sentence."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        stop(str(error), WRONG_USAGE)
    except KeyboardInterrupt:
        stop("interrupted; nothing was written", INTERRUPTED)


def _cases(people: str, size: str | None, **options: Any) -> list[Case]:
    from bottomup.benchmarks.cases import make_cases
    from bottomup.benchmarks.noise import get_level
    from bottomup.skeletons import get_skeleton

    get_skeleton(options["skeleton"])
    get_level(options["noise"])
    return make_cases(whole_numbers("--people", people), size=_size(size), **options)


def whole_numbers(option: str, text: str) -> list[int]:
    """ "1,10" as [1, 10]; ValueError names the option."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be whole numbers with commas between them but is {text!r}") from None
    if min(numbers) < 0:
        raise ValueError(f"{option} must not be negative but has {min(numbers)}")
    return numbers


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"--size must be HEIGHTxWIDTH in cells, as 184x328, but is {text!r}")
    return int(sides[0]), int(sides[1])


def _check_plot(path: Path | None) -> None:
    if path is not None:
        from bottomup.benchmarks.plots import require_matplotlib

        require_matplotlib()


def _measure(cases: Sequence[Case], measure: Callable[[Case], Measured]) -> list[Measured]:
    results = []
    with _cli_report.progress(len(cases), "measuring") as advance:
        for case in cases:
            results.append(measure(case))
            advance()
    return results


def _kernel_cells(measured: Measured) -> list[str]:
    case, timings = measured.case, measured.timings
    cells = [str(case.people), f"{case.height}x{case.width}", str(measured.candidates), str(measured.pairs)]
    cells.append(f"{timings['copy'].median:.3f}")
    for stage in ("peaks", "limbs"):
        timing = timings[stage]
        cells += [f"{timing.median:.3f}", f"{timing.p95:.3f}", f"{measured.ratio(stage):.2f}"]
    return cells


def _decode_cells(measured: Measured) -> list[str]:
    case, timings = measured.case, measured.timings
    cells = [str(case.people), f"{case.height}x{case.width}", str(measured.found)]
    cells += [f"{timings[stage].median:.2f}" for stage in ("copy", "peaks", "limbs", "grouping", "people", "total")]
    cells += [f"{timings['total'].p95:.2f}", f"{measured.ratio():.1f}"]
    if measured.memory:
        cells += [f"{measured.memory.python_mb:.2f}", f"{measured.memory.process_mb:.1f}"]
    return cells


def _write(
    results: Sequence[Measured], csv: Path | None, json: Path | None, plot: Path | None, title: str, **about: Any
) -> None:
    from dataclasses import asdict

    from bottomup.benchmarks import plots, report

    rows = [row for measured in results for row in measured.rows()]
    if csv is not None:
        report.write_csv(csv, rows)
    if json is not None:
        report.write_json(json, rows, settings=asdict(about["settings"]))
    if plot is not None:
        plots.plot_times(results, plot, title)
