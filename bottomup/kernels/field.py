"""What the kernels accept as a field: one conversion at the door, and checks that name the argument."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.kernels.gpu_array import GpuArray, gpu_array

_CPU = 1  # DLPack's number for ordinary memory


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Heatmaps or part affinity fields of a batch, checked and wherever their library keeps them.

    Attributes
    ----------
    values:
        (B, C, h, w), in CPU memory or on a GPU. NumPy has no bfloat16: in CPU memory such a field is uint16, the upper
        halves of the floats.
    single:
        Whether it was one image, (C, h, w).
    """

    values: npt.NDArray[Any] | GpuArray
    single: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(B, C, h, w)."""
        return self.values.shape

    @property
    def longer_side(self) -> int:
        """The greater one of h and w."""
        return max(self.values.shape[2:])


def as_field(name: str, field: Any, channels: int | None = None) -> Field:
    """A field, without copying it; (C, h, w) becomes a batch of one.

    Parameters
    ----------
    name:
        The argument's name, for messages.
    field:
        Array-like on the CPU or anything with DLPack, or on a GPU with DLPack or `__cuda_array_interface__`; float32,
        float16 or bfloat16, any memory order. A Field is returned as it is.
    channels:
        How many channels it must have; None allows any number.

    Raises TypeError for a wrong dtype, ValueError for a wrong shape.
    """
    if isinstance(field, Field):
        _check_shape(name, field.shape, channels)
        return field
    on_gpu = gpu_array(name, field)
    if on_gpu is not None:
        _check_shape(name, on_gpu.shape, channels)
        if len(on_gpu.shape) == 4:
            return Field(on_gpu, False)
        return Field(replace(on_gpu, shape=(1, *on_gpu.shape), strides=(0, *on_gpu.strides)), True)
    array = _cpu_array(name, field)
    _check_shape(name, array.shape, channels)
    if not array.flags.aligned:
        array = array.copy()
    return Field(array, False) if array.ndim == 4 else Field(array[None], True)


def cpu_values(field: Field) -> npt.NDArray[Any]:
    """The values of a field in CPU memory; TypeError if it is on a GPU."""
    if isinstance(field.values, GpuArray):
        raise TypeError("a field must be in CPU memory here but is on a GPU")
    return field.values


def as_floats(array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """The values of a `Field` in CPU memory, or some of them, as float32."""
    if array.dtype == np.uint16:
        bits: npt.NDArray[np.uint32] = np.left_shift(array, 16, dtype=np.uint32)
        return bits.view(np.float32)
    return array.astype(np.float32, copy=False)


def _cpu_array(name: str, field: Any) -> npt.NDArray[Any]:
    try:
        array = np.asarray(field)
    except (TypeError, ValueError, RuntimeError) as error:
        bits = _bfloat16_bits(field)  # which torch does not pass to NumPy
        if bits is None:
            raise TypeError(
                f"{name} must be a float32, float16 or bfloat16 array but is {type(field).__name__}: {error}"
            ) from error
        return bits
    if array.dtype.name == "bfloat16":  # a NumPy type that the package ml_dtypes adds
        return array.view(np.uint16)
    if array.dtype not in (np.float32, np.float16):
        cast = ": astype(np.float32) makes it so" if array.dtype.kind in "fiu" else ""
        raise TypeError(f"{name} must be float32, float16 or bfloat16 but is {array.dtype}{cast}")
    return array


class _Lent:
    """Memory of another library, for NumPy to look at; the array that it makes keeps this object and so the owner."""

    def __init__(
        self, address: int, typestr: str, shape: tuple[int, ...], strides: tuple[int, ...], owner: Any
    ) -> None:
        self.owner = owner
        self.__array_interface__ = {
            "version": 3,
            "data": (address, True),
            "typestr": typestr,
            "shape": shape,
            "strides": strides,
        }


def _bfloat16_bits(field: Any) -> npt.NDArray[np.uint16] | None:
    """The bits of a bfloat16 array in CPU memory, without a copy; None if it is none or is not given away."""
    try:
        device, _, address, dtype, shape, strides, owner = _C.take_dlpack(field.__dlpack__())
    except Exception:  # whatever another library raises: the caller's own error says more
        return None
    if device != _CPU or dtype != "bfloat16":
        return None
    return np.asarray(_Lent(address, "=u2", shape, strides, owner))


def _check_shape(name: str, shape: tuple[int, ...], channels: int | None) -> None:
    expected = "C" if channels is None else str(channels)
    if len(shape) not in (3, 4):
        raise ValueError(f"{name} must have shape ({expected}, h, w) or (B, {expected}, h, w) but has {shape}")
    if channels is not None and shape[-3] != channels:
        raise ValueError(f"{name} must have {channels} channels but has shape {shape}")
    if 0 in shape[-2:] or (shape[-3] == 0 and channels != 0):  # a skeleton without limbs has no paf channels
        raise ValueError(f"{name} must not be empty but has shape {shape}")


def check_threshold(name: str, value: float) -> None:
    """Raise ValueError if a threshold is NaN, which every comparison with it would take for a quiet no."""
    if math.isnan(value):
        raise ValueError(f"{name} must be a number but is {value}")


def check_finite(name: str, place: tuple[int, int, int, int] | None) -> None:
    """Raise ValueError if a kernel reports a place (batch, channel, row, column) with a value that is not finite."""
    if place is None:
        return
    batch, channel, row, column = place
    where = f"batch {batch}, channel {channel}"
    if row >= 0:
        raise ValueError(f"{name} must be finite but holds NaN or infinity at {where}, row {row}, column {column}")
    raise ValueError(f"{name} must be finite but holds NaN or infinity, or overflows, at {where} or the next")


def find_non_finite(array: npt.NDArray[Any]) -> tuple[int, int, int, int] | None:
    """The first place of a field's values in CPU memory (B, C, h, w) that is NaN or infinite."""
    bad = ~np.isfinite(as_floats(array) if array.dtype == np.uint16 else array)
    if not bad.any():
        return None
    b, c, r, w = np.unravel_index(int(bad.argmax()), array.shape)
    return int(b), int(c), int(r), int(w)
