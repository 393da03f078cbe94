"""The command line: its entry point, which finds the commands in `bottomup.commands`."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from bottomup.commands._options import LazyCommands, new_app


class _Commands(LazyCommands):
    package = "bottomup.commands"
    names = ("detect", "video", "batch", "serve", "eval", "train", "export", "weights", "bench", "doctor")


app = new_app(help="Find people and their joints in photos.", cls=_Commands)


def main() -> None:
    """The console script. SIGTERM, which job schedulers send, ends it as Ctrl-C does: what is done is kept."""
    from bottomup.commands._console import prepare_streams

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    prepare_streams()
    app(prog_name="bottomup")


def _show_version(wanted: bool) -> None:
    if wanted:
        from bottomup.environment import installed_version

        print(f"bottomup {installed_version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
