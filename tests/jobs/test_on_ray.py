"""Jobs on a Ray cluster of their own: every picture once, also after an actor or the whole job was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.makers.jobs import ROOT, encoded, write_pictures, write_tar

pytestmark = pytest.mark.slow

# The actors import bottomup anew, so that the stand-in must be there when any process of Ray starts.
_SITE = """
import os
if os.environ.get("BOTTOMUP_STAND_IN"):
    import sys, importlib.abc, importlib.util
    class Finder(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            if name != "bottomup.detector":
                return None
            return importlib.util.spec_from_file_location(name, os.environ["BOTTOMUP_STAND_IN"])
    sys.meta_path.insert(0, Finder())
"""
_DETECTOR = """
import os, time
from tests.makers.detectors import BrightnessDetector
class Detector(BrightnessDetector):
    def look(self, image):
        open(os.environ["BOTTOMUP_STAND_IN"] + f".{os.getpid()}", "a").close()
        time.sleep(0.05)
        return super().look(image)
"""


def stand_in(folder: Path) -> dict[str, str]:
    """The environment in which every process of Ray has the stand-in."""
    (folder / "sitecustomize.py").write_text(_SITE)
    (folder / "stand_in.py").write_text(_DETECTOR)
    return {
        **os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT))), "RAY_DISABLE_DOCKER_CPU_WARNING": "1",
        "BOTTOMUP_STAND_IN": str(folder / "stand_in.py"), "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """`bottomup batch ARGUMENTS` in a process of its own, with the stand-in."""
    program = "import bottomup.jobs.parquet as p; p._ROWS_PER_FILE = 10; from bottomup.cli import main; main()"
    env = stand_in(folder)
    command = [sys.executable, "-c", program, "batch", *arguments]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder)


def finish(process: subprocess.Popen[str]) -> dict[str, str]:
    """The report of a job that ends well."""
    output, errors = process.communicate(timeout=500)
    assert process.returncode == 0, errors
    lines = [line.split("\t") for line in output.splitlines()[1:]]
    assert all(len(cells) == 2 for cells in lines), output  # and nothing of Ray's
    return {cells[0]: cells[1] for cells in lines}


def counts(target: Path) -> dict[str, int]:
    found: list[dict[str, Any]] = pq.ParquetDataset(target).read().to_pylist()
    assert max(Counter(row["path"] for row in found).values()) == 1
    return {Path(row["path"]).name: len(row["people"]) for row in found}


def test_a_job_on_ray_survives_kills(tmp_path: Path) -> None:
    write_pictures(tmp_path / "in", [number % 4 for number in range(150)])
    write_tar(tmp_path / "in" / "a.tar", {"x.png": encoded(5), "y.png": encoded(6)})
    command = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--workers", "2", "--ray"]
    process = start(tmp_path, *command)
    killed = 0
    while len(list((tmp_path / "out").glob("part-*.parquet"))) < 2 and process.poll() is None:
        if not killed and (actors := list(tmp_path.glob("stand_in.py.*"))):
            os.kill(int(actors[0].suffix[1:]), signal.SIGKILL)
            killed += 1
        time.sleep(0.1)
    assert process.poll() is None, process.communicate()
    process.kill()
    process.communicate()
    assert killed
    before = len(counts(tmp_path / "out"))
    assert 0 < before < 152, "it was killed in the middle"
    report = finish(start(tmp_path, *command))
    expected = {f"{number}.png": number % 4 for number in range(150)} | {"a.tar#x.png": 5, "a.tar#y.png": 6}
    assert counts(tmp_path / "out") == expected
    assert int(report["pictures"]) == 152 - before


def test_a_job_outlives_a_machine_of_its_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in stand_in(tmp_path).items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster

    write_pictures(tmp_path / "in", [number % 4 for number in range(600)])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        other = cluster.add_node(num_cpus=1)
        command = [str(tmp_path / "in"), "--out", str(tmp_path / "out"), "--workers", "2", "--ray", cluster.address]
        process = start(tmp_path, *command)

        def begun() -> bool:
            actors, files = tmp_path.glob("stand_in.py.*"), (tmp_path / "out").glob("part-*.parquet")
            return len(list(actors)) >= 2 and len(list(files)) >= 2

        while not begun() and process.poll() is None:
            time.sleep(0.1)
        assert process.poll() is None, process.communicate()
        (raylet,) = other.all_processes["raylet"]
        raylet.process.kill()
        before = len(counts(tmp_path / "out"))
        report = finish(process)
    finally:
        cluster.shutdown()
    assert len(list(tmp_path.glob("stand_in.py.*"))) >= 2, "both machines had an actor"
    assert before < 600
    assert counts(tmp_path / "out") == {f"{number}.png": number % 4 for number in range(600)}
    assert report["pictures"] == "600"
