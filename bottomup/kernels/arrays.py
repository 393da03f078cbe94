"""What the kernels accept as a field: checks that name the argument, and where the array lives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.kernels.gpu_arrays import GpuArray, gpu_array


def check_field(name: str, field: Any, channels: int | None = None) -> npt.NDArray[np.floating] | GpuArray:
    """A field as a (B, C, h, w) array, without copying it; (C, h, w) becomes a batch of one.

    Parameters
    ----------
    name:
        The argument's name, for messages.
    field:
        Array-like on the CPU, float32 or float16, or anything on a GPU with DLPack or `__cuda_array_interface__`,
        bfloat16 too; any memory order.
    channels:
        How many channels it must have; None allows any number.

    Raises TypeError for a wrong dtype, ValueError for a wrong shape.
    """
    on_gpu = gpu_array(name, field)
    if on_gpu is not None:
        return _check_gpu_array(name, on_gpu, channels)
    try:
        array = np.asarray(field)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{name} must be a float32 or float16 array but is {type(field).__name__}: {error}") from error
    if array.dtype not in (np.dtype(np.float32), np.dtype(np.float16)):
        raise TypeError(f"{name} must be float32 or float16 but is {array.dtype}")
    _check_shape(name, array.shape, channels)
    if not array.flags.aligned:
        array = array.copy()
    return array if array.ndim == 4 else array[None]


def _check_gpu_array(name: str, array: GpuArray, channels: int | None) -> GpuArray:
    _check_shape(name, array.shape, channels)
    if len(array.shape) == 4:
        return array
    return replace(array, shape=(1, *array.shape), strides=(0, *array.strides))


def _check_shape(name: str, shape: tuple[int, ...], channels: int | None) -> None:
    expected = "C" if channels is None else str(channels)
    if len(shape) not in (3, 4):
        raise ValueError(f"{name} must have shape ({expected}, h, w) or (B, {expected}, h, w) but has {shape}")
    if channels is not None and shape[-3] != channels:
        raise ValueError(f"{name} must have {channels} channels but has shape {shape}")
    if 0 in shape[-2:] or (shape[-3] == 0 and channels != 0):  # a skeleton without limbs has no paf channels
        raise ValueError(f"{name} must not be empty but has shape {shape}")


def check_number(name: str, value: float) -> None:
    """Raise ValueError if a threshold is NaN, which every comparison with it would take for a quiet no."""
    if np.isnan(value):
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


def find_non_finite(array: npt.NDArray[np.floating]) -> tuple[int, int, int, int] | None:
    """The first place of a (B, C, h, w) array that is NaN or infinite."""
    bad = ~np.isfinite(array)
    if not bad.any():
        return None
    b, c, r, w = np.unravel_index(int(bad.argmax()), array.shape)
    return int(b), int(c), int(r), int(w)
