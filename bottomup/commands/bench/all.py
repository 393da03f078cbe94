"""`bottomup bench all`: all that needs no data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import TimingOptions, failures
from bottomup.commands.bench._options import RepeatsOption, SecondsOption, SeedOption

app = new_app()


@app.command()
def everything(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for tables and plots.")],
    seed: SeedOption = 0,
    repeats: RepeatsOption = 100,
    seconds: SecondsOption = 60.0,
    images: Annotated[int, typer.Option(metavar="N", help="Crowds for each figure of accuracy.")] = 20,
) -> None:
    """Measure times, memory and accuracy on crowds made by code: tables, CSV, JSON and plots. Needs no data."""
    from bottomup.commands.bench._all import run_all

    with failures():
        run_all(out, seed, TimingOptions(repeats, seconds), images)
