"""Networks of others in each runtime: an array in, arrays by name out. `NetworkFacts` says what they mean."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[np.float32]]
Shape = tuple[int | None, ...]


class Runner(Protocol):
    """A loaded network. shape: of its input, None where any size will do. outputs: their names; empty if not known."""

    library: str
    device: str
    shape: Shape
    outputs: tuple[str, ...]

    def __call__(self, images: npt.NDArray[np.float32]) -> Arrays:
        """The outputs for an input of that shape."""
        ...


class OnnxRunner:
    """An ONNX file in ONNX Runtime."""

    library = "ONNX Runtime"

    def __init__(self, path: Path, device: str | None) -> None:
        from bottomup.networks.backends.onnxruntime import choose_providers, import_onnxruntime, make_session

        runtime = import_onnxruntime(path)
        self.device, providers = choose_providers(device, runtime.get_available_providers())
        # Of the path, not of the bytes: weights may lie in files of their own beside it.
        self._session = make_session(str(path), providers, str(path))
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ValueError(f"model must take one input but {str(path)!r} takes {[one.name for one in inputs]}")
        self._input = inputs[0].name
        self.shape = tuple(side if isinstance(side, int) and side > 0 else None for side in inputs[0].shape)
        self.outputs = tuple(one.name for one in self._session.get_outputs())

    def __call__(self, images: npt.NDArray[np.float32]) -> Arrays:
        from bottomup.networks.backends.onnxruntime import run_session

        found = run_session(self._session, list(self.outputs), {self._input: images})
        return dict(zip(self.outputs, found, strict=True))


class OpenVinoRunner:
    """A file that OpenVINO reads, on the CPU: its own `.xml`, `.onnx`, TensorFlow's frozen `.pb`, Paddle's `.pdmodel`.

    Inputs of a fixed size are made free, where the network allows that.
    """

    library = "OpenVINO"
    device = "cpu"

    def __init__(self, path: Path, *, model: Any = None) -> None:
        from bottomup.networks.backends.compiled import compile_network
        from bottomup.networks.backends.openvino import shared_core

        core = shared_core()
        # A model that is handed over may be anything, and an ONNX file may have its weights elsewhere.
        sources = [path, path.with_suffix(".bin")] if model is None and path.suffix.lower() == ".xml" else []
        model = read_openvino(core, path) if model is None else model
        if len(model.inputs) != 1:
            raise ValueError(f"model must take one input but {str(path)!r} takes {len(model.inputs)}")
        shape = model.input(0).get_partial_shape()
        if shape.rank.is_static and len(shape) == 4:
            sides = [-1 if side.is_dynamic else side.get_length() for side in shape]
            channels_first = sides[1] == 3 or sides[3] != 3
            free = [-1, 3, -1, -1] if channels_first else [-1, -1, -1, 3]
            try:
                model.reshape(free)
            except RuntimeError:
                model.reshape([1 if side == -1 else side for side in sides])
        self.shape = tuple(
            None if side.is_dynamic else side.get_length() for side in model.input(0).get_partial_shape()
        )
        self.outputs = tuple(_port_name(port, number) for number, port in enumerate(model.outputs))
        self._request = compile_network(core, sources, lambda: model).create_infer_request()
        self._lock = threading.Lock()  # a request serves one caller at a time and already uses every core

    def __call__(self, images: npt.NDArray[np.float32]) -> Arrays:
        from bottomup.networks.backends.parts import split

        looks = list(map(self._look, split(images)))
        return {name: np.concatenate(parts) for name, parts in zip(self.outputs, zip(*looks, strict=True), strict=True)}

    def _look(self, images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        with self._lock:
            try:
                found = self._request.infer([images])
            except RuntimeError as error:
                last = str(error).strip().splitlines()[-1]
                raise RuntimeError(f"OpenVINO cannot run the network on {images.shape}: {last}") from error
            return [np.array(found[number], np.float32, ndmin=1) for number in range(len(self.outputs))]


class TorchRunner:
    """A torch module that takes (B, 3, H, W) and returns tensors, as a tuple, a list or a dictionary."""

    library = "torch"
    shape: Shape = (None, 3, None, None)
    outputs: tuple[str, ...] = ()

    def __init__(self, module: Any, device: str | None) -> None:
        from bottomup.networks.backends.torch import choose_device

        self._device = choose_device(device)
        self.device = str(self._device)
        self._module = module.to(self._device).eval()

    def __call__(self, images: npt.NDArray[np.float32]) -> Arrays:
        import torch

        from bottomup.networks.backends.process import survive_fork

        survive_fork()
        with torch.inference_mode():
            found = self._module(torch.from_numpy(images).to(self._device))
        if isinstance(found, torch.Tensor):
            found = (found,)
        named = found.items() if isinstance(found, Mapping) else zip(map(str, range(len(found))), found, strict=True)
        return {str(name): one.detach().float().cpu().numpy() for name, one in named if isinstance(one, torch.Tensor)}


def read_openvino(core: Any, path: Path) -> Any:
    """An `openvino.Model`; ValueError if the file cannot be read, FileNotFoundError if its weights are missing."""
    if path.suffix.lower() == ".xml" and not path.with_suffix(".bin").is_file():
        raise FileNotFoundError(f"model must have its weights beside it but {path.with_suffix('.bin')} is no file")
    try:
        return core.read_model(path.absolute())
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        reason = lines[-1] if lines else type(error).__name__
        kind = "an OpenVINO IR" if path.suffix.lower() == ".xml" else "a network that OpenVINO reads"
        raise ValueError(f"model must be {kind} but {str(path)!r} cannot be read: {reason}") from error


def _port_name(port: Any, number: int) -> str:
    """TensorFlow's names end in the number of the output, `:0`, which nobody says."""
    names = sorted(port.get_names(), key=len)
    return names[0].removesuffix(":0") if names else str(number)
