"""Field networks in ONNX Runtime: files of `bottomup export onnx`, or the project's own weights."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends.base import check_images, no_pafs
from bottomup.networks.export.onnx import FORMAT, onnx_model
from bottomup.skeletons import read_skeleton


class OnnxBackend:
    """An `.onnx` file that `bottomup export onnx` wrote, or a `.safetensors` file, which is converted on the way.

    Raises
    ------
    ImportError
        If the package `onnxruntime` is not installed (or `onnx`, which the conversion needs).
    ValueError
        If the file is corrupt or holds another kind of network, or `device` is not there for ONNX Runtime.
    """

    library = "ONNX Runtime"

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                f'backend "onnxruntime" (for {path.name}) needs the package onnxruntime: pip install "bottomup[onnx]"'
            ) from error
        self._path = path.absolute()
        self.device, providers = _providers(device, onnxruntime.get_available_providers())
        try:
            self._session = onnxruntime.InferenceSession(_content(path), providers=providers)
        except (ValueError, ImportError):
            raise
        except Exception as error:  # onnxruntime's own exceptions have no common base
            raise ValueError(f"model must be an ONNX network but {str(path)!r} cannot be read: {error}") from error
        facts = self._session.get_modelmeta().custom_metadata_map
        if facts.get("format") != FORMAT:
            raise ValueError(
                f"model must be a file of `bottomup export onnx` but {str(path)!r} has format {facts.get('format')!r}"
            )
        self.skeleton = read_skeleton(json.loads(facts["skeleton"]))
        self.stride: int = json.loads(facts["stride"])
        self.alignment: int = json.loads(facts["alignment"])
        self.preferred: dict[str, Any] = json.loads(facts["preferred"])
        # Files from before there were networks for crops do not say so.
        self.task: str = json.loads(facts.get("task", '"fields"'))
        self.crop_size: int = json.loads(facts.get("crop_size", "0"))

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return partial(OnnxBackend, device=self.device), (self._path,)  # a pickle is loaded from the same file

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """See `Backend.run`."""
        names = ["heatmaps", "pafs"] if self.task == "fields" else ["heatmaps"]
        heatmaps, *pafs = self._session.run(names, {"images": check_images(images, self.alignment)})
        return heatmaps, pafs[0] if pafs else no_pafs(heatmaps)


def _content(path: Path) -> bytes:
    if path.suffix.lower() == ".onnx":
        return path.read_bytes()
    from bottomup.networks.field_network import load_network

    content: bytes = onnx_model(load_network(path)).SerializeToString()
    return content


def _providers(device: str | None, available: list[str]) -> tuple[str, list[object]]:
    """The device's name, and ONNX Runtime's names for it."""
    cuda = "CUDAExecutionProvider"
    if device is None:
        device = "cuda" if cuda in available else "cpu"
    if device == "cpu":
        return "cpu", ["CPUExecutionProvider"]
    kind, _, number = device.partition(":")
    if kind != "cuda" or (number and not number.isdecimal()):
        raise ValueError(f"device must be 'cpu', 'cuda' or 'cuda:N' but is {device!r}")
    if cuda not in available:
        raise ValueError(f"device must be 'cpu' for this build of ONNX Runtime, which has no CUDA, but is {device!r}")
    return f"cuda:{number or 0}", [(cuda, {"device_id": int(number or 0)}), "CPUExecutionProvider"]
