"""What works where a package is missing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bottomup.people import People
from bottomup.skeletons import COCO_17

WITHOUT = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {names}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
"""
NO_TORCH = WITHOUT.format(names=("torch", "torchvision", "networkx"))


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True)


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(NO_TORCH + "from bottomup.cli import app\napp()", *arguments)


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_the_built_in_network_runs_without_torch(backend: str) -> None:
    pytest.importorskip(backend)
    pytest.importorskip("onnx")
    program = f"""
import numpy as np
from bottomup import Detector, decode_fields
detector = Detector(backend={backend!r})
picture = np.full((240, 320, 3), 128, np.uint8)
assert len(detector(picture)) == 0
fields = detector.fields(picture)
assert len(decode_fields(fields.heatmaps, fields.pafs, fields.skeleton, stride=fields.stride)) == 0
assert not {{"torch", "networkx"}} & set(sys.modules)
print(detector)
"""
    done = run(NO_TORCH + program)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Detector(coco17, ")


def test_training_and_exports_to_torch_say_what_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    done = command("train", "default", "--hours", "1")
    assert done.returncode == 2
    assert "training needs torch: pip install torch" in done.stderr
    assert "Traceback" not in done.stderr
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match="to_torchvision needs torch: pip install torch"):
        People.empty(COCO_17).to_torchvision()


@pytest.mark.slow
def test_commands_work_without_torch(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    for arguments in (["--help"], ["doctor"], ["export", "onnx", str(tmp_path / "network.onnx")]):
        done = command(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "network.onnx").stat().st_size > 1_000_000


@pytest.mark.slow
def test_what_needs_torch_says_so() -> None:
    done = run(NO_TORCH + 'from bottomup import Detector\nDetector(backend="torch")')
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last == "ImportError: default.safetensors in torch needs the package torch: pip install torch"


@pytest.mark.slow
def test_opencv_without_its_library_for_windows() -> None:
    missing = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file: No such file or directory")

sys.meta_path.insert(0, Missing())
from bottomup import {name}
"""
    for name in ("Detector", "track_video", "CropDetector"):
        done = run(missing.format(name=name))
        assert done.stderr.strip().splitlines()[-1] == (
            "ImportError: OpenCV needs a library for windows that is not installed here; the build without windows "
            "does not: pip uninstall -y opencv-python && pip install opencv-python-headless"
        )


def test_opencv_that_is_not_there_is_no_matter_of_windows() -> None:
    done = run(WITHOUT.format(names=("cv2",)) + "from bottomup import Detector")
    assert done.stderr.strip().splitlines()[-1] == "ModuleNotFoundError: No module named 'cv2'"
