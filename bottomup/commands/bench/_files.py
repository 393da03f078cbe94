"""What the commands of `bottomup bench` have in common: the files they write, how long they measure, their errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bottomup.commands._options import INTERRUPTED, WRONG_USAGE, stop

if TYPE_CHECKING:
    from bottomup.benchmarks.sweeps import Row
    from bottomup.settings import Settings


@dataclass(frozen=True)
class Files:
    """What is written besides the table; `plots` is a folder for several of them."""

    csv: Path | None = None
    json: Path | None = None
    plot: Path | None = None
    plots: Path | None = None

    def check(self) -> None:
        """Fail before anything is measured if it could not be written. Makes missing folders."""
        from bottomup.benchmarks import plots, report

        for option, path in (("--csv", self.csv), ("--json", self.json)):
            if path is not None:
                report.check_file(option, path)
        if self.plot is not None:
            plots.check_plot(self.plot)
        if self.plots is not None:
            plots.require_matplotlib()
            if self.plots.exists() and not self.plots.is_dir():
                raise ValueError(f"--plots must be a folder but {str(self.plots)!r} is a file")

    def write(self, rows: Sequence[Row], *settings: Settings) -> None:
        """The tables; plots differ. `settings` are those that were measured with."""
        from bottomup.benchmarks import report

        if self.csv is not None:
            report.write_csv(self.csv, rows)
        if self.json is not None:
            used = [asdict(one) for one in settings]
            report.write_json(self.json, rows, settings=used[0] if len(used) == 1 else used)


@dataclass(frozen=True)
class TimingOptions:
    """How long is measured: rounds, seconds for each case, threads of the kernels."""

    repeats: int
    seconds: float
    threads: int = 1


@contextmanager
def failures() -> Iterator[None]:
    """Errors of the kind that a user can mend, told in a sentence."""
    try:
        yield
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        stop(str(error), WRONG_USAGE)
    except KeyboardInterrupt:
        stop("interrupted; what was being measured is lost", INTERRUPTED)
