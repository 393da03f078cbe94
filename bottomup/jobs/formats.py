"""The formats that results can be written in: one file for all pictures, or one for each."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bottomup._files import replacing, write_atomically
from bottomup.jobs import coco
from bottomup.jobs.rows import joint_table, plain_text
from bottomup.jobs.sources import Source
from bottomup.people import People
from bottomup.skeleton import Skeleton

LogRow = Mapping[str, Any]
"""A row of `bottomup.jobs.rows` that also has the picture's `image_id` and `name`."""


@dataclass(frozen=True)
class Rows:
    """All rows of a run, as often as they are asked for, and what their joints are."""

    read: Callable[[], Iterator[LogRow]]
    skeleton: Skeleton
    network: Mapping[str, Any]

    def numbered(self) -> Iterator[coco.NumberedRow]:
        """With the ids and names that COCO's files want."""
        return ((row["image_id"], row["name"], row) for row in self.read())


def _write_coco(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8") as file:
        coco.write_results(file, rows.numbered())


def _write_dataset(path: Path, rows: Rows) -> None:
    from bottomup._version import __version__  # slow to import

    info = {"description": "people found by bottomup", "version": __version__, "network": dict(rows.network)}
    with path.open("w", encoding="utf-8") as file:
        coco.write_dataset(file, rows.numbered(), rows.numbered(), rows.skeleton, info)


def _write_csv(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(joint_table(rows.read(), rows.skeleton.joints))


def _write_jsonl(path: Path, rows: Rows) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows.read())


def _write_parquet(path: Path, rows: Rows) -> None:
    from bottomup.jobs.parquet import write_file

    write_file(path, rows.read(), rows.skeleton, rows.network)


TOGETHER: dict[str, tuple[str, Callable[[Path, Rows], None]]] = {
    "coco": ("results.json", _write_coco),
    "coco-dataset": ("annotations.json", _write_dataset),
    "csv": ("results.csv", _write_csv),
    "jsonl": ("results.jsonl", _write_jsonl),
    "parquet": ("results.parquet", _write_parquet),
}
"""Formats of one file for all pictures: its name, and what writes it."""

EACH = ("openpose", "yolo")
"""Formats of one file for each picture."""

FORMATS = (*TOGETHER, *EACH)


def read_formats(text: str) -> tuple[str, ...]:
    """ "coco,csv" as ("coco", "csv"), "none" as (); ValueError lists the formats there are.

    Raises ImportError that names the extra if Parquet is wanted and pyarrow is not installed.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if names == ("none",):
        return ()
    for name in names:
        if name not in FORMATS:
            known = ", ".join(FORMATS)
            raise ValueError(f"--format must be of {known}, with commas between them, or none, but has {name!r}")
    if "parquet" in names:
        from bottomup.jobs.parquet import require_pyarrow

        require_pyarrow()
    return names


def write_openpose(folder: Path, source: Source, people: People) -> None:
    """OpenPose's JSON of one picture, `STEM_keypoints.json`."""
    write_atomically(folder / f"{source.stem}_keypoints.json", json.dumps(people.to_openpose()))


def write_yolo(folder: Path, source: Source, shape: tuple[int, ...], people: People) -> None:
    """Ultralytics' lines of one picture, `labels/STEM.txt`: class, box (centre and size), x y score of each joint.

    Everything but the scores is in picture widths and heights. A missing joint is 0 0 0. As in the text files that
    Ultralytics itself writes, the third number is the joint's score; its training takes any that is not 0 as visible.
    """
    height, width = shape[:2]
    lines = []
    for points, scores, box in zip(people.keypoints, people.keypoint_scores, people.boxes, strict=True):
        x1, y1, x2, y2 = np.nan_to_num((box + 0.5) / (width, height, width, height)).clip(0, 1)
        seen = scores > 0
        joints = np.where(seen[:, None], (points + 0.5) / (width, height), 0).clip(0, 1)
        triples = np.column_stack([joints, scores]).reshape(-1)
        numbers = [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, *triples]
        lines.append(" ".join(["0", *(f"{value:.6f}" for value in numbers)]) + "\n")
    write_atomically(folder / "labels" / f"{source.stem}.txt", "".join(lines))


def begin_yolo(folder: Path, skeleton: Skeleton) -> None:
    """The folder of the labels, and `data.yaml` that says what the joints are."""
    (folder / "labels").mkdir(exist_ok=True)
    mirrored = list(range(skeleton.num_joints))
    for a, b in skeleton.flip or ():
        mirrored[a], mirrored[b] = b, a
    lines = [
        "path: .", "train: images", "val: images", f"kpt_shape: [{skeleton.num_joints}, 3]", f"flip_idx: {mirrored}",
        "names:", "  0: person", "kpt_names:", f"  0: [{', '.join(skeleton.joints)}]",
    ]  # fmt: skip
    write_atomically(folder / "data.yaml", "\n".join(lines) + "\n")


def write_together(folder: Path, formats: Iterable[str], rows: Rows) -> None:
    """Every file that holds all pictures; each is either as it was or complete."""
    for name in formats:
        if name in TOGETHER:
            file, write = TOGETHER[name]
            with replacing(folder / file) as temporary:
                write(temporary, rows)


def log_row(row: Mapping[str, Any], source: Source) -> dict[str, Any]:
    """A row with what COCO's files want to know."""
    return {**row, "image_id": source.image_id, "name": plain_text(source.name)}
