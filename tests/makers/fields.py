"""Random fields, candidates and memory layouts that the kernels' tests share, and fields in the memory of a GPU."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from bottomup._extension import _C
from bottomup.kernels import Candidates
from bottomup.skeleton import Skeleton

Field = npt.NDArray[np.floating]

THREE = Skeleton("three", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1, 0.1, 0.1))

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(_C.cuda_device_count() == 0, reason="no GPU, or built without CUDA")),
]


# The CUDA sources compiled for the processor (tests/cuda_on_host) take its memory for a GPU's.
ON_HOST = _C.build_info()["cuda"] == "stand-in"


def _device_memory(raw: bytes) -> Any:
    if ON_HOST:
        memory = np.empty(len(raw) + 16, np.uint8)
        aligned = memory[-memory.ctypes.data % 16 :][: len(raw)]  # as a GPU's is, at least
        aligned[:] = np.frombuffer(raw, np.uint8)
        return aligned
    torch = pytest.importorskip("torch")
    return torch.frombuffer(bytearray(raw), dtype=torch.uint8).cuda()


def _address(memory: Any) -> int:
    return int(memory.ctypes.data if ON_HOST else memory.data_ptr())


class OnGpu:
    """A copy of an array in GPU memory, byte for byte, so that it keeps any layout that NumPy can express."""

    def __init__(self, array: Field) -> None:
        spans = [stride * (side - 1) for side, stride in zip(array.shape, array.strides, strict=True)]
        low = sum(min(span, 0) for span in spans)
        high = sum(max(span, 0) for span in spans) + array.itemsize
        raw = ctypes.string_at(array.ctypes.data + low, high - low)
        self._memory = _device_memory(raw)
        self.shape = array.shape
        self.__cuda_array_interface__ = {
            "shape": array.shape,
            "strides": array.strides,
            "typestr": array.dtype.str,
            "data": (_address(self._memory) - low, True),
            "version": 3,
        }

    @classmethod
    def empty(cls, array: Field) -> OnGpu:
        """An array of no values, which has no memory."""
        made = cls.__new__(cls)
        made.shape = array.shape
        made.__cuda_array_interface__ = {
            "shape": array.shape, "typestr": array.dtype.str, "data": (0, True), "version": 3,
        }  # fmt: skip
        return made

    @classmethod
    def bfloat16(cls, array: Field) -> Any:
        """The values, which must be bfloat16's, as such; through DLPack, since NumPy has no such type."""
        torch = pytest.importorskip("torch")
        tensor = torch.from_numpy(array).bfloat16()
        return _TakenForGpu(tensor) if ON_HOST else tensor.cuda()


class _TakenForGpu:
    """A tensor of torch's on the CPU that says that it is on a GPU."""

    def __init__(self, tensor: Any) -> None:
        self._tensor = tensor
        self.shape = tuple(tensor.shape)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, 0

    def __dlpack__(self, *, stream: int) -> Any:
        assert stream == 1
        return self._tensor.__dlpack__()


def rounded_to_bfloat16(array: Field) -> Field:
    """The nearest values towards zero that bfloat16 has, as float32."""
    return (np.ascontiguousarray(array, np.float32).view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)


def on(device: str, array: Field) -> Any:
    return array if device == "cpu" else OnGpu(array)


def _strided(array: Field) -> Field:
    b, c, h, w = array.shape
    spacious = np.full((2 * b, 2 * c, 3 * h, 2 * w), np.nan, array.dtype)
    spacious[::2, 1::2, 2::3, 1::2] = array
    return spacious[::2, 1::2, 2::3, 1::2]


def _unaligned(array: Field) -> Field:
    moved: Field = np.ndarray(array.shape, array.dtype, bytearray(array.nbytes + 1), offset=1)
    moved[...] = array
    return moved


def _read_only(array: Field) -> Field:
    array = array.copy()
    array.setflags(write=False)
    return array


# Each gives an array of the same values that lies differently in memory.
LAYOUTS: dict[str, Callable[[Field], Field]] = {
    "contiguous": np.ascontiguousarray,
    "fortran": np.asfortranarray,
    "channels last": lambda a: np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2),
    "planes transposed": lambda a: np.ascontiguousarray(a.swapaxes(2, 3)).swapaxes(2, 3),
    "batch inside": lambda a: np.ascontiguousarray(a.transpose(2, 3, 1, 0)).transpose(3, 2, 0, 1),
    "with steps": _strided,
    "backwards": lambda a: np.ascontiguousarray(a[::-1, ::-1, ::-1, ::-1])[::-1, ::-1, ::-1, ::-1],
    "unaligned": _unaligned,
    "read-only": _read_only,
}
GPU_LAYOUTS = sorted(set(LAYOUTS) - {"unaligned"})  # a GPU cannot read those


def _blobs(rng: np.random.Generator, shape: Sequence[int]) -> Field:
    """Gaussians, as a network draws them, on a little noise."""
    rows, columns = np.indices(shape[-2:])
    out = rng.normal(0, 0.02, shape)
    for plane in out.reshape(-1, *shape[-2:]):
        for _ in range(rng.integers(0, 4)):
            y, x = rng.uniform(-1, shape[-2]), rng.uniform(-1, shape[-1])
            squared = (rows - y) ** 2 + (columns - x) ** 2
            np.maximum(plane, np.exp(-0.5 * squared / rng.uniform(0.7, 3) ** 2), out=plane)
    return out


KINDS: dict[str, Callable[[np.random.Generator, Sequence[int]], Field]] = {
    "noise": lambda rng, shape: rng.uniform(0, 1, shape),
    "signed noise": lambda rng, shape: rng.uniform(-1, 1, shape),
    "blobs": _blobs,
    "two levels": lambda rng, shape: rng.integers(0, 2, shape) * 0.5,
    "five levels": lambda rng, shape: rng.integers(-1, 4, shape) * 0.25,
    "zero": lambda rng, shape: np.zeros(shape),
    "constant": lambda rng, shape: np.full(shape, rng.uniform(0, 1)),
    "below the threshold": lambda rng, shape: rng.uniform(-3, 0.09, shape),
    "multiples of the least half": lambda rng, shape: rng.integers(0, 2000, shape) * 2.0**-24,
    "largest halves": lambda rng, shape: rng.choice([65504.0, 65472.0, 40000.0, 1.0, 0.0, -65504.0], shape),
}


def make_field(kind: str, seed: int, shape: Sequence[int], dtype: npt.DTypeLike = np.float32) -> Field:
    return np.asarray(KINDS[kind](np.random.default_rng(seed), shape)).astype(dtype)


kinds = st.sampled_from(sorted(KINDS))
seeds = st.integers(0, 2**32 - 1)
dtypes = st.sampled_from([np.float32, np.float16])
layouts = st.sampled_from(sorted(LAYOUTS))
# Rows longer and shorter than the 64 cells that the scan looks at together, and sides of one and two.
sizes = st.one_of(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.tuples(st.integers(1, 3), st.integers(60, 135)),
)


@st.composite
def fields(draw: st.DrawFn, channels: int | None = None) -> Field:
    """A (B, C, h, w) field of any kind, type, size and layout."""
    count = draw(st.integers(1, 3)) if channels is None else channels
    shape = (draw(st.integers(1, 2)), count, *draw(sizes))
    return LAYOUTS[draw(layouts)](make_field(draw(kinds), draw(seeds), shape, draw(dtypes)))


def make_candidates(
    seed: int, batch: int, joints: int, height: int, width: int, *, most: int = 6, whole: bool = False
) -> Candidates:
    """Candidates anywhere on a field and on its border, some at the same place, some less than a cell apart."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, most + 1, batch * joints)
    total = int(counts.sum())
    xy = rng.uniform(0, 1, (total, 2)) * (width - 1, height - 1)
    ends = rng.random((total, 2)) < 0.15
    xy = np.where(ends, rng.integers(0, 2, (total, 2)) * (width - 1, height - 1), xy)
    if total:
        near = xy[rng.integers(0, total, total)] + rng.choice([0.0, 0.3], (total, 1)) * rng.normal(0, 1, (total, 2))
        xy = np.where(rng.random((total, 1)) < 0.3, near, xy).clip(0, (width - 1, height - 1))
    xy = np.round(xy) if whole else xy
    return candidates_at(xy.astype(np.float32), counts, batch, joints)


def candidates_at(xy: npt.ArrayLike, counts: npt.ArrayLike, batch: int, joints: int) -> Candidates:
    points = np.asarray(xy, np.float32).reshape(-1, 2)
    ones = np.ones(len(points), np.float32)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Candidates(batch, joints, offsets, points, ones, ones)
