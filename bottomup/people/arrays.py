"""The arrays of People: checked, copied and read-only."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
Index = slice | npt.NDArray[np.bool_] | npt.NDArray[np.integer[Any]] | list[bool] | list[int]


def check_skeleton(skeleton: object) -> None:
    """TypeError unless it is a Skeleton."""
    if not isinstance(skeleton, Skeleton):
        raise TypeError(f"skeleton must be a Skeleton but is a {type(skeleton).__name__}")


def freeze(argument: str, values: Any, shape: tuple[int | None, ...]) -> FloatArray:
    """A read-only float32 copy; `None` in the shape stands for any number."""
    array = np.asarray(values)
    expected = (
        "(" + ", ".join("N" if side is None else str(side) for side in shape) + ("," if len(shape) == 1 else "") + ")"
    )
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{argument} must be real numbers but has dtype {array.dtype}")
    if array.ndim != len(shape) or any(side not in (None, size) for side, size in zip(shape, array.shape, strict=True)):
        raise ValueError(f"{argument} must have shape {expected} but has {array.shape}")
    with np.errstate(over="ignore"):  # what becomes infinite is reported by the caller
        frozen: FloatArray = np.array(array, np.float32)
    frozen.setflags(write=False)
    return frozen


def freeze_flags(argument: str, values: Any, shape: tuple[int, ...]) -> BoolArray:
    """A read-only copy of truth values; None are all false. ValueError says what is wrong with them."""
    if values is None:
        return no_flags(shape)
    array = np.asarray(values)
    if array.dtype != np.bool_:
        raise ValueError(f"{argument} must be bool but has dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{argument} must have shape {shape} but has {array.shape}")
    frozen: BoolArray = np.array(array)
    frozen.setflags(write=False)
    return frozen


def no_flags(shape: tuple[int, ...]) -> BoolArray:
    """Read-only truth values that are all false."""
    flags = np.zeros(shape, bool)
    flags.setflags(write=False)
    return flags


def freeze_ids(values: Any, count: int) -> IntArray:
    """A read-only int64 copy of (count,) ids; ValueError says what is wrong with them."""
    array = np.asarray(values)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise ValueError(f"ids must be whole numbers but have dtype {array.dtype}")
    if array.shape != (count,):
        raise ValueError(f"ids must have shape ({count},), one for each person, but have {array.shape}")
    if array.size and (array.min() < 0 or array.max() > np.iinfo(np.int64).max):
        wrong = array[(array < 0) | (array > np.iinfo(np.int64).max)][0]
        raise ValueError(f"ids must be from 0 to {np.iinfo(np.int64).max} but have {wrong}")
    frozen: IntArray = np.array(array, np.int64)
    frozen.setflags(write=False)
    return frozen


def index_array(index: Any, length: int) -> npt.NDArray[Any]:
    """A mask (N,) of that length, or indices (M,); IndexError says what else it is."""
    if isinstance(index, str):
        wanted = "index must be a number, a slice, a mask or indices"
        raise IndexError(f"{wanted} but is {index!r}: a Person has named joints")
    array = np.asarray(index)
    if array.size == 0 and array.dtype != np.bool_:
        array = array.astype(np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iub":
        was = f"is a {type(index).__name__} of shape {array.shape} and dtype {array.dtype}"
        raise IndexError(f"index must be a number, a slice, a mask (N,) or indices (M,) but {was}")
    if array.dtype == np.bool_ and len(array) != length:
        raise IndexError(f"index must be a mask of {length} people but has {len(array)} values")
    return array
