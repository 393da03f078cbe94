"""Engines of NVIDIA's TensorRT, made by `trtexec` of what `bottomup export tensorrt` wrote."""

from __future__ import annotations

import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.networks.backends.base import NetworkBackend, Outputs, check_images, no_pafs
from bottomup.networks.backends.process import PerProcess
from bottomup.networks.export.onnx import OUTPUTS, read_facts

_INPUT = "images"


class TensorRTBackend(NetworkBackend):
    """A serialised engine (`.engine`, `.plan`) on a CUDA GPU, with the facts of its network in a `.json` beside it.

    An engine runs on the kind of GPU and with the version of TensorRT that it was made with, at the sizes of picture
    that `trtexec` was told; pictures of a batch that is larger than that are shown in parts.

    Raises
    ------
    ImportError
        If the package `tensorrt` is not installed.
    FileNotFoundError
        If the `.json` is not beside the engine.
    ValueError
        If the engine cannot be loaded here, has other inputs or outputs than its facts say, or there is no such GPU.
    """

    library = "TensorRT"

    def __init__(self, path: Path, *, device: str | None = None) -> None:
        try:
            import tensorrt  # noqa: F401
        except ImportError as error:
            raise ImportError(f"model {str(path)!r} needs NVIDIA's package tensorrt: pip install tensorrt") from error
        self._path = path.absolute()
        facts = self._path.with_suffix(".json")
        if not facts.is_file():
            raise FileNotFoundError(f"model must have its facts beside it but {facts} is no file")
        try:
            self.info = read_facts(json.loads(facts.read_text(encoding="utf-8")), path.stem)
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(
                f"{facts} must hold the facts that `bottomup export tensorrt` wrote but: {error}"
            ) from error
        self.device = _cuda(device)
        self._engine = PerProcess(partial(_Engine, self._path, self.device, OUTPUTS[self.info.task]))
        self._engine()  # what is wrong is told at once

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(TensorRTBackend, device=self.device), (self._path,)  # a pickle is loaded from the same file

    def run(self, images: npt.NDArray[np.uint8]) -> Outputs:
        """See `Backend.run`."""
        images, engine = check_images(images, self.alignment), self._engine()
        parts = [engine(images[n : n + engine.most]) for n in range(0, len(images), engine.most)]
        heatmaps, *beside = (np.concatenate(part) for part in zip(*parts, strict=True))
        return heatmaps, beside[0] if beside else no_pafs(heatmaps)


class _Engine:
    """An engine with a context; the memory of its inputs and outputs is torch's.

    most: pictures that it takes at once.
    """

    def __init__(self, path: Path, device: str, outputs: tuple[str, ...]) -> None:
        import tensorrt

        self._device, self._outputs = device, outputs
        self._runtime = tensorrt.Runtime(tensorrt.Logger(tensorrt.Logger.ERROR))
        self._engine = self._runtime.deserialize_cuda_engine(path.read_bytes())
        if self._engine is None:
            raise ValueError(
                f"model must be an engine of this TensorRT ({tensorrt.__version__}) and this kind of GPU but "
                f"{str(path)!r} cannot be loaded"
            )
        names = {self._engine.get_tensor_name(n) for n in range(self._engine.num_io_tensors)}
        if names != {_INPUT, *outputs}:
            raise ValueError(f"model must have the tensors {[_INPUT, *outputs]} but {str(path)!r} has {sorted(names)}")
        _, _, largest = self._engine.get_tensor_profile_shape(_INPUT, 0)
        self.most = int(largest[0])
        self._context = self._engine.create_execution_context()
        self._lock = threading.Lock()  # a context serves one caller at a time

    def __call__(self, images: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.float32]]:
        import torch

        with self._lock:
            if not self._context.set_input_shape(_INPUT, images.shape):
                least, _, largest = (tuple(shape) for shape in self._engine.get_tensor_profile_shape(_INPUT, 0))
                raise ValueError(
                    f"images must have a shape from {least} to {largest}, for which the engine was made, but have "
                    f"{images.shape}"
                )
            shown = torch.from_numpy(images).to(self._device)
            answers = [
                torch.empty(tuple(self._context.get_tensor_shape(name)), dtype=torch.float32, device=self._device)
                for name in self._outputs
            ]
            for name, tensor in zip((_INPUT, *self._outputs), (shown, *answers), strict=True):
                self._context.set_tensor_address(name, tensor.data_ptr())
            stream = torch.cuda.current_stream(self._device) if self._device != "cpu" else None
            if not self._context.execute_async_v3(0 if stream is None else stream.cuda_stream):
                raise RuntimeError(f"TensorRT cannot run the network on {images.shape}")
            return [answer.cpu().numpy() for answer in answers]  # waits for the stream


def _cuda(device: str | None) -> str:
    """The name of the GPU; ValueError if it is none that is there."""
    from bottomup.networks.backends.torch import choose_device

    chosen = choose_device("cuda" if device is None else device)
    if chosen.type != "cuda":
        raise ValueError(f"device must be a GPU, 'cuda' or 'cuda:N', for an engine of TensorRT but is {device!r}")
    return f"cuda:{chosen.index or 0}"
