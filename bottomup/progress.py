"""A progress bar on the standard error stream, for what takes long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def progress_bar(name: str, total: int, shown: bool | None, *columns: Any) -> Iterator[Callable[[int], None]]:
    """Show how much of `total` is done; the context is a function that is told so.

    shown: None shows it if the standard error stream is a terminal.
    columns: rich's, in place of a count and the time that remains.
    """
    if shown is False:
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = columns or (MofNCompleteColumn(), TimeRemainingColumn())
    hidden = shown is None and not console.is_terminal
    with Progress(TextColumn("{task.description}"), BarColumn(), *columns, console=console, disable=hidden) as bar:
        task = bar.add_task(name, total=total)
        yield lambda done: bar.update(task, completed=done)
