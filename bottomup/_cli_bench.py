"""`bottomup bench`: how fast and how good the decoder is. Heavy imports wait inside the commands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bottomup._cli_common import read_numbers

if TYPE_CHECKING:
    from bottomup.benchmarks.cases import Case

app = typer.Typer(
    help="Measure how fast and how good the decoder is.",
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
BatchOption = Annotated[str, typer.Option(metavar="LIST", help="Numbers of images in one call.")]
DeviceOption = Annotated[str, typer.Option(metavar="NAME", help="Where the fields lie: cpu, cuda or cuda:N.")]
SeedOption = Annotated[int, typer.Option(metavar="N", help="Of the crowds and their noise.")]
RepeatsOption = Annotated[int, typer.Option(metavar="N", help="Rounds to measure.")]
SecondsOption = Annotated[float, typer.Option(metavar="S", help="After so long a case begins no further round.")]
ThreadsOption = Annotated[int, typer.Option(metavar="N", help="CPU threads of the kernels.")]
ModelOption = Annotated[str, typer.Option(metavar="NAME|FILE", help="The network, as in `bottomup detect`.")]
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
    batch: BatchOption = "1",
    device: DeviceOption = "cpu",
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    threads: ThreadsOption = 1,
    csv: CsvOption = None,
    json: JsonOption = None,
    plot: PlotOption = None,
) -> None:
    """Time find_peaks and score_limbs, each beside a copy of the fields that it reads."""
    from bottomup import _cli_bench_work as work

    with work.failures():
        cases = _cases(
            people, size, batch, skeleton=skeleton, noise=noise, crowd_index=crowd_index,
            dtype=dtype, device=device, seed=seed,
        )  # fmt: skip
        how = work.How(repeats, seconds, threads)
        work.run_kernels(cases, how, work.Files(csv, json, plot))


@app.command()
def decode(
    people: PeopleOption = "1,10,30,100,200,1000",
    size: SizeOption = None,
    skeleton: SkeletonOption = "openpose18",
    noise: NoiseOption = "mild",
    crowd_index: OverlapOption = 0.5,
    dtype: DtypeOption = "float32",
    batch: BatchOption = "1",
    device: DeviceOption = "cpu",
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
    from bottomup import _cli_bench_work as work

    with work.failures():
        cases = _cases(
            people, size, batch, skeleton=skeleton, noise=noise, crowd_index=crowd_index,
            dtype=dtype, device=device, seed=seed,
        )  # fmt: skip
        how = work.How(repeats, seconds, threads)
        work.run_decode(cases, how, work.Files(csv, json, plot), memory=memory)


@app.command()
def published(
    people: PeopleOption = "1,30,100,200",
    size: SizeOption = None,
    noise: NoiseOption = "mild",
    crowd_index: OverlapOption = 0.5,
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Time the decode beside those of trt_pose and tf-pose, where they are installed, and compare who was found."""
    from bottomup import _cli_bench_work as work

    with work.failures():
        cases = _cases(people, size, noise=noise, crowd_index=crowd_index, seed=seed)
        work.run_published(cases, work.How(repeats, seconds), work.Files(csv, json))


@app.command()
def end_to_end(
    model: ModelOption = "default",
    photo: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A photo; without one, 640 x 480 pixels of noise.")
    ] = None,
    people: PeopleOption = "1,200",
    size: SizeOption = None,
    matching: Annotated[
        bool, typer.Option("--matching", help="Show the network as many pixels as the fields have cells times stride.")
    ] = False,
    noise: NoiseOption = "mild",
    pairs: Annotated[int, typer.Option(metavar="N", help="Interleaved pairs to measure.")] = 60,
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Time one photo through a network plus the decode of few people, against the same with many."""
    from bottomup import _cli_bench_work as work

    with work.failures():
        cases = _cases(people, size, noise=noise, seed=seed)
        if len(cases) != 2:
            raise ValueError(f"--people must be two numbers, few and many, but is {people!r}")
        if matching and photo is not None:
            raise ValueError("--matching must come without a --photo: it makes a picture of noise")
        work.run_end_to_end(model, photo, cases, pairs, threads, work.Files(csv, json), matching=matching)


@app.command()
def crowd(
    people: PeopleOption = "20",
    crowd_index: Annotated[
        str, typer.Option(metavar="LIST", help="Overlaps, as crowd indices.")
    ] = "0.1,0.3,0.5,0.7,0.9",
    noise: Annotated[
        str, typer.Option(metavar="LIST", help="Of clean, mild, hard and severe.")
    ] = "clean,mild,hard,severe",
    images: Annotated[int, typer.Option(metavar="N", help="Crowds for each figure.")] = 20,
    size: Annotated[str, typer.Option(metavar="HxW", help="Cells of the fields.")] = "92x164",
    skeleton: SkeletonOption = "openpose18",
    seed: SeedOption = 0,
    threads: ThreadsOption = 1,
    assignment: Annotated[
        str,
        typer.Option(
            metavar="LIST", help="Ways to group: sweep, single, limb, greedy, exact. Only the first is built for speed."
        ),
    ] = "sweep",
    annotations: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Take the people of a COCO or CrowdPose file instead.", show_default=False),
    ] = None,
    photos: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --annotations: send these photos through --model.", show_default=False),
    ] = None,
    model: ModelOption = "default",
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="With --annotations: only the first N by id.", show_default=False)
    ] = None,
    long_side: Annotated[int, typer.Option(metavar="PIXELS", help="With --annotations: of the drawn pictures.")] = 640,
    stride: Annotated[int, typer.Option(metavar="PIXELS", help="With --annotations: of the drawn fields.")] = 4,
    csv: CsvOption = None,
    json: JsonOption = None,
    plots: Annotated[Path | None, typer.Option(metavar="DIR", help="Draw plots into this folder.")] = None,
) -> None:
    """Measure AP, swapped joints, missed and invented people, and times, against overlap, noise and people.

    Without --annotations on procedural crowds, which need no data.
    """
    from bottomup import _cli_bench_crowd as work
    from bottomup._cli_bench_work import Files, failures
    from bottomup.settings import Settings

    with failures():
        files, noises = Files(csv, json, plots=plots), noise.split(",")
        ways = [Settings(assignment=way, threads=threads) for way in assignment.split(",")]
        if annotations is not None and photos is not None:
            work.run_photos(annotations, photos, model, limit, ways, files)
        elif photos is not None:
            raise ValueError("--photos must come with the --annotations that say who is in them")
        elif annotations is not None:
            work.run_file(annotations, noises, limit, long_side, stride, seed, ways, files)
        else:
            from bottomup.benchmarks.cases import Case

            base = Case(0, *read_size(size), skeleton=skeleton, seed=seed)
            indices = read_numbers("--crowd-index", crowd_index)
            work.run_crowds(base, whole_numbers("--people", people), indices, noises, images, ways, files)


@app.command("all")
def everything(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for tables and plots.")],
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    images: Annotated[int, typer.Option(metavar="N", help="Crowds for each figure of accuracy.")] = 20,
) -> None:
    """Measure times, memory and accuracy on crowds made by code: tables, CSV, JSON and plots. Needs no data."""
    from bottomup._cli_bench_all import run_all
    from bottomup._cli_bench_work import How, failures

    with failures():
        run_all(out, seed, How(repeats, seconds), images)


def _cases(people: str, size: str | None, batch: str = "1", **options: Any) -> list[Case]:
    from bottomup.benchmarks.cases import make_cases

    counts, sides = whole_numbers("--people", people), None if size is None else read_size(size)
    batches = whole_numbers("--batch", batch)
    return [case for images in batches for case in make_cases(counts, size=sides, batch=images, **options)]


def whole_numbers(option: str, text: str) -> list[int]:
    """ "1,10" as [1, 10]; ValueError names the option."""
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} must be whole numbers with commas between them but is {text!r}") from None
    if min(numbers) < 0:
        raise ValueError(f"{option} must not be negative but has {min(numbers)}")
    return numbers


def read_size(text: str) -> tuple[int, int]:
    """ "184x328" as (184, 328); ValueError says what a size is."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.isdecimal() and int(side) > 0 for side in sides):
        raise ValueError(f"--size must be HEIGHTxWIDTH in cells, as 184x328, but is {text!r}")
    return int(sides[0]), int(sides[1])
