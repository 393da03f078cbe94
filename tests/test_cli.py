"""The command line as a user would run it, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

import bottomup


def in_a_shell(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """`python -m bottomup ...` in its own process."""
    root = str(Path(bottomup.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-W", "error", "-m", "bottomup", *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)


def test_version_answers_without_heavy_imports(tmp_path: Path) -> None:
    shown = in_a_shell("--version", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("bottomup ")
    script = "import sys, bottomup.cli; print([m for m in ('torch', 'openvino', 'skimage') if m in sys.modules])"
    root = str(Path(bottomup.__file__).parents[1])
    env = {**os.environ, "PYTHONPATH": root}
    loaded = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]", loaded.stderr


@pytest.mark.slow
def test_the_built_in_network_finds_the_photographer(tmp_path: Path) -> None:
    from bottomup.weights import find_weights

    pytest.importorskip("skimage")
    if find_weights("default") is None:
        pytest.skip("the built-in network is not in this source tree")
    shown = in_a_shell("detect", "--sample", "--out", "out", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.splitlines()[1].split("\t")[:2] == ["photographer", "1"]
    (person,) = json.loads((tmp_path / "out" / "results.json").read_text())
    x, y, visibility = person["keypoints"][:3]
    assert visibility == 2
    assert 200 < x < 290  # his face, read off the photo
    assert 110 < y < 190
    assert cv2.imread(str(tmp_path / "out" / "photographer_people.jpg")).shape == (512, 512, 3)
