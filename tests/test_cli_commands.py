"""The commands beside `detect`, and the command line as a user would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

import bottomup
from bottomup._cli_doctor import Finding, _architectures, findings
from bottomup.cli import app
from bottomup.training import TrainConfig

run = CliRunner().invoke


def test_train_reports_a_bad_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("hours = 'many'")
    result = run(app, ["train", str(recipe)])
    assert result.exit_code == 2
    assert "recipe.toml" in result.stderr


def test_train_hands_its_options_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, calls = tmp_path / "recipe.toml", []
    recipe.write_text('hours = 3.0\nseed = 5\n[[sources]]\nfolder = "photos"\n')
    monkeypatch.setattr(
        "bottomup.training.train_parts", lambda parts, *, resume: calls.append((parts, resume)) or Path("weights.here")
    )
    result = run(app, ["train", str(recipe), "--data", "d", "--out", "o", "--hours", "0.5", "--resume"])
    assert result.exit_code == 0, result.output
    assert "weights.here" in result.stdout
    (config,), resume = calls[0]
    assert (config.data, config.out, config.hours, config.seed, resume) == ("d", "o", 0.5, 5, True)


def test_train_finds_the_recipes_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[list[str]] = []
    monkeypatch.setattr(
        "bottomup.training.train_parts", lambda parts, *, resume: calls.append([part.out for part in parts]) or "here"
    )
    result = run(app, ["train", "default", "--out", "o"])
    assert result.exit_code == 0, result.output
    assert calls == [["o-part-1", "o-part-2", "o-part-3", "o-part-4", "o-part-5", "o-part-6", "o-part-7", "o"]]
    result = run(app, ["train", "default", "--steps", "3", "--ablate"])
    assert result.exit_code == 2
    assert "CONFIG must be a recipe of one part with --ablate but" in result.output


def test_train_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "a.toml"
    recipe.write_text("out = 'runs/a'\n[[sources]]\nfolder = 'a'")
    calls = []

    def packed(parts: list[TrainConfig], out: Path, **options: object) -> list[Path]:
        calls.append((parts[0].out, out, options))
        return [out / "part-000-of-001.zip"]

    monkeypatch.setattr("bottomup.training.packing.pack_recipe", packed)
    result = run(app, ["train", str(recipe), "--pack", "--out", "p", "--long-side", "320", "--teacher-scales", "0.5,1"])
    assert result.exit_code == 0, result.output
    assert calls == [("runs/a", Path("p"), {"long_side": 320, "teacher_scales": (0.5, 1.0)})]
    assert "part-000-of-001.zip" in result.output
    result = run(app, ["train", str(recipe), "--pack"])
    assert result.exit_code == 2
    assert "--out must name the folder for the packed files" in result.output


def test_train_ablates_and_shows_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = tmp_path / "a.toml"
    recipe.write_text("[[sources]]\nfolder = 'a'")
    (tmp_path / "ablation.md").write_text("| run |\n")
    seen = []
    monkeypatch.setattr(
        "bottomup.training.ablation.ablate", lambda config: seen.append(config.steps) or tmp_path / "ablation.csv"
    )
    result = run(app, ["train", str(recipe), "--steps", "7", "--ablate"])
    assert (result.exit_code, result.output, seen) == (0, "| run |\n", [7])
    monkeypatch.undo()
    result = run(app, ["train", str(recipe), "--ablate"])
    assert result.exit_code == 2
    assert "steps must be above 0 for an ablation" in result.output


def test_weights_list_names_every_network() -> None:
    from bottomup.weights import list_weights

    result = run(app, ["weights", "list"])
    assert result.exit_code == 0, result.output
    names = [line.split("\t")[0] for line in result.stdout.splitlines()]
    assert names == ["network", *(network.name for network in list_weights())]


def test_weights_get_prints_where_the_file_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "human-pose-estimation-0001"
    folder.mkdir()
    for ending in (".xml", ".bin"):
        (folder / f"human-pose-estimation-0001{ending}").write_bytes(b"x")
    monkeypatch.setenv("BOTTOMUP_WEIGHTS", str(tmp_path))
    result = run(app, ["weights", "get", "human-pose-estimation-0001"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(folder / "human-pose-estimation-0001.xml")


def test_doctor_reports_versions_kernels_and_networks() -> None:
    from bottomup import _C
    from bottomup.weights import find_weights

    result = run(app, ["doctor"])
    assert result.exit_code == (0 if find_weights("default") else 1), result.output
    for fact in (f"{np.__version__}", _C.cpu_isa(), _C.build_info()["compiler"], "human-pose-estimation-0001"):
        assert fact in result.output


@pytest.mark.parametrize(
    ("installed", "value"),
    [("opencv-python", "5.0"), ("opencv-python-headless", "5.0 (opencv-python-headless)"), ("none", "not installed")],
)
def test_doctor_knows_every_build_of_opencv(installed: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bottomup._cli_doctor._version", lambda name: "5.0" if name == installed else None)
    (opencv,) = (finding for finding in findings() if finding.name == "opencv-python")
    assert (opencv.value, opencv.ok) == (value, installed != "none")


def test_doctor_names_architectures_as_people_do() -> None:
    assert _architectures("75-real 90-real 100-virtual") == "sm_75, sm_90, PTX for 100 and newer"
    assert _architectures("90") == "sm_90, PTX for 90 and newer"


@pytest.mark.parametrize(
    ("faults", "ok"), [(["", "CUDA failed to run a kernel: no kernel image"], [True, False]), ([], [])]
)
def test_doctor_says_whether_the_kernels_run_on_a_gpu(
    monkeypatch: pytest.MonkeyPatch, faults: list[str], ok: list[bool]
) -> None:
    from bottomup import _C

    monkeypatch.setattr(_C, "cuda_device_faults", lambda: faults)
    found = [finding for finding in findings() if finding.name.startswith("kernels on GPU")]
    assert [finding.value for finding in found] == [fault or "run" for fault in faults]
    assert [finding.ok for finding in found] == ok


def test_doctor_works_where_something_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bottomup._C", None)
    monkeypatch.delattr("bottomup._C", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = {(f.group, f.name): f for f in findings()}
    assert not found["kernels", "extension"].ok
    assert found["GPU", "error"] == Finding("GPU", "error", found["GPU", "error"].value, ok=False)
    assert found["networks", "cache"].ok
    result = run(app, ["doctor"])
    assert result.exit_code == 1
    assert "cannot be imported" in result.output


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


def test_export_onnx_writes_what_the_backend_reads(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from bottomup.networks.backends.base import load_backend

    out = tmp_path / "network.onnx"
    result = run(app, ["export", "onnx", str(out)])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert load_backend(out, device="cpu").skeleton.name == "openpose18"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["network.pb"], "FILE.onnx must end in .onnx but is 'network.pb'"),
        (["nowhere/network.onnx"], "FILE.onnx must be in a folder that exists but 'nowhere' is none"),
        (["a.onnx", "--model", "b.xml"], "--model must be the built-in network or a .safetensors file but is 'b.xml'"),
        (["a.onnx", "--model", "none.safetensors"], "there is no file none.safetensors"),
    ],
)
def test_export_says_what_is_wrong(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(app, ["export", "onnx", *arguments])
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())
