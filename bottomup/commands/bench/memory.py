"""`bottomup bench memory`: what finding people takes, and whether it grows."""

from __future__ import annotations

from typing import Annotated

import typer

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import CsvOption, JsonOption, ModelOption

app = new_app()


@app.command()
def memory(
    model: ModelOption = "default",
    calls: Annotated[int, typer.Option(metavar="N", help="Calls over which growth is measured; 0 for none.")] = 1000,
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Measure the memory that a detector takes for small and for large pictures, and over many calls.

    Each case runs in a process of its own. Megabytes of resident memory: of the process with its libraries and the
    network, of the pixels that the caller holds, and what the first and the next call add at their peak.
    """
    from dataclasses import asdict

    from bottomup.benchmarks.detect_memory import CASES, detect_memory, memory_growth
    from bottomup.commands import _console

    with failures():
        files = Files(csv, json)
        files.check()
        if calls and calls < 10:
            raise ValueError(f"--calls must be 0 or at least 10 but is {calls}")
        rows = []
        with _console.progress(len(CASES) + bool(calls), "measuring") as advance:
            for case in CASES:
                rows.append({"case": case, **asdict(detect_memory(case, model=model))})
                advance()
            growth = memory_growth(calls, model=model) if calls else None
            advance()
        columns = {"picture": "case", "loaded": "loaded_mb", "pixels": "picture_mb", "first call": "first_mb",
                   "next call": "again_mb"}  # fmt: skip
        cells = [[_cell(row[key]) for key in columns.values()] for row in rows]
        _console.print_table(list(columns), cells, numbers=set(columns) - {"picture"}, footer="\nMegabytes.")
        if growth is not None:
            grown = growth.end_mb - growth.settled_mb
            _console.show(
                f"{growth.calls} calls on a small picture: {growth.settled_mb:.1f} MB after a tenth of them, "
                f"{growth.end_mb:.1f} MB at the end ({grown:+.1f} MB)"
            )
            rows.append({"case": f"{growth.calls} calls", **asdict(growth)})
        files.write(rows)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
