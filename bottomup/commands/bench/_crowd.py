"""What `bottomup bench crowd` does: measure how right the people are, print a table, write files and plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bottomup.benchmarks import plots
from bottomup.benchmarks.cases import Case
from bottomup.benchmarks.sweeps import Row, sweep_crowds, sweep_file, sweep_photos
from bottomup.commands import _console
from bottomup.commands.bench import _tables as tables
from bottomup.commands.bench._files import Files
from bottomup.settings import Settings


def run_crowds(
    base: Case,
    people: Sequence[int],
    crowd_indices: Sequence[float],
    noises: Sequence[str],
    images: int,
    ways: Sequence[Settings],
    files: Files,
    fields: str = "pafs",
) -> None:
    """`bottomup bench crowd` on procedural crowds; `ways` differ in their assignment."""
    files.check()
    total = len(people) * len(crowd_indices) * len(noises) * len(ways)
    with _console.progress(total, "measuring") as advance:
        rows = _each_way(
            ways,
            lambda settings: sweep_crowds(
                base, people=people, crowd_indices=crowd_indices, noises=noises, images=images,
                settings=settings, fields=fields, done=advance,
            ),
        )  # fmt: skip
    _print(rows, ways, {"people": "people_per_image", "crowd index": "crowd_index", "noise": "noise"})
    files.write(rows, *ways)
    if files.plots is None:
        return
    x = "crowd_index" if len(crowd_indices) > 1 else "people_per_image" if len(people) > 1 else "noise"
    draw: Callable[..., None] = plots.plot_bars if x == "noise" else plots.plot_lines
    if x == "noise":
        lines = [{**row, "lines": row["assignment"]} for row in rows]
    else:
        lines = _lines(rows, ways, people=len(people) > 1 and x != "people_per_image")
    _plot_accuracy(rows, files.plots, lambda y, path: draw(lines, path, x=x, y=y, line="lines"))
    if len(people) > 1:
        times = [row for row in _lines(rows, ways) if row["crowd_index_wanted"] == crowd_indices[0]]
        plots.plot_lines(
            times, files.plots / "crowd_times.png", x="people_per_image", y="total_ms", line="lines",
            title=f"median decode, crowd index {crowd_indices[0]:g}",
        )  # fmt: skip


def run_file(
    annotations: Path, noises: Sequence[str], limit: int | None, long_side: int, stride: int, seed: int,
    ways: Sequence[Settings], files: Files, fields: str = "pafs",
) -> None:  # fmt: skip
    """`bottomup bench crowd --annotations`."""
    from bottomup.benchmarks.noise import get_level

    files.check()
    for noise in noises:
        get_level(noise)
    labels = _labels(annotations, limit)
    drawn: Row = {"noises": noises, "long_side": long_side, "stride": stride, "seed": seed, "fields": fields}
    _finish_groups(_each_way(ways, lambda settings: sweep_file(labels, **drawn, settings=settings)), ways, files)


def run_photos(
    annotations: Path, folder: Path, model: str, limit: int | None, ways: Sequence[Settings], files: Files
) -> None:
    """`bottomup bench crowd --annotations --photos`."""
    from bottomup.detector import Detector

    files.check()
    detectors = [Detector(model, settings=settings) for settings in ways]
    labels = _labels(annotations, limit)
    labels = labels.without(detectors[0].skeleton.lacks(labels.skeleton))
    with _console.progress(len(labels.photos) * len(ways), "detecting") as advance:
        rows = [
            {"assignment": detector.settings.assignment, **row}
            for detector in detectors
            for row in sweep_photos(labels, folder, detector, done=advance)
        ]
    _finish_groups(rows, [detector.settings for detector in detectors], files)


def _each_way(ways: Sequence[Settings], sweep: Callable[[Settings], Sequence[Row]]) -> list[Row]:
    return [{"assignment": settings.assignment, **row} for settings in ways for row in sweep(settings)]


def _print(rows: Sequence[Row], ways: Sequence[Settings], keys: dict[str, str]) -> None:
    tables.print_accuracy(rows, ({"assignment": "assignment"} if len(ways) > 1 else {}) | keys)


def _lines(rows: Sequence[Row], ways: Sequence[Settings], *, people: bool = False) -> list[Row]:
    """Rows with the name of the line in a plot that each is of: its noise, way and people."""

    def name(row: Row) -> str:
        way = f", {row['assignment']}" if len(ways) > 1 else ""
        return f"{row['noise']}{way}" + (f", {row['people_per_image']} people" if people else "")

    return [{**row, "lines": name(row)} for row in rows]


def _labels(annotations: Path, limit: int | None) -> Any:
    from bottomup.datasets import read_labels

    if limit is not None and limit < 1:
        raise ValueError(f"--limit must be at least 1 but is {limit}")
    labels = read_labels(annotations)
    return labels if limit is None else labels.select(list(labels.photos)[:limit])


def _finish_groups(rows: Sequence[Row], ways: Sequence[Settings], files: Files) -> None:
    _print(rows, ways, {"noise": "noise", "group": "group", "crowd index": "crowd_index"})
    files.write(rows, *ways)
    if files.plots is not None:
        bars = _lines(rows, ways)
        _plot_accuracy(rows, files.plots, lambda y, path: plots.plot_bars(bars, path, x="group", y=y, line="lines"))


def _plot_accuracy(rows: Sequence[Row], folder: Path, draw: Callable[[str, Path], None]) -> None:
    for name in ("ap", "swapped_joints", "mixed_limbs", "missed", "invented"):
        if any(row[name] is not None for row in rows):
            draw(name, folder / f"crowd_{name}.png")
