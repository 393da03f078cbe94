"""`bottomup bench batch`: many pictures."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import FAILED, new_app
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import CsvOption, JsonOption, ModelOption

app = new_app()


@app.command()
def batch(
    photos: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Photos to look at; none, unless given.", show_default=False),
    ] = None,
    pictures: Annotated[int, typer.Option(metavar="N", min=1, help="How many of the photos.")] = 200,
    ray: Annotated[bool, typer.Option("--ray", help="With Ray too: one machine, and a cluster of two.")] = False,
    small: Annotated[
        int,
        typer.Option(metavar="N", min=0, help="Small pictures that are made and read without a network; 0 for none."),
    ] = 10_000,
    model: ModelOption = "default",
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Measure `bottomup batch` over photos beside a Detector in a loop, and a job that has no network.

    Every row of the jobs is compared with what the Detector finds. Exit code 1: some differ.
    """
    from dataclasses import asdict

    from bottomup.benchmarks import jobs
    from bottomup.commands import _console

    with failures():
        files = Files(csv, json)
        files.check()
        rows: list[dict[str, object]] = []
        different = 0
        if photos is not None:
            with tempfile.TemporaryDirectory() as name:
                source = Path(name)
                loop, expected = jobs.in_a_loop(jobs.choose_pictures(photos, pictures, source), model)
                figures = [loop]
                for workers in (1, 2):
                    way = f"batch --workers {workers}"
                    figures.append(jobs.as_a_job(way, source, expected, "--workers", str(workers), "--model", model))
                if ray:
                    figures.append(jobs.as_a_job("batch --ray", source, expected, "--ray", "--model", model))
                    with jobs.two_machines() as address:
                        way = "batch --ray ADDRESS, two nodes"
                        figures.append(jobs.as_a_job(way, source, expected, "--ray", address, "--model", model))
            different = sum(one.different for one in figures)
            rows += [{**asdict(one), "rate": one.rate, "gain": one.rate / loop.rate} for one in figures]
            cells = [
                [one.name, f"{one.rate:.1f}", f"{one.rate / loop.rate:.2f}", str(one.failed), str(one.different)]
                for one in figures
            ]
            columns = ["what", "pictures/s", "x loop", "failed", "different"]
            _console.print_table(columns, cells, numbers=set(columns[1:]))
        if small:
            alone = jobs.without_network(small)
            rows.append({"name": "without network", **asdict(alone), "rate": alone.rate})
            _console.show(
                f"{alone.pictures} small pictures without a network: {alone.rate:.0f} a second, {alone.rows} rows; "
                f"{alone.settled_mb:.0f} MB after a tenth of them, {alone.peak_mb:.0f} MB at the peak"
            )
        files.write(rows)
    if different:
        raise typer.Exit(FAILED)
