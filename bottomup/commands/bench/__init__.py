"""`bottomup bench`: how fast and how good the decoder is."""

from __future__ import annotations

from bottomup.commands._options import LazyCommands, new_app


class _Commands(LazyCommands):
    package = "bottomup.commands.bench"
    names = (
        "kernels",
        "decode",
        "published",
        "end-to-end",
        "crowd",
        "crops",
        "track",
        "batch",
        "serve",
        "memory",
        "all",
    )


app = new_app(help="Measure how fast and how good the decoder is.", cls=_Commands)


@app.callback()
def _options() -> None:
    pass
