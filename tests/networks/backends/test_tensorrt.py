"""TensorRT's engines, in a stand-in for the package: what is asked of it, and what becomes of its answers."""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bottomup.networks.backends import tensorrt as backend_module
from bottomup.networks.backends.factory import load_backend
from bottomup.networks.export.onnx import write_facts
from bottomup.networks.info import NetworkInfo
from bottomup.skeletons import COCO_17

MOST, LARGEST = 2, 64  # pictures at once, pixels


class Context:
    """Heatmaps are the mean blue of each cell of 8 pixels, tags the mean green, read and written by address."""

    def __init__(self) -> None:
        self.addresses: dict[str, int] = {}
        self.shape: tuple[int, ...] = ()

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        assert name == "images"
        self.shape = tuple(shape)
        return shape[0] <= MOST and max(shape[1:3]) <= LARGEST

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        batch, height, width, _ = self.shape
        return batch, COCO_17.num_joints, height // 8, width // 8

    def set_tensor_address(self, name: str, address: int) -> None:
        self.addresses[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        batch, height, width, _ = self.shape
        size = int(np.prod(self.shape))
        images = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(self.addresses["images"]))
        cells = images.reshape(batch, height // 8, 8, width // 8, 8, 3).mean(axis=(2, 4))
        for name, channel in (("heatmaps", 0), ("tags", 1)):
            shape = self.get_tensor_shape(name)
            out = np.ctypeslib.as_array((ctypes.c_float * int(np.prod(shape))).from_address(self.addresses[name]))
            out.reshape(shape)[:] = cells[..., channel][:, None]
        return True


class Engine:
    num_io_tensors = 3
    names = ("images", "heatmaps", "tags")

    def get_tensor_name(self, number: int) -> str:
        return self.names[number]

    def get_tensor_profile_shape(self, name: str, profile: int) -> tuple[tuple[int, ...], ...]:
        return (1, 8, 8, 3), (1, 32, 32, 3), (MOST, LARGEST, LARGEST, 3)

    def create_execution_context(self) -> Context:
        return Context()


def runtime(engine: Any) -> Any:
    logger = type("Logger", (), {"ERROR": 1, "__init__": lambda self, level: None})
    made = SimpleNamespace(deserialize_cuda_engine=lambda content: engine if content == b"engine" else None)
    return SimpleNamespace(Logger=logger, Runtime=lambda _: made, __version__="10.0")


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(sys.modules, "tensorrt", runtime(Engine()))
    monkeypatch.setattr(backend_module, "_cuda", lambda device: "cpu")
    info = NetworkInfo(COCO_17, 8, 8, "tags", default_settings={"input_height": 32})
    (tmp_path / "a.json").write_text(json.dumps(write_facts(info)))
    (tmp_path / "a.engine").write_bytes(b"engine")
    return tmp_path / "a.engine"


def test_an_engine_is_a_backend(path: Path) -> None:
    backend = load_backend(path)
    assert (backend.info.task, backend.info.stride, dict(backend.info.default_settings)) == (
        "tags", 8, {"input_height": 32},
    )  # fmt: skip
    pictures = np.random.default_rng(0).integers(0, 256, (5, 32, 64, 3), np.uint8)  # more than the engine takes at once
    heatmaps, tags = backend.run(pictures)
    cells = pictures.reshape(5, 4, 8, 8, 8, 3).mean(axis=(2, 4))
    for found, channel in ((heatmaps, 0), (tags, 1)):
        assert (found.shape, found.dtype) == ((5, 17, 4, 8), np.float32)
        np.testing.assert_allclose(found, np.repeat(cells[..., channel][:, None], 17, 1), rtol=1e-6)


def test_pictures_that_the_engine_was_not_made_for(path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape from \(1, 8, 8, 3\) to \(2, 64, 64, 3\), .* have \(1, 72, 8, 3\)"):
        load_backend(path).run(np.zeros((1, 72, 8, 3), np.uint8))


def test_engines_that_cannot_be_used(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "names", ("images", "heatmaps", "pafs"))
    with pytest.raises(ValueError, match=r"must have the tensors \['images', 'heatmaps', 'tags'\]"):
        load_backend(path)
    path.write_bytes(b"of another version")
    with pytest.raises(ValueError, match=r"must be an engine of this TensorRT \(10\.0\)"):
        load_backend(path)
    path.with_suffix(".json").write_text("[]")
    with pytest.raises(ValueError, match=r"a\.json must hold the facts"):
        load_backend(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match="must have its facts beside it"):
        load_backend(path)
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(ImportError, match="needs NVIDIA's package tensorrt"):
        load_backend(path)


def test_an_engine_needs_a_gpu() -> None:
    with pytest.raises(ValueError, match="device must be a GPU"):
        backend_module._cuda("cpu")
