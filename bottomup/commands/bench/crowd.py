"""`bottomup bench crowd`: how right the people are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import new_app, read_numbers
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import (
    CsvOption,
    JsonOption,
    ModelOption,
    PeopleOption,
    SeedOption,
    SkeletonOption,
    ThreadsOption,
    read_size,
    whole_numbers,
)

app = new_app()


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
            metavar="LIST",
            help="Ways to group: sweep, single, limb, greedy, exact, with --fields tags also tags, the published "
            "match_by_tag. Only the first is built for speed. [default: sweep; for tags sweep,tags]",
            show_default=False,
        ),
    ] = "",
    fields: Annotated[
        str, typer.Option(metavar="KIND", help="What is drawn beside heatmaps: pafs or tags (associative embeddings).")
    ] = "pafs",
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
    from bottomup.commands.bench import _crowd as work
    from bottomup.settings import Settings

    with failures():
        if fields not in ("pafs", "tags"):
            raise ValueError(f"--fields must be pafs or tags but is {fields!r}")
        assignment = assignment or ("sweep,tags" if fields == "tags" else "sweep")
        files, noises = Files(csv, json, plots=plots), noise.split(",")
        ways = [Settings(assignment=way, threads=threads) for way in assignment.split(",")]
        if photos is not None and fields != "pafs":
            raise ValueError("--fields must be pafs for --photos, whose fields the network tells")
        if annotations is not None and photos is not None:
            work.run_photos(annotations, photos, model, limit, ways, files)
        elif photos is not None:
            raise ValueError("--photos must come with the --annotations that say who is in them")
        elif annotations is not None:
            work.run_file(annotations, noises, limit, long_side, stride, seed, ways, files, fields)
        else:
            from bottomup.benchmarks.cases import Case

            base = Case(0, *read_size(size), skeleton=skeleton, seed=seed)
            indices = read_numbers("--crowd-index", crowd_index)
            work.run_crowds(base, whole_numbers("--people", people), indices, noises, images, ways, files, fields)
