"""`bottomup bench end-to-end`: network and decode of one photo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import (
    CsvOption,
    JsonOption,
    ModelOption,
    NoiseOption,
    PeopleOption,
    SeedOption,
    SizeOption,
    ThreadsOption,
    read_cases,
)

app = new_app()


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
    from bottomup.commands.bench import _times as work

    with failures():
        cases = read_cases(people, size, noise=noise, seed=seed)
        if len(cases) != 2:
            raise ValueError(f"--people must be two numbers, few and many, but is {people!r}")
        if matching and photo is not None:
            raise ValueError("--matching must come without a --photo: it makes a picture of noise")
        work.run_end_to_end(model, photo, cases, pairs, threads, Files(csv, json), matching=matching)
