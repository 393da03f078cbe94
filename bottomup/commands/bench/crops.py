"""`bottomup bench crops`: how right the people are that are read from crops."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import CsvOption, JsonOption, SeedOption

app = new_app()

_COLUMNS = ("case", "method", "images", "people", "found", "AP")
_NOTE = (
    "\nJoint-candidate maps drawn from the labels of the most crowded pictures: own joints high, others' half as high. "
    "Redundant: two boxes for each person, jittered. Confused: of 30 % of the joints a crop shows others' higher."
)


@app.command()
def crops(
    annotations: Annotated[
        Path, typer.Option(metavar="FILE", help="Labels of crowds, as CrowdPose's.", show_default=False)
    ],
    images: Annotated[int, typer.Option(metavar="N", help="The N most crowded pictures.")] = 120,
    seed: SeedOption = 0,
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Measure AP of each way to read crops, with a box and with two boxes for each person; no network is needed."""
    from bottomup.benchmarks.crops import CASES, METHODS, labels_of, sweep_crops
    from bottomup.commands import _console

    with failures():
        files = Files(csv, json)
        files.check()
        labels = labels_of(annotations)
        with _console.progress(len(CASES) * len(METHODS), "measuring") as advance:
            rows = sweep_crops(labels, images=images, seed=seed, done=advance)
        cells = [[*(str(row[name]) for name in _COLUMNS[:-1]), f"{row['ap']:.3f}"] for row in rows]
        _console.print_table(_COLUMNS, cells, footer=_NOTE, numbers=_COLUMNS[2:])
        files.write(rows)
