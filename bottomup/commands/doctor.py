"""`bottomup doctor`: the report for a bug report."""

from __future__ import annotations

import typer

from bottomup.commands._options import FAILED, new_app

app = new_app()


@app.command()
def doctor() -> None:
    """Show versions, kernels, processor and GPU.

    That is what a bug report needs. Exit code 1 if something is broken.
    """
    from bottomup.commands import _console
    from bottomup.environment import findings

    everything = list(findings())
    _console.show_findings(everything)
    if not all(finding.ok for finding in everything):
        raise typer.Exit(FAILED)
