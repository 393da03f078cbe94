"""The options that the commands of `bottomup bench` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bottomup.benchmarks.cases import Case

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


def read_cases(people: str, size: str | None, batch: str = "1", **options: Any) -> list[Case]:
    """The cases that the options name; ValueError names a wrong one."""
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
