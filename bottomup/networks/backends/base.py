"""What runs a network: pictures in, fields out, whatever the file format and the library behind it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

BACKENDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"openvino": (".xml", ".safetensors"), "onnxruntime": (".onnx", ".safetensors"), "torch": (".safetensors",)}
)
"""The backends by name, with the endings of the files that they run; the quickest on a CPU comes first."""
# What has to be installed for a backend to run `.safetensors` files.
_PACKAGES = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx"), "torch": ()}


@runtime_checkable
class Backend(Protocol):
    """A network with its weights, ready to run.

    Attributes
    ----------
    skeleton:
        The joints and limbs of its fields.
    stride:
        Network pixels per cell of its fields.
    alignment:
        The sides of its input must be multiples of this.
    device:
        Where it runs, for example `cpu` or `cuda:0`.

    One that does not see fields in a whole picture has an attribute `task` that says what it does, and `crop_size`; see
    `NetworkConfig`. Its part affinity fields have no channels. One that sees everything higher than it is has an
    attribute `rise` that says by how many network pixels.
    """

    @property
    def skeleton(self) -> Skeleton: ...
    @property
    def stride(self) -> int: ...
    @property
    def alignment(self) -> int: ...
    @property
    def device(self) -> str: ...

    def run(self, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Heatmaps (B, K, h, w) and part affinity fields (B, 2L, h, w), float32, of (B, H, W, 3) uint8 BGR images.

        May be called from several threads at once.
        """
        ...


def load_backend(path: str | os.PathLike[str], *, device: str | None = None, backend: str | None = None) -> Backend:
    """Load a network file.

    Parameters
    ----------
    path:
        The `.safetensors` of `bottomup train`, OpenVINO's `.xml` (with its `.bin` beside it), or the `.onnx` of
        `bottomup export onnx`.
    device:
        `cpu`, `cuda` or `cuda:N`; None takes the GPU if the backend can use one.
    backend:
        `openvino`, `onnxruntime` or `torch`. None goes by the file's ending; for `.safetensors` it takes torch on a
        GPU, and on a CPU the first of these three that is installed.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the ending or the backend is unknown, the file is corrupt or holds another kind of network, or the
        device is not there.
    ImportError
        If the backend's library is not installed.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if backend is None:
        backend = _choose(path, device)
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {list(BACKENDS)} but is {backend!r}")
    if ending not in BACKENDS[backend]:
        wanted = " or ".join(BACKENDS[backend])
        raise ValueError(f"model must end in {wanted} for backend {backend!r} but is {str(path)!r}")
    if not path.is_file():
        raise FileNotFoundError(f"model must be an existing file but {str(path)!r} is none")
    if backend == "openvino":
        from bottomup.networks.backends.openvino import OpenVinoBackend, OpenVinoFieldBackend

        return (OpenVinoBackend if ending == ".xml" else OpenVinoFieldBackend)(path, device=device)
    if backend == "onnxruntime":
        from bottomup.networks.backends.onnxruntime import OnnxBackend

        return OnnxBackend(path, device=device)
    from bottomup.networks.backends.torch import TorchBackend

    return TorchBackend(path, device=device)


def _choose(path: Path, device: str | None) -> str:
    """The backend for a file if none is named."""
    fitting = [name for name, endings in BACKENDS.items() if path.suffix.lower() in endings]
    if not fitting:
        every = dict.fromkeys(ending for endings in BACKENDS.values() for ending in endings)
        raise ValueError(f"model must be a file that ends in {' or '.join(every)} but is {str(path)!r}")
    if "torch" in fitting and not _wants_cpu(device):
        return "torch"
    return next((name for name in fitting if all(map(_is_installed, _PACKAGES[name]))), fitting[0])


def _wants_cpu(device: str | None) -> bool:
    if device is None:
        import torch

        return not torch.cuda.is_available()
    return device == "cpu"


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def runtime(backend: Backend) -> str:
    """What runs a network and where, as people call it: `OpenVINO on cpu`."""
    return f"{getattr(backend, 'library', type(backend).__name__)} on {backend.device}"


def no_pafs(heatmaps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Part affinity fields of no limbs, (B, 0, h, w), beside heatmaps."""
    return np.zeros((len(heatmaps), 0, *heatmaps.shape[2:]), np.float32)


def check_outputs(
    backend: Backend, images: npt.NDArray[np.uint8], outputs: Any
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """What `backend.run(images)` gave; TypeError or ValueError if that is not what `Backend.run` promises."""
    name = type(backend).__name__
    if not (isinstance(outputs, tuple | list) and len(outputs) == 2):
        raise TypeError(f"backend {name} must give heatmaps and pafs but gave a {type(outputs).__name__}")
    batch, height, width, _ = images.shape
    heatmaps, pafs = outputs
    for field, channels, values in (
        ("heatmaps", backend.skeleton.num_joints, heatmaps),
        ("pafs", 2 * backend.skeleton.num_limbs, pafs),
    ):
        expected = (batch, channels, height // backend.stride, width // backend.stride)
        if np.shape(values) != expected:
            raise ValueError(f"backend {name} must give {field} of shape {expected} but gave {np.shape(values)}")
    return heatmaps, pafs


def check_images(images: npt.NDArray[np.uint8], alignment: int) -> npt.NDArray[np.uint8]:
    """The images of a `Backend.run` call, contiguous; ValueError if their shape, dtype or alignment is wrong."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] != 3 or 0 in images.shape or images.dtype != np.uint8:
        was = f"has shape {images.shape}, dtype {images.dtype}"
        raise ValueError(f"images must be an array of shape (B, H, W, 3) and dtype uint8 but {was}")
    if images.shape[1] % alignment or images.shape[2] % alignment:
        was = f"are {images.shape[1]} x {images.shape[2]}"
        raise ValueError(f"images must have sides that are multiples of {alignment} but {was} pixels")
    return np.ascontiguousarray(images)
