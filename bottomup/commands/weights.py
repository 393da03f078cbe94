"""`bottomup weights`: the networks that have a name, and files of published ones."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bottomup.commands._options import FAILED, INTERRUPTED, WRONG_USAGE, new_app, stop

if TYPE_CHECKING:
    from bottomup.weights.registry import Network

app = new_app(help="List, download and convert networks.")

_COLUMNS = ("network", "family", "joints", "stride", "MB", "AP", "licence", "what it is", "where")
_NOTE = (
    "\nAP: on COCO unless another set is named, as published; * measured by bottomup on photos of val2017. "
    "NON-COMMERCIAL: the licence forbids commercial use, and is asked for once."
)


@app.command("list")
def weights_list() -> None:
    """Show the networks that have a name, and where their weights are."""
    from bottomup.commands import _console
    from bottomup.weights import find_weights, list_weights

    rows = []
    for network in list_weights():
        path = find_weights(network.name)
        fetched = all(file.url for file in network.files)
        absent = ("to download" if fetched else f"by hand from {network.page}") if network.files else "missing"
        rows.append(
            (
                network.name,
                network.family,
                str(network.joints),
                str(network.stride),
                f"{network.size / 1e6:.1f}" if network.size else "",
                _average_precision(network),
                network.licence if network.commercial else f"NON-COMMERCIAL: {network.licence}",
                network.description,
                str(path) if path else absent,
            )
        )
    _console.print_table(_COLUMNS, rows, footer=_NOTE, numbers=_COLUMNS[2:6])


def _average_precision(network: Network) -> str:
    """As the table shows it; empty where it is not known."""
    if not network.ap:
        return ""
    measured = "*" if network.measured else ""
    return f"{network.ap:.3f}{measured}" + ("" if network.ap_of == "COCO" else f" ({network.ap_of})")


@app.command("get")
def weights_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `bottomup weights list`.", show_default=False)],
    accept: Annotated[
        bool, typer.Option("--accept-licence", help="Accept a licence that forbids commercial use.")
    ] = False,
) -> None:
    """Download a network and print where it is.

    One that is on this computer already is not downloaded again.
    """
    from bottomup.commands import _console
    from bottomup.weights import accept_licence, find_weights, get_weights
    from bottomup.weights.registry import get_network

    try:
        network = get_network(name)
        if not network.commercial and find_weights(name) is None:
            question = f"{name} is not for commercial use ({network.licence}). Accept?"
            if accept or (sys.stdin.isatty() and typer.confirm(question, err=True)):
                accept_licence(network)
        path = get_weights(name)
    except ValueError as error:
        stop(str(error), WRONG_USAGE)
    except OSError as error:
        stop(str(error), FAILED)
    except KeyboardInterrupt:
        stop("interrupted; the next try goes on from there", INTERRUPTED)
    _console.show(str(path))


@app.command("convert")
def weights_convert(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A published network's checkpoint: .pth, .pth.tar, .pt, .caffemodel."),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The safe file to write: .safetensors.")],
) -> None:
    """Write a published network's checkpoint as a safe file, which holds numbers and what they mean, no code."""
    from bottomup.commands import _console

    try:
        from bottomup.networks.published.converted import convert

        family = convert(file, out)
    except (ValueError, ImportError, FileNotFoundError) as error:
        stop(str(error), WRONG_USAGE)
    except OSError as error:
        stop(str(error), FAILED)
    _console.show(f"{out}: {family}")
