"""Plots of the measurements, through matplotlib (extra `eval`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bottomup.benchmarks import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bottomup.benchmarks.decode import Measured
    from bottomup.evaluation.reliability import Reliability


def require_matplotlib() -> None:
    """ImportError that names the extra if matplotlib is missing; to be asked before anything is measured."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError('plots need matplotlib: pip install "bottomup[eval]"') from error


def check_plot(path: Path) -> None:
    """ValueError if no plot can be written there; to be asked before anything is measured."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kinds = sorted(FigureCanvasAgg.get_supported_filetypes())
    if path.suffix[1:].lower() not in kinds:
        raise ValueError(f"--plot must end in one of {', '.join('.' + kind for kind in kinds)} but is {str(path)!r}")
    report.check_file("--plot", path)


def plot_times(results: Sequence[Measured], path: str | Path, title: str) -> None:
    """Time against the number of people, both logarithmic: the stages' medians, total with its p95, and the copy."""
    order = sorted(results, key=lambda measured: measured.case.people)
    people = [measured.case.people for measured in order]
    with _axes(path, title, "people", "milliseconds") as axes:
        axes.set_xscale("log")
        axes.set_yscale("log")
        for stage in order[0].timings if order else ():
            median = [measured.timings[stage].median for measured in order]
            style = {"copy": "k:", "total": "k-"}.get(stage, "--")
            label = "results" if stage == "people" else stage
            axes.plot(people, median, style, marker="o", markersize=3, label=label)
            if stage == "total":
                p95 = [measured.timings[stage].p95 for measured in order]
                axes.fill_between(people, median, p95, color="k", alpha=0.15, label="total, to p95")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))


def plot_lines(
    rows: Sequence[Mapping[str, Any]], path: str | Path, *, x: str, y: str, line: str, title: str = "",
    log: bool = False,
) -> None:  # fmt: skip
    """Column `y` against column `x`, a line for each value of column `line`; rows without a value are left out.

    `log` makes both axes logarithmic.
    """
    with _axes(path, title, _words(x), _words(y)) as axes:
        for value in dict.fromkeys(row[line] for row in rows):
            chosen = [row for row in rows if row[line] == value and row[y] is not None]
            axes.plot([row[x] for row in chosen], [row[y] for row in chosen], "o-", markersize=3, label=str(value))
        if log:
            axes.set_xscale("log")
            axes.set_yscale("log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter("{x:,g}")
        else:
            axes.set_ylim(bottom=0)
        axes.legend()


def plot_bars(rows: Sequence[Mapping[str, Any]], path: str | Path, *, x: str, y: str, line: str) -> None:
    """Column `y` in a group of bars for each value of `x`, one bar for each value of `line`."""
    groups, kinds = list(dict.fromkeys(row[x] for row in rows)), list(dict.fromkeys(row[line] for row in rows))
    with _axes(path, "", x, _words(y)) as axes:
        for number, kind in enumerate(kinds):
            chosen = [row for row in rows if row[line] == kind and row[y] is not None]
            places = [groups.index(row[x]) + number / (len(kinds) + 1) for row in chosen]
            axes.bar(places, [row[y] for row in chosen], 1 / (len(kinds) + 1), label=str(kind))
        axes.set_xticks([place + (len(kinds) - 1) / (len(kinds) + 1) / 2 for place in range(len(groups))], groups)
        axes.legend()


def plot_reliability(found: Reliability, path: str | Path, title: str = "") -> None:
    """Share of right people, and of right joints, against their score; dots as large as there are many."""
    with _axes(path, title, "score", "share that is right (OKS of at least 0.5)") as axes:
        axes.plot([0, 1], [0, 1], "k:", linewidth=1, label="a score that says what is right")
        for name, judged in (("people", found.people), ("joints", found.joints)):
            bins = judged.bins()
            if not bins:
                continue
            scores, shares, counts = zip(*bins, strict=True)
            (line,) = axes.plot(scores, shares, "-", label=f"{name}, {sum(counts)}")
            sizes = [12 + 160 * count / max(counts) for count in counts]
            axes.scatter(scores, shares, s=sizes, color=line.get_color(), alpha=0.6)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        axes.legend(loc="upper left")


def _words(column: str) -> str:
    return {"ap": "AP", "total_ms": "milliseconds"}.get(column, column.replace("_", " "))


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
