"""Arrays of other libraries: what DLPack's capsule says of them, and when their memory is given back."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from bottomup._extension import _C
from bottomup.kernels import find_peaks

needs_cuda_code = pytest.mark.skipif(not _C.build_info()["cuda"], reason="built without CUDA")


def test_dlpack_says_where_and_what() -> None:
    array = np.zeros((2, 3, 5, 7), np.float32)[:, ::-1, 1:, ::2]
    kind, index, address, dtype, shape, strides, _ = _C.take_dlpack(array.__dlpack__())
    assert (kind, index, dtype) == (1, 0, "float32")
    assert (address, shape, strides) == (array.ctypes.data, array.shape, array.strides)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64", "int32", "uint8", "complex64"])
def test_dlpack_names_the_types_of_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.zeros(2, 3, dtype=getattr(torch, dtype)).T
    *_, name, shape, strides, _ = _C.take_dlpack(tensor.__dlpack__())
    assert (name, shape) == (dtype, (3, 2))
    assert strides == (tensor.element_size(), 3 * tensor.element_size())


def test_dlpack_arrays_of_the_newer_version() -> None:
    array = np.arange(6, dtype=np.float32)
    try:
        capsule = array.__dlpack__(max_version=(1, 0))
    except TypeError:
        pytest.skip("this NumPy gives no versioned capsules")
    assert "versioned" in repr(capsule)
    assert _C.take_dlpack(capsule)[2] == array.ctypes.data


@pytest.mark.parametrize("versioned", [False, True])
def test_dlpack_keeps_the_memory_as_long_as_its_owner_lives(versioned: bool) -> None:
    class Array(np.ndarray[Any, Any]):
        pass

    array = np.zeros(5, np.float32).view(Array)
    kept = weakref.ref(array)
    taken = _C.take_dlpack(array.__dlpack__(max_version=(1, 0)) if versioned else array.__dlpack__())
    del array
    assert kept() is not None
    del taken
    assert kept() is None


def test_a_capsule_is_taken_once() -> None:
    capsule = np.zeros(3, np.float32).__dlpack__()
    _C.take_dlpack(capsule)
    with pytest.raises(ValueError, match="must be an unused dltensor capsule but is named 'used_dltensor'"):
        _C.take_dlpack(capsule)


class OnGpuByDlpack:
    """Says that it is on a GPU and hands out what `__dlpack__` is told to."""

    def __init__(self, give: Any) -> None:
        self.give, self.streams = give, list[int]()

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, *, stream: int) -> Any:
        self.streams.append(stream)
        if isinstance(self.give, Exception):
            raise self.give
        return self.give.__dlpack__()


@needs_cuda_code
def test_arrays_that_are_not_given_away_are_refused() -> None:
    with pytest.raises(TypeError, match="heatmaps must be an array that DLPack can pass on but is OnGpuByDlpack: no"):
        find_peaks(OnGpuByDlpack(BufferError("no")))


@needs_cuda_code
def test_dlpack_is_told_the_legacy_stream() -> None:
    field = OnGpuByDlpack(np.zeros((3, 5, 5)))
    with pytest.raises(TypeError, match="heatmaps must be float32, float16 or bfloat16 but is float64"):
        find_peaks(field)
    assert field.streams == [1]


@needs_cuda_code
def test_arrays_with_a_mask_are_refused() -> None:
    class Masked:
        __cuda_array_interface__ = {  # noqa: RUF012
            "shape": (1, 2, 2), "typestr": "<f4", "data": (4096, True), "version": 3, "mask": object(),
        }  # fmt: skip

    with pytest.raises(TypeError, match="heatmaps must be an array without a mask"):
        find_peaks(Masked())
