"""`bottomup bench track`: how well people keep their ids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bottomup.commands._options import new_app
from bottomup.commands.bench._files import Files, failures
from bottomup.commands.bench._options import (
    CsvOption,
    JsonOption,
    PeopleOption,
    SeedOption,
    SkeletonOption,
    read_size,
    whole_numbers,
)

app = new_app()


@app.command()
def track(
    people: PeopleOption = "10,30,100",
    noise: Annotated[str, typer.Option(metavar="LIST", help="Of clean, mild, hard and severe.")] = "clean,mild,hard",
    methods: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="own; greedy: OKS without flow, best pairs first; bytetrack: on boxes (pip install trackers); "
            "perfect: the ceiling of a perfect tracker.",
        ),
    ] = "own,greedy,perfect",
    frames: Annotated[int, typer.Option(metavar="N", help="Of each video made by code.")] = 100,
    size: Annotated[str, typer.Option(metavar="HxW", help="Pixels of the videos made by code.")] = "720x1280",
    rate: Annotated[float, typer.Option(metavar="N", help="Frames a second.")] = 25.0,
    skeleton: SkeletonOption = "coco17",
    seed: SeedOption = 0,
    annotations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Take the people of an annotation file with track ids instead.", show_default=False
        ),
    ] = None,
    long_side: Annotated[int, typer.Option(metavar="PIXELS", help="With --annotations: of the videos.")] = 640,
    stride: Annotated[int, typer.Option(metavar="PIXELS", help="Of the drawn fields.")] = 4,
    csv: CsvOption = None,
    json: JsonOption = None,
) -> None:
    """Measure MOTA, IDF1, HOTA, switched ids and the time of tracking, against noise and people.

    Fields are drawn of people whose ids are known, spoilt, decoded, and tracked without pictures. Without
    --annotations they walk about in crowds made by code, which need no data.
    """
    with failures():
        from bottomup.benchmarks.sequences import file_sequences, procedural_sequence
        from bottomup.benchmarks.tracking import sweep_tracking
        from bottomup.commands import _console

        files, noises, ways = Files(csv, json), noise.split(","), methods.split(",")
        files.check()
        if frames < 2:
            raise ValueError(f"--frames must be at least 2 but is {frames}")
        if annotations is not None:
            from bottomup.datasets import read_labels

            groups = [file_sequences(read_labels(annotations), long_side=long_side, rate=rate)]
        else:
            from bottomup.skeletons import get_skeleton

            height, width = read_size(size)
            groups = [
                [
                    procedural_sequence(
                        count, get_skeleton(skeleton), height=height, width=width, frames=frames, rate=rate, seed=seed
                    )
                ]
                for count in whole_numbers("--people", people)
            ]
        with _console.progress(sum(map(len, groups)) * len(noises), "tracking") as advance:
            rows = [
                row
                for videos in groups
                for row in sweep_tracking(videos, noises, ways, rate=rate, stride=stride, seed=seed, done=advance)
            ]
        columns = {
            "people": "people_per_frame", "noise": "noise", "method": "method", "MOTA": "mota", "IDF1": "idf1",
            "HOTA": "hota", "switches": "switches", "per 1,000": "switches_per_1000", "missed": "missed",
            "invented": "invented", "ms": "median_ms", "p95 ms": "p95_ms",
        }  # fmt: skip
        cells = [[_cell(name, row[key]) for name, key in columns.items()] for row in rows]
        _console.print_table(list(columns), cells, numbers=set(columns) - {"noise", "method"})
        files.write(rows)


def _cell(name: str, value: object) -> str:
    if isinstance(value, str | int):
        return str(value)
    assert isinstance(value, float)
    return f"{100 * value:.1f}" if name in ("MOTA", "IDF1", "HOTA") else f"{value:.2f}"
