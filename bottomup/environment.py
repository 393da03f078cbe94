"""Facts about the installation and the machine: what a bug report needs and what explains a slow or failing one."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_OPENCV = ("opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless")
# Distribution name, and the extra that installs it where the package does without.
_PACKAGES = (
    ("torch", "train"), ("numpy", ""), ("scipy", ""), (_OPENCV[0], ""), ("networkx", ""), ("safetensors", ""),
    ("pillow", ""), ("openvino", "openvino"), ("onnxruntime", "onnx"),
    ("pycocotools", "eval"), ("scikit-image", "sample"),
)  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """One line of the report; `ok` is False where something is broken, as opposed to merely absent."""

    group: str
    name: str
    value: str
    ok: bool = True


def installed_version() -> str:
    """This package's version, without importing any of it."""
    try:
        return importlib.metadata.version("bottomup")
    except importlib.metadata.PackageNotFoundError:
        return "unknown (run from its source folder, not installed)"


def findings() -> Iterator[Finding]:
    """Everything, one by one. Never raises: what cannot be found out is a finding too."""
    for group, look in (
        ("system", _system),
        ("packages", _packages),
        ("kernels", _kernels),
        ("GPU", _gpu),
        ("networks", _networks),
    ):
        try:
            for name, value, ok in look():
                yield Finding(group, name, value, ok)
        except Exception as error:  # a broken part is what this command is asked to report
            yield Finding(group, "error", f"{type(error).__name__}: {error}", ok=False)


Rows = Iterator[tuple[str, str, bool]]


def _system() -> Rows:
    yield "Python", f"{platform.python_version()} ({sys.executable})", True
    yield "platform", platform.platform(), True
    yield "CPU cores", _cores(), True


def _cores() -> str:
    there = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    return str(there) if usable == there else f"{usable} usable of {there}"


def _packages() -> Rows:
    yield "bottomup", f"{installed_version()} ({Path(__file__).parent})", True
    for name, extra in _PACKAGES:
        version = _version(name)
        if version is None and name == _OPENCV[0]:  # the others bring the same module
            version = next((f"{found} ({other})" for other in _OPENCV if (found := _version(other))), None)
        if version is None:
            hint = f"not installed (optional: pip install 'bottomup[{extra}]')" if extra else "not installed"
            yield name, hint, bool(extra)
        else:
            yield name, version, True


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _kernels() -> Rows:
    try:
        from bottomup._extension import _C
    except ImportError as error:
        yield "extension", f"cannot be imported: {error}", False
        return
    build = _C.build_info()
    yield "extension", f"version {build['version']}, built with {build['compiler']}", True
    yield "CPU instructions", _C.cpu_isa(), True
    if build["cuda"]:
        yield (
            "CUDA kernels",
            f"compiled in, toolkit {build['cuda']} for {_architectures(build['cuda_architectures'])}",
            True,
        )
    else:
        yield "CUDA kernels", "not compiled in (BOTTOMUP_WITH_CUDA=ON builds them)", True


def _architectures(cmake_names: str) -> str:
    """CMake's "90-real 100-virtual", for one, as people know it: "sm_90, PTX for 100 and newer"."""
    known = []
    for name in cmake_names.split():
        number, _, kind = name.partition("-")
        if kind != "virtual":
            known.append(f"sm_{number}")
        if kind != "real":
            known.append(f"PTX for {number} and newer")
    return ", ".join(known)


def _gpu() -> Rows:
    try:
        import torch
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        yield "torch", "not installed; OpenVINO and ONNX Runtime run networks without it", True
        return
    built_for = getattr(torch.version, "cuda", None)
    yield "torch", f"built for CUDA {built_for}" if built_for else "built for the CPU", True
    if not torch.cuda.is_available():
        yield "GPU", "none that torch can use", True
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        memory = f"{properties.total_memory / 2**30:.0f} GiB"
        yield f"GPU {index}", f"{properties.name}, {memory}, compute {properties.major}.{properties.minor}", True
    from bottomup._extension import _C

    seen, there = _C.cuda_device_count(), torch.cuda.device_count()
    toolkit = _C.build_info()["cuda"]
    # A wheel of torch may be content with an older driver than the toolkit that the kernels were built with.
    hint = f" of torch's {there}: the driver may be too old for CUDA {toolkit}" if toolkit and seen < there else ""
    yield "GPUs the kernels see", f"{seen}{hint}", not hint
    for index, fault in enumerate(_C.cuda_device_faults()):
        yield f"kernels on GPU {index}", fault or "run", not fault


def _networks() -> Rows:
    from bottomup.weights import cache_folder, find_weights, list_weights

    for network in list_weights():
        path = find_weights(network.name)
        missing = "to download" if network.files else "missing from the package"
        yield network.name, str(path) if path else missing, bool(path or network.files)
    offline = os.environ.get("BOTTOMUP_WEIGHTS")
    yield "cache", str(cache_folder()), True
    yield "BOTTOMUP_WEIGHTS", offline or "not set", not offline or Path(offline).expanduser().is_dir()
