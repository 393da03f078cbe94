"""Folders and shards of small pictures whose brightness is the number of people in them, and jobs over them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import bottomup

ROOT = Path(bottomup.__file__).parents[1]

# `bottomup` with a stand-in for the detector that takes its time, and files of a few rows.
_PROGRAM = """
import sys, time
import bottomup.detector, bottomup.jobs.parquet
from tests.makers.detectors import BrightnessDetector
class Slow(BrightnessDetector):
    def look(self, image):
        time.sleep({pause})
        return super().look(image)
bottomup.detector.Detector = Slow
bottomup.jobs.parquet._ROWS_PER_FILE = {rows}
from bottomup.cli import main
sys.argv[0] = "bottomup"
main()
"""


def encoded(people: int, size: tuple[int, int] = (30, 40), kind: str = ".png") -> bytes:
    """A picture file in which the stand-in sees so many people."""
    content: bytes = cv2.imencode(kind, np.full((*size, 3), people, np.uint8))[1].tobytes()
    return content


def write_pictures(folder: Path, counts: Sequence[int]) -> list[Path]:
    """Pictures 0.png, 1.png and so on with so many people."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number}.png" for number in range(len(counts))]
    for path, count in zip(paths, counts, strict=True):
        path.write_bytes(encoded(count))
    return paths


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    """A WebDataset shard."""
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_parquet(path: Path, contents: Sequence[bytes], column: str = "image", *, struct: bool = False) -> Path:
    """A shard with a column of encoded pictures, as bytes or as Hugging Face's struct."""
    values = [{"bytes": content, "path": None} for content in contents] if struct else list(contents)
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())]) if struct else pa.binary()
    pq.write_table(pa.table({"label": list(range(len(values))), column: pa.array(values, kind)}), path)
    return path


def start_slowly(*arguments: str, pause: float = 0.02, rows: int = 5, output: str = "") -> subprocess.Popen[str]:
    """`bottomup ARGUMENTS` in a process of its own, with the stand-in.

    Its stdout is a pipe, or with `output` "full" a device that takes nothing, with "closed" a pipe that no one reads.
    """
    command = [sys.executable, "-c", _PROGRAM.format(pause=pause, rows=rows), *arguments]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    out: int = subprocess.PIPE
    if output == "full":
        out = os.open("/dev/full", os.O_WRONLY)
    elif output == "closed":
        reader, out = os.pipe()
        os.close(reader)
    process = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.PIPE, text=True)
    if output:
        os.close(out)
    return process
