"""Networks as files of other runtimes give what they gave before."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bottomup import Detector
from bottomup.networks.backends.factory import load_backend
from bottomup.networks.config import NetworkConfig
from bottomup.networks.export.files import write_for_tensorrt, write_onnx, write_openvino
from bottomup.networks.field_network import FieldNetwork, save_network
from bottomup.networks.published.lightweight_openpose import LightweightOpenPose
from bottomup.training.replicas import computes_in_bfloat16

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
openvino = pytest.importorskip("openvino")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network of the project's own, and a published checkpoint."""
    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    save_network(FieldNetwork(NetworkConfig(widths=(4, 4, 4, 4), channels=4, stages=1)), folder / "own.safetensors")
    network = LightweightOpenPose()
    torch.save({"state_dict": network.state_dict()}, folder / "published.pth")
    return {"own": folder / "own.safetensors", "published": folder / "published.pth"}


PICTURES = np.random.default_rng(0).integers(0, 256, (2, 96, 64, 3), np.uint8)


@pytest.mark.parametrize("which", ["own", "published"])
def test_an_exported_network_gives_the_same_fields(which: str, files: dict[str, Path], tmp_path: Path) -> None:
    first = load_backend(files[which], device="cpu", backend="torch")
    wanted = first.run(PICTURES)
    write_onnx(files[which], tmp_path / "a.onnx")
    write_openvino(files[which], tmp_path / "a.xml")
    write_openvino(files[which], tmp_path / "half.xml", half=True)
    # OpenVINO computes in bfloat16 where there are instructions for it.
    by_openvino = 2e-2 if computes_in_bfloat16(torch.device("cpu")) else 1e-4
    for name, tolerance in (("a.onnx", 1e-4), ("a.xml", by_openvino), ("half.xml", 2e-2)):
        backend = load_backend(tmp_path / name, device="cpu")
        assert backend.info.skeleton == first.info.skeleton
        assert (backend.info.stride, backend.info.alignment, backend.info.task) == (
            first.info.stride, first.info.alignment, first.info.task,
        )  # fmt: skip
        assert backend.info.default_settings == first.info.default_settings
        for one, other in zip(backend.run(PICTURES), wanted, strict=True):
            np.testing.assert_allclose(one, other, atol=tolerance * np.abs(other).max())
    half, whole = ((tmp_path / name).stat().st_size for name in ("half.bin", "a.bin"))
    assert half < 0.6 * whole
    assert Detector(tmp_path / "a.xml", device="cpu").info.name == "a"


@pytest.mark.slow
def test_eight_bits_give_nearly_the_same_fields(files: dict[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("nncf")
    write_openvino(files["own"], tmp_path / "whole.xml")
    write_openvino(files["own"], tmp_path / "small.xml", calibration=[PICTURES[:1], PICTURES[1:]])
    whole, small = (load_backend(tmp_path / f"{name}.xml", device="cpu") for name in ("whole", "small"))
    for one, other in zip(small.run(PICTURES), whole.run(PICTURES), strict=True):
        assert 0 < np.abs(one - other).max() < 0.2 * np.abs(other).max()
    with pytest.raises(ValueError, match="calibration must be pictures but there are none"):
        write_openvino(files["own"], tmp_path / "none.xml", calibration=[])


def test_what_makes_an_engine_is_told(files: dict[str, Path], tmp_path: Path) -> None:
    command = write_for_tensorrt(files["published"], tmp_path / "a.onnx", height=200)
    assert command == (
        f"trtexec --onnx={tmp_path / 'a.onnx'} --saveEngine={tmp_path / 'a.engine'} --minShapes=images:1x8x8x3 "
        "--optShapes=images:1x200x360x3 --maxShapes=images:8x400x720x3 --fp16"
    )
    facts = json.loads((tmp_path / "a.json").read_text())
    assert json.loads(facts["default_settings"] if "default_settings" in facts else facts["preferred"]) == {
        "input_height": 368
    }


def test_what_cannot_be_exported_says_why(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match=r"model must be a \.safetensors file or a published .* but is 'a\.xml'"):
        write_onnx(Path("a.xml"), tmp_path / "a.onnx")
    monkeypatch.setitem(sys.modules, "nncf", None)
    with pytest.raises(ImportError, match=r'needs the package nncf: pip install "bottomup\[int8\]"'):
        write_openvino(files["own"], tmp_path / "a.xml", calibration=[PICTURES[:1]])
    assert not list(tmp_path.iterdir())


def test_wrong_facts_in_a_file_are_told(files: dict[str, Path], tmp_path: Path) -> None:
    write_openvino(files["own"], tmp_path / "a.xml")
    text = (tmp_path / "a.xml").read_text()
    (tmp_path / "a.xml").write_text(text.replace('<stride value="8"', '<stride value="99"'))
    with pytest.raises(ValueError, match=r"file of `bottomup export openvino` but in '.*a\.xml' stride must be"):
        load_backend(tmp_path / "a.xml", device="cpu")
