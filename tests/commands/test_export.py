"""`bottomup export`."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from bottomup.cli import app

run = CliRunner().invoke


def test_export_onnx_writes_what_the_backend_reads(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from bottomup.networks.backends.factory import load_backend

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
        (["a.onnx", "--model", "b.xml"], "model must be a .safetensors file or a published network"),
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


def test_other_formats_are_written_and_run(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    from bottomup.networks.backends.factory import load_backend

    out = tmp_path / "network.xml"
    result = run(app, ["export", "openvino", str(out), "--half"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert load_backend(out, device="cpu").skeleton.name == "openpose18"
    result = run(app, ["export", "tensorrt", str(tmp_path / "network.onnx"), "--height", "256", "--full"])
    assert result.exit_code == 0, result.output
    command = "".join(result.stdout.split())
    assert "trtexec--onnx=" in command
    assert "--optShapes=images:1x256x480x3" in command
    assert "--fp16" not in command
    assert (tmp_path / "network.json").is_file()


def test_photos_to_quantise_by_must_be_there(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    (tmp_path / "empty").mkdir()
    for folder, more, message in (
        ("none", [], "--int8 must be a folder of photos but"),
        ("empty", [], "has none (.jpg, .jpeg, .png, .webp)"),
        ("empty", ["--limit", "0"], "--limit must be at least 1 but is 0"),
    ):
        result = run(app, ["export", "openvino", str(tmp_path / "a.xml"), "--int8", str(tmp_path / folder), *more])
        assert result.exit_code == 2
        assert message in " ".join(result.stderr.split())
    assert not (tmp_path / "a.xml").exists()
