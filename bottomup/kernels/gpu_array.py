"""Arrays in the memory of a GPU, taken as they are from whatever library made them: DLPack or its CUDA forerunner."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from bottomup._extension import _C

# DLPack's numbers for device memory and for memory that moves by itself.
_CUDA, _CUDA_MANAGED = 2, 13
_ITEMSIZES = {"float32": 4, "float16": 2, "bfloat16": 2}
_TYPESTRS = {"<f4": "float32", "<f2": "float16"}
# CUDA's handle of the legacy default stream, which waits for the work of the others.
_LEGACY_STREAM = 1


@dataclass(frozen=True)
class GpuArray:
    """A float array in the memory of a GPU.

    Attributes
    ----------
    address:
        Of the first value, in bytes.
    dtype:
        "float32", "float16" or "bfloat16".
    shape, strides:
        As in NumPy: strides in bytes, of any sign.
    stream:
        Handle of the CUDA stream after whose work the values are there, and on which they are to be read.
    owner:
        What keeps the memory alive.
    """

    address: int
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    stream: int
    owner: Any

    @property
    def layout(self) -> tuple[int, str, tuple[int, ...], tuple[int, ...]]:
        """Address, dtype, shape and strides: what the compiled kernels are told of the array."""
        return self.address, self.dtype, self.shape, self.strides


def gpu_array(name: str, field: Any) -> GpuArray | None:
    """The array as it lies in GPU memory, without a copy; None if it is not on a GPU.

    Raises TypeError for another dtype than float32, float16 and bfloat16 or an array that its library does not give
    away, ValueError without CUDA kernels or for unaligned memory.
    """
    if isinstance(field, np.ndarray):
        return None
    by_dlpack = _dlpack_device(field) in (_CUDA, _CUDA_MANAGED)
    interface = None if by_dlpack else _interface(field)
    if not by_dlpack and interface is None:
        return None
    if not hasattr(_C, "find_peaks_cuda"):
        raise ValueError(f"{name} must be in CPU memory, since bottomup was built without CUDA, but is on a GPU")
    array = _from_dlpack(name, field) if interface is None else _from_interface(name, field, interface)
    itemsize = _ITEMSIZES[array.dtype]
    if any(place % itemsize for place in (array.address, *array.strides)):
        raise ValueError(f"{name} must be aligned to its {itemsize} bytes per value on a GPU but is not")
    return array


def _dlpack_device(field: Any) -> int | None:
    try:
        return int(field.__dlpack_device__()[0])
    except Exception:  # no DLPack, or on a device that has no number: not for us
        return None


def _interface(field: Any) -> dict[str, Any] | None:
    interface: dict[str, Any] | None = getattr(field, "__cuda_array_interface__", None)
    return interface


def _from_dlpack(name: str, field: Any) -> GpuArray:
    try:
        with _current_device(field):
            capsule = field.__dlpack__(stream=(stream := _stream(field)))  # has its library order its work before ours
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be an array that DLPack can pass on but is {type(field).__name__}: {error}"
        ) from error
    _, _, address, dtype, shape, strides, owner = _C.take_dlpack(capsule)
    if dtype not in _ITEMSIZES:
        raise TypeError(f"{name} must be float32, float16 or bfloat16 but is {dtype}")
    return GpuArray(address, dtype, shape, strides, stream, owner)


def _is_tensor(field: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(field, torch.Tensor)


def _current_device(field: Any) -> AbstractContextManager[Any]:
    """Makes the array's GPU the current one where its library asks for that: torch passes on no other's tensors."""
    return sys.modules["torch"].cuda.device(field.device) if _is_tensor(field) else nullcontext()


def _stream(field: Any) -> int:
    """The stream on which the array's library works now."""
    if _is_tensor(field):
        torch = sys.modules["torch"]
        return int(torch.cuda.current_stream(field.device).cuda_stream) or _LEGACY_STREAM
    return _interface_stream(_interface(field) or {})


def _interface_stream(interface: dict[str, Any]) -> int:
    # A missing stream means that the array's library asks for no order; the legacy stream is the safe choice.
    return int(interface.get("stream") or _LEGACY_STREAM)


def _from_interface(name: str, field: Any, interface: dict[str, Any]) -> GpuArray:
    if interface["typestr"] not in _TYPESTRS:
        raise TypeError(f"{name} must be float32, float16 or bfloat16 but is {interface['typestr']}")
    if interface.get("mask") is not None:
        raise TypeError(f"{name} must be an array without a mask but has one")
    dtype = _TYPESTRS[interface["typestr"]]
    shape = tuple(int(side) for side in interface["shape"])
    strides = interface.get("strides")
    if strides is None:
        strides = tuple(_ITEMSIZES[dtype] * int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    return GpuArray(
        int(interface["data"][0]),
        dtype,
        shape,
        tuple(int(stride) for stride in strides),
        _interface_stream(interface),
        field,
    )
