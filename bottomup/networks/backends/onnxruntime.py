"""Field networks in ONNX Runtime: files of `bottomup export onnx`, or the project's own weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images, no_pafs
from bottomup.networks.backends.process import PerProcess
from bottomup.networks.export.lowering import check_weights
from bottomup.networks.export.onnx import OUTPUTS, onnx_model, read_facts
from bottomup.networks.stored import read_network


class OnnxBackend(NetworkBackend):
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
        runtime = import_onnxruntime(path)
        self._path = path.absolute()
        self.device, providers = choose_providers(device, runtime.get_available_providers())
        content = _content(path)
        self._session = PerProcess(partial(make_session, content, providers, str(path)))
        facts = self._session().get_modelmeta().custom_metadata_map
        try:
            self.info = read_facts(facts, path.stem)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"model must be a file of `bottomup export onnx` but {str(path)!r} is none: {error}. For a network of "
                "others say its skeleton, stride and outputs"
            ) from error

    def __reduce__(self) -> tuple[Any, tuple[Path]]:
        return partial(OnnxBackend, device=self.device), (self._path,)  # a pickle is loaded from the same file

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        names = list(OUTPUTS[self.info.task])
        heatmaps, *pafs = run_session(self._session(), names, {"images": check_images(images, self.alignment)})
        return heatmaps, pafs[0] if pafs else no_pafs(heatmaps)


def import_onnxruntime(path: Path) -> Any:
    """The package; ImportError that says how to install it."""
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(
            f'backend "onnxruntime" (for {path.name}) needs the package onnxruntime: pip install "bottomup[onnx]"'
        ) from error
    return onnxruntime


def make_session(content: bytes | str, providers: list[object], name: str) -> Any:
    """An `onnxruntime.InferenceSession` of a file or its content; ValueError that names it if it is no network."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are told by exceptions, and warnings are of no use to those who call
    try:
        return onnxruntime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # onnxruntime's own exceptions have no common base
        raise ValueError(f"model must be an ONNX network but {name!r} cannot be read: {_brief(error)}") from error


def run_session(session: Any, names: list[str], inputs: dict[str, npt.NDArray[Any]]) -> list[Any]:
    """The outputs of these names; RuntimeError if the network fails on this input."""
    try:
        outputs: list[Any] = session.run(names, inputs)
    except Exception as error:
        shapes = {name: values.shape for name, values in inputs.items()}
        raise RuntimeError(f"ONNX Runtime cannot run the network on {shapes}: {_brief(error)}") from error
    return outputs


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:500] or type(error).__name__


def _content(path: Path) -> bytes:
    if path.suffix.lower() == ".onnx":
        return path.read_bytes()
    network = read_network(path)
    check_weights(network, path)
    content: bytes = onnx_model(network).SerializeToString()
    return content


def choose_providers(device: str | None, available: list[str]) -> tuple[str, list[object]]:
    """The device's name, and ONNX Runtime's names for what runs there.

    `cuda` and `tensorrt` may be followed by a GPU's number, `tensorrt:1`; what TensorRT cannot run is left to CUDA.
    """
    cuda, tensorrt, cpu = (f"{name}ExecutionProvider" for name in ("CUDA", "Tensorrt", "CPU"))
    if device is None:
        device = "cuda" if cuda in available else "cpu"
    if device == "cpu":
        return "cpu", [cpu]
    kind, _, number = device.partition(":")
    if kind not in ("cuda", "tensorrt") or (number and not number.isdecimal()):
        raise ValueError(f"device must be 'cpu', 'cuda', 'cuda:N', 'tensorrt' or 'tensorrt:N' but is {device!r}")
    wanted = [cuda] if kind == "cuda" else [tensorrt, cuda]
    if wanted[0] not in available:
        lacks = "CUDA" if kind == "cuda" else "TensorRT"
        raise ValueError(
            f"device must be 'cpu' for this build of ONNX Runtime, which has no {lacks}, but is {device!r}"
        )
    on = {"device_id": int(number or 0)}
    return f"{kind}:{number or 0}", [*((name, dict(on)) for name in wanted if name in available), cpu]
