from typing import Any

import numpy as np
import numpy.typing as npt

_Place = tuple[int, int, int, int] | None
_Peaks = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32], _Place]
_Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32], _Place]
_Ends = tuple[
    npt.NDArray[np.int32],
    npt.NDArray[np.float32],
    npt.NDArray[np.float32],
    npt.NDArray[np.float32],
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.float32],
    _Place,
]

# A field is float32, float16 or, as uint16, the bits of bfloat16.
def find_peaks(heatmaps: npt.NDArray[Any], threshold: float, threads: int) -> _Peaks: ...
def score_limbs(
    pafs: npt.NDArray[Any],
    xy: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    joints: int,
    limbs: npt.NDArray[np.int32],
    threshold: float,
    coverage: float,
    sample_threshold: float,
    max_length: float,
    max_samples: int,
    threads: int,
) -> _Pairs: ...
def trace_limbs(
    pafs: npt.NDArray[np.floating],
    xy: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    extents: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    joints: int,
    pair_offsets: npt.NDArray[np.int64],
    first: npt.NDArray[np.int32],
    second: npt.NDArray[np.int32],
    affinities: npt.NDArray[np.float32],
    limbs: npt.NDArray[np.int32],
    typical: npt.NDArray[np.float32],
    rule: dict[str, float],
) -> _Ends: ...

# Present only where the extension was built with a CUDA toolkit.
def find_peaks_cuda(
    address: int,
    dtype: str,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    threshold: float,
    stream: int,
) -> _Peaks: ...
def score_limbs_cuda(
    address: int,
    dtype: str,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    xy: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.int64],
    joints: int,
    limbs: npt.NDArray[np.int32],
    threshold: float,
    coverage: float,
    sample_threshold: float,
    max_length: float,
    max_samples: int,
    stream: int,
) -> _Pairs: ...
def take_dlpack(
    capsule: object,
) -> tuple[int, int, int, str, tuple[int, ...], tuple[int, ...], object]: ...
def build_info() -> dict[str, str]: ...
def cpu_isa() -> str: ...
def cuda_device_count() -> int: ...
