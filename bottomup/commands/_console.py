"""What the commands show: tables for people at a terminal, tab-separated lines for programs behind a pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from bottomup._files import printable

if TYPE_CHECKING:
    from bottomup.environment import Finding
    from bottomup.jobs.runner import Outcome
    from bottomup.jobs.sources import Source

_ROWS = 20  # the summary lists every picture up to this many; beyond, only those that failed


def prepare_streams() -> None:
    """What the encoding of stdout or stderr cannot show, as names in other scripts, is escaped and costs no table."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def show(*lines: str) -> None:
    """Lines on stdout. Where that is closed or full, a sentence on stderr and exit code 1."""
    try:
        for line in lines:
            print(line)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        _stdout_failed(error)


def _stdout_failed(error: OSError) -> None:
    with suppress(OSError, ValueError):  # what is left in its buffer must not fail again when Python ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    show_error(f"the output could not be shown to its end: {error}")
    raise typer.Exit(1) from error


def _on_stderr(text: str, **options: Any) -> None:
    """A text with markup on stderr; if that is closed nothing can be told."""
    with suppress(OSError):
        Console(stderr=True, highlight=False, soft_wrap=True).print(text, **options)


@contextmanager
def progress(total: int | None, what: str = "detecting") -> Iterator[Callable[[], None]]:
    """A bar on stderr for more than one piece of work; yields what to call after each. Silent unless at a terminal.

    `total` is None where it cannot be known before.
    """
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=total in (0, 1) or not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    footer: str = "",
    numbers: Collection[str] = ("people", "best score"),
) -> None:
    """A table at a terminal; behind a pipe a line of column names and a line for each row, with tabs between, and what
    is to be said of them on stderr.

    Columns named in `numbers` are aligned to the right.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        show(*("\t".join(printable(" ".join(cell.split())) for cell in row) for row in [columns, *rows]))
        if footer:
            _on_stderr(footer)
        return
    table = Table(show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in numbers else "left")
    for row in rows:
        table.add_row(*(escape(printable(cell)) for cell in row))
    if rows:
        _on_stdout(table)
    if footer:
        _on_stdout(footer)


def _on_stdout(content: Any) -> None:
    """A table, or a text with markup, on stdout; as `show`."""
    try:
        Console(highlight=False, soft_wrap=isinstance(content, str)).print(content)
    except OSError as error:
        _stdout_failed(error)


def note(sentence: str) -> None:
    """Something worth knowing, on stderr."""
    _on_stderr(escape(printable(sentence)))


def show_error(message: str) -> None:
    """An error message on stderr."""
    _on_stderr(f"[bold red]Error:[/] {escape(printable(message))}")


def summarise(outcomes: Sequence[Outcome[Source]], out: Path | None, seconds: float, network: str) -> None:
    """The end of `detect`: what was found where by which network, and what failed."""
    failed = [outcome for outcome in outcomes if outcome.error]
    notable = [outcome for outcome in outcomes if outcome.error or outcome.warning]
    is_terminal = Console().is_terminal
    shown = notable if is_terminal and len(outcomes) > _ROWS else outcomes
    rows = [_cells(outcome) for outcome in shown]
    people = sum(outcome.num_people for outcome in outcomes)
    counts = [_count(len(outcomes) - len(failed), "picture"), _count(people, "person", "people")]
    if failed:
        counts.append(f"[bold red]{len(failed)} failed[/]")
    if outcomes:
        counts.append(f"{1000 * seconds / len(outcomes):.0f} ms each")
    where = f"in {escape(printable(str(out)))}" if out is not None else "not saved (use --out)"
    footer = f"\n{', '.join(counts)}; results {where}\nnetwork: {escape(printable(network))}"
    columns = ["picture", "people", "best score", "error"]
    if any(outcome.warning for outcome in outcomes):
        columns.append("warning")
        rows = [[*row, one.warning or ""] for row, one in zip(rows, shown, strict=True)]
    if out is not None and any(outcome.source.stem != Path(outcome.source.name).stem for outcome in outcomes):
        columns.append("saved as")
        rows = [[*row, "" if one.error else printable(one.source.stem)] for row, one in zip(rows, shown, strict=True)]
    if is_terminal and not failed:
        columns, rows = columns[:3] + columns[4:], [row[:3] + row[4:] for row in rows]
    print_table(columns, rows, footer=footer)


def _cells(outcome: Outcome[Source]) -> list[str]:
    from bottomup.jobs.rows import explain

    name = printable(outcome.source.name)  # before line breaks in it become spaces
    if outcome.error:
        return [name, "", "", explain(outcome.error)]
    score = f"{outcome.best_score:.3f}" if outcome.num_people else ""
    return [name, str(outcome.num_people), score, ""]


def show_findings(findings: Sequence[Finding]) -> None:
    """The report of `doctor`."""
    width = max(len(finding.name) for finding in findings) + 1
    group, lines = "", []
    for finding in findings:
        if finding.group != group:
            group = finding.group
            lines.append(f"[bold]{group}[/]")
        value = escape(printable(finding.value))
        lines.append(f"  {finding.name + ':':<{width}} {value if finding.ok else f'[bold red]{value}[/]'}")
    _on_stdout("\n".join(lines))


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
