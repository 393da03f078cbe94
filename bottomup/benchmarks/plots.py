"""Plots of the measurements, through matplotlib (extra `eval`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bottomup.benchmarks.decode import Measured


def require_matplotlib() -> None:
    """ImportError that names the extra if matplotlib is missing; to be asked before anything is measured."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "bottomup[eval]"') from error


def plot_times(results: Sequence[Measured], path: str | Path, title: str) -> None:
    """Time against the number of people, both logarithmic: the stages' medians, total with its p95, and the copy."""
    order = sorted(results, key=lambda measured: measured.case.people)
    people = [measured.case.people for measured in order]
    with _axes(path, title, "people", "milliseconds") as axes:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for stage in order[0].timings if order else ():
            median = [measured.timings[stage].median for measured in order]
            style = {"copy": "k:", "total": "C3-"}.get(stage, "--")
            axes.plot(people, median, style, marker="o", markersize=3, label=stage)
            if stage == "total":
                p95 = [measured.timings[stage].p95 for measured in order]
                axes.fill_between(people, median, p95, color="C3", alpha=0.15, label="total, to p95")
        axes.legend()


def plot_lines(
    rows: Sequence[Mapping[str, Any]], path: str | Path, *, x: str, y: str, line: str, percent: bool = False
) -> None:
    """One line for each value of `line`, of column `y` against column `x`; rows without a value are left out."""
    with _axes(path, "", x.replace("_", " "), y.replace("_", " ") + (" [%]" if percent else "")) as axes:
        for value in dict.fromkeys(row[line] for row in rows):
            chosen = [row for row in rows if row[line] == value and row.get(y) is not None]
            values = np.array([row[y] for row in chosen], float) * (100 if percent else 1)
            axes.plot([row[x] for row in chosen], values, "o-", markersize=3, label=str(value))
        axes.set_ylim(bottom=0)
        axes.legend(title=line.replace("_", " "))


@contextmanager
def _axes(path: str | Path, title: str, x: str, y: str) -> Iterator[Any]:
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.3)
    yield axes
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
