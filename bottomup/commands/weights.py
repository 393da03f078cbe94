"""`bottomup weights`: the networks that have a name."""

from __future__ import annotations

from typing import Annotated

import typer

from bottomup.commands._options import FAILED, INTERRUPTED, WRONG_USAGE, new_app, stop

app = new_app(help="List and download networks.")


@app.command("list")
def weights_list() -> None:
    """Show the networks that have a name, and where their weights are."""
    from bottomup.commands import _console
    from bottomup.weights import find_weights, list_weights

    rows = []
    for network in list_weights():
        path = find_weights(network.name)
        size = f"{network.size / 1e6:.1f} MB" if network.files else ""
        where = str(path) if path else "to download" if network.files else "missing"
        rows.append((network.name, size, network.licence, network.description, where))
    _console.print_table(("network", "size", "licence", "what it is", "where"), rows)


@app.command("get")
def weights_get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name of `bottomup weights list`.", show_default=False)],
) -> None:
    """Download a network and print where it is.

    One that is on this computer already is not downloaded again.
    """
    from bottomup.commands import _console
    from bottomup.weights import get_weights

    try:
        path = get_weights(name)
    except ValueError as error:
        stop(str(error), WRONG_USAGE)
    except OSError as error:
        stop(str(error), FAILED)
    except KeyboardInterrupt:
        stop("interrupted; the next try goes on from there", INTERRUPTED)
    _console.show(str(path))
