"""What the kernels accept as a field: checks that name the argument, and where the array lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup import _C

Shape4 = tuple[int, int, int, int]
_FLOATS = {"<f4": 4, "<f2": 2}


@dataclass(frozen=True)
class DeviceField:
    """A (B, C, h, w) float array in the memory of a GPU."""

    address: int
    itemsize: int
    shape: Shape4
    strides: Shape4
    stream: int
    owner: Any


def check_field(name: str, field: Any, channels: int | None = None) -> npt.NDArray[np.floating] | DeviceField:
    """A field as a (B, C, h, w) array, without copying it; (C, h, w) becomes a batch of one.

    Parameters
    ----------
    name:
        The argument's name, for messages.
    field:
        Array-like on the CPU, or anything with `__cuda_array_interface__`; float32 or float16, any memory order.
    channels:
        How many channels it must have; None allows any number.

    Raises TypeError for a wrong dtype, ValueError for a wrong shape.
    """
    if getattr(field, "__cuda_array_interface__", None) is not None:
        return _check_device_field(name, field, channels)
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


def _check_device_field(name: str, field: Any, channels: int | None) -> DeviceField:
    if not hasattr(_C, "find_peaks_cuda"):
        raise ValueError(f"{name} must be in CPU memory, since bottomup was built without CUDA, but is on a GPU")
    interface = field.__cuda_array_interface__
    if interface["typestr"] not in _FLOATS:
        raise TypeError(f"{name} must be float32 or float16 but is {interface['typestr']}")
    shape = tuple(int(side) for side in interface["shape"])
    _check_shape(name, shape, channels)
    itemsize = _FLOATS[interface["typestr"]]
    strides = interface.get("strides")
    if strides is None:
        strides = tuple(itemsize * int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
    if len(shape) == 3:
        shape, strides = (1, *shape), (0, *strides)
    address = int(interface["data"][0])
    if any(place % itemsize for place in (address, *strides)):
        raise ValueError(f"{name} must be aligned to its {itemsize} bytes per value on a GPU but is not")
    b, c, h, w = shape
    sb, sc, sr, sw = (int(stride) for stride in strides)
    # A missing stream means the legacy default stream, which waits for the work of the others.
    stream = int(interface.get("stream") or 0)
    return DeviceField(address, itemsize, (b, c, h, w), (sb, sc, sr, sw), stream, field)


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
