"""Jobs over many pictures: `bottomup batch` beside a Detector in a loop, and what a job takes without its network.

Each job runs in a process of its own, as its users run it, and its rows are compared with what the loop found.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.benchmarks.memory import peak_size, resident_size, source_root
from bottomup.benchmarks.service import same_people
from bottomup.image import PICTURE_SUFFIXES, to_bgr

_MB = 1e6
_SHARED = 64  # pictures of which the generated ones are copies; each is a file of its own all the same
_SETTLED = 0.1  # share of the pictures after which memory should not grow any more


@dataclass(frozen=True)
class JobFigures:
    """What one way of looking at pictures took.

    name: the way. seconds: from the first picture to the last row, without loading the network, except with Ray, whose
    actors load it in that time. different: pictures whose people are not those of the loop. failed: that have none.
    """

    name: str
    pictures: int
    seconds: float
    different: int = 0
    failed: int = 0

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.pictures / self.seconds


@dataclass(frozen=True)
class WithoutNetwork:
    """A job over so many generated pictures whose network sees nothing: listing, reading, batching, decode and writing.

    Megabytes (10^6 bytes) of resident memory, after a tenth of the pictures, and at the peak.
    """

    pictures: int
    seconds: float
    settled_mb: float
    peak_mb: float
    rows: int

    @property
    def rate(self) -> float:
        """Pictures per second."""
        return self.pictures / self.seconds


def choose_pictures(folder: Path, count: int, into: Path) -> list[Path]:
    """Links in `into` to the first pictures of a folder, by name. ValueError if there are none."""
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PICTURE_SUFFIXES][:count]
    if not paths:
        raise ValueError(f"{str(folder)!r} must be a folder of pictures but has none")
    for path in paths:
        (into / path.name).symlink_to(path.resolve())
    return [into / path.name for path in paths]


def in_a_loop(paths: Sequence[Path], model: str) -> tuple[JobFigures, dict[str, list[dict[str, Any]]]]:
    """`Detector(path)` one after the other: the figures, and name -> people."""
    from bottomup.detector import Detector

    detector = Detector(model)
    detector(to_bgr(paths[0]))
    started = time.perf_counter()
    people = {path.name: detector(path) for path in paths}
    seconds = time.perf_counter() - started
    found = {name: list(one.to_dict()["people"]) for name, one in people.items()}
    return JobFigures("Detector in a loop", len(paths), seconds), found


def as_a_job(name: str, source: Path, expected: Mapping[str, list[dict[str, Any]]], *arguments: str) -> JobFigures:
    """`bottomup batch SOURCE ARGUMENTS` in a process of its own. RuntimeError with its words if it fails."""
    import pyarrow.parquet as pq

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bottomup", "batch", str(source), "--out", f"{folder}/out", *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=source_root())
        if run.returncode not in (0, 1):
            raise RuntimeError(f"{' '.join(command[2:])} failed: {run.stderr.strip()[-2000:]}")
        report = dict(line.split("\t") for line in run.stdout.splitlines()[1:])
        rows = pq.ParquetDataset(f"{folder}/out").read().to_pylist()
    found = {Path(row["path"]).name: row["people"] for row in rows}
    if len(found) != len(rows) or found.keys() != expected.keys():
        raise RuntimeError(f"{name} must give a row for each of {len(expected)} pictures but gave {len(rows)}")
    different = sum(not same_people(found[one], people) for one, people in expected.items())
    failed = sum(row["error"] is not None for row in rows)
    return JobFigures(name, len(rows), len(rows) / float(report["pictures per second"]), different, failed)


@contextlib.contextmanager
def two_machines() -> Iterator[str]:
    """A Ray cluster of two nodes of one core each on this computer; its address. ImportError without Ray."""
    try:
        from ray.cluster_utils import Cluster
    except ImportError as error:
        raise ImportError('--ray needs the package ray: pip install "bottomup[ray]"') from error
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(source_root()), os.environ.get("PYTHONPATH"))))
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        yield str(cluster.address)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def without_network(count: int) -> WithoutNetwork:
    """A job over so many small JPEG files, made in a temporary folder. RuntimeError if the process fails."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        _make_pictures(folder / "in", count)
        call = [sys.executable, "-m", "bottomup.benchmarks.jobs", str(folder / "in"), str(folder / "out")]
        run = subprocess.run(call, capture_output=True, text=True, check=False, cwd=source_root())
    if run.returncode:
        raise RuntimeError(f"the process that measures the job failed: {run.stderr.strip()[-2000:]}")
    return WithoutNetwork(**json.loads(run.stdout.splitlines()[-1]))


def _make_pictures(folder: Path, count: int) -> None:
    """Folders of a thousand files each, as data sets have them."""
    import cv2

    random = np.random.default_rng(0)
    contents = []
    for _ in range(min(count, _SHARED)):
        soft = cv2.resize(random.integers(0, 256, (6, 8, 3), np.uint8), (64, 48), interpolation=cv2.INTER_LINEAR)
        contents.append(cv2.imencode(".jpg", soft)[1].tobytes())
    for number in range(count):
        path = folder / f"{number // 1000:04d}" / f"{number:07d}.jpg"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(contents[number % len(contents)])


class _SeesNothing:
    """A network whose fields are empty."""

    device, library = "cpu", "none"

    def __init__(self) -> None:
        from bottomup.networks.info import NetworkInfo
        from bottomup.skeletons import COCO_17

        self.info = NetworkInfo(COCO_17, 8, 8, name="sees nothing")

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """See `Backend`."""
        count, height, width, _ = images.shape
        skeleton, cells = self.info.skeleton, (height // self.info.stride, width // self.info.stride)
        shapes = (count, len(skeleton.joints), *cells), (count, 2 * len(skeleton.limbs), *cells)
        return np.zeros(shapes[0], np.float32), np.zeros(shapes[1], np.float32)


def _measure(source: str, out: str) -> WithoutNetwork:
    """In the process of its own."""
    from bottomup.detector import Detector
    from bottomup.jobs.batch import Report, keep, look
    from bottomup.jobs.inputs import find_inputs
    from bottomup.jobs.parquet import ParquetTarget
    from bottomup.settings import Settings

    started = time.perf_counter()
    inputs = find_inputs(source)
    detector = Detector(backend=_SeesNothing(), settings=Settings(input_height=48))
    target = ParquetTarget(out, detector.skeleton, {})
    report, settled = Report(), 0

    def advance() -> None:
        nonlocal settled
        if report.pictures == round(_SETTLED * len(inputs.files)):
            settled = resident_size()

    keep(look(detector, inputs, target.done()), target, report, advance)
    seconds = time.perf_counter() - started
    rows = len(target.done())
    target.release()
    return WithoutNetwork(report.pictures, seconds, settled / _MB, peak_size() / _MB, rows)


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(*sys.argv[1:]))))
