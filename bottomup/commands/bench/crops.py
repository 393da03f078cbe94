"""`bottomup bench crops`: how right the people are that are read from crops."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import CsvOption, JsonOption, SeedOption

if TYPE_CHECKING:
    from bottomup.benchmarks.crops import Row
    from bottomup.datasets import Labels

app = new_app()

_COLUMNS = ("case", "method", "images", "people", "found", "AP")
_NOTE = (
    "\nJoint-candidate maps drawn from the labels of the most crowded pictures: own joints high, others' half as high. "
    "Redundant: two boxes for each person, jittered. Confused: of 30 % of the joints a crop shows others' higher."
)

_SEEN = (
    "\nThe most crowded photos, boxes of the labels. Jittered: each edge off by a tenth of the side; two: so many "
    "boxes for each person."
)


@app.command()
def crops(
    annotations: Annotated[
        Path, typer.Option(metavar="FILE", help="Labels of crowds, as CrowdPose's.", show_default=False)
    ],
    images: Annotated[int, typer.Option(metavar="N", help="The N most crowded pictures.")] = 120,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE",
            help="Show the pictures to this network for crops, in place of maps that are drawn.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="NAME", help="Only pictures of this part of the data.", show_default=False)
    ] = "",
    seed: SeedOption = 0,
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Measure AP of each way to read crops, with a box and with two boxes for each person; no network is needed."""
    from bottomup.benchmarks.crops import labels_of
    from bottomup.commands import _console

    with failures():
        files = Files(csv, json)
        files.check()
        labels = labels_of(annotations, split)
        rows = _drawn(labels, images, seed) if network is None else _seen(labels, network, images, seed)
        cells = [[*(str(row[name]) for name in _COLUMNS[:-1]), f"{row['ap']:.3f}"] for row in rows]
        _console.print_table(_COLUMNS, cells, footer=_NOTE if network is None else _SEEN, numbers=_COLUMNS[2:])
        files.write(rows)


def _drawn(labels: Labels, images: int, seed: int) -> list[Row]:
    from bottomup.benchmarks.crops import CASES, METHODS, sweep_crops
    from bottomup.commands import _console

    with _console.progress(len(CASES) * len(METHODS), "measuring") as advance:
        return sweep_crops(labels, images=images, seed=seed, done=advance)


def _seen(labels: Labels, network: str, images: int, seed: int) -> list[Row]:
    from bottomup.benchmarks.crop_network import BOXES, sweep_crop_network
    from bottomup.commands import _console
    from bottomup.networks.backends.factory import load_backend
    from bottomup.weights import resolve_model

    backend = load_backend(resolve_model(network))
    with _console.progress(len(BOXES) * min(images, len(labels)), "measuring") as advance:
        return sweep_crop_network(labels, backend, images=images, seed=seed, done=advance)
