from typing import Any

import numpy as np
import numpy.typing as npt

_Place = tuple[int, int, int, int] | None
_Peaks = tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32], _Place]
_Pairs = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32], _Place]
_Found = tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.float32],
    npt.NDArray[np.float32],
    npt.NDArray[np.float32],
    npt.NDArray[np.int64],
    npt.NDArray[np.int32],
    npt.NDArray[np.int32],
    npt.NDArray[np.float32],
]

class LimbOptions:
    coverage: float
    sample_threshold: float
    max_limb_length: float
    max_samples: int
    good_affinity: float
    good_response: float
    search_radius: float
    fallback_radius: float

class TraceOptions:
    min_response: float
    max_pair_affinity: float
    min_sample: float
    min_support: float
    min_length: float
    clearance: float
    merge_radius: float

# A field is float32, float16 or, as uint16, the bits of bfloat16. Candidates are `Candidates`, pairs `LimbPairs`.
def find_peaks(heatmaps: npt.NDArray[Any], threshold: float, upsample: int, threads: int) -> _Peaks: ...
def score_limbs(
    pafs: npt.NDArray[Any],
    candidates: object,
    limbs: npt.NDArray[np.int32],
    threshold: float,
    options: LimbOptions,
    threads: int,
) -> _Pairs: ...
def trace_limbs(
    pafs: npt.NDArray[np.floating],
    candidates: object,
    pairs: object,
    limbs: npt.NDArray[np.int32],
    typical: npt.NDArray[np.float32],
    score: float,
    limb_options: LimbOptions,
    options: TraceOptions,
    threads: int,
) -> tuple[_Found | None, _Place]: ...

# Present only where the extension was built with a CUDA toolkit. A field is (address, dtype, shape, strides in bytes).
_GpuField = tuple[int, str, tuple[int, ...], tuple[int, ...]]

def find_peaks_cuda(
    heatmaps: _GpuField, threshold: float, upsample: int, stream: int, timings: dict[str, float] | None = None
) -> _Peaks: ...
def score_limbs_cuda(
    pafs: _GpuField,
    candidates: object,
    limbs: npt.NDArray[np.int32],
    threshold: float,
    options: LimbOptions,
    stream: int,
    timings: dict[str, float] | None = None,
) -> _Pairs: ...
def find_peaks_and_limbs_cuda(
    heatmaps: _GpuField,
    pafs: _GpuField,
    limbs: npt.NDArray[np.int32],
    peak_threshold: float,
    upsample: int,
    limb_threshold: float,
    options: LimbOptions,
    stream: int,
    pafs_stream: int,
    timings: dict[str, float] | None = None,
) -> tuple[_Peaks, _Pairs]: ...
def trace_limbs_cuda(
    pafs: _GpuField,
    candidates: object,
    pairs: object,
    limbs: npt.NDArray[np.int32],
    typical: npt.NDArray[np.float32],
    score: float,
    limb_options: LimbOptions,
    options: TraceOptions,
    stream: int,
) -> tuple[_Found | None, _Place]: ...
def release_cuda_memory() -> None: ...
def take_dlpack(
    capsule: object,
) -> tuple[int, int, int, str, tuple[int, ...], tuple[int, ...], object]: ...
def build_info() -> dict[str, str]: ...
def cpu_isa() -> str: ...
def cuda_device_count() -> int: ...
def cuda_device_faults() -> list[str]: ...

_Ints = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]
_Bools = npt.NDArray[np.bool_]

class GroupingRule:
    def __init__(
        self,
        limbs: npt.NDArray[np.int32],
        reach: _Floats,
        order: npt.NDArray[np.int32],
        patterns: _Bools,
        person_cost: float,
        missing_limb_cost: float,
        length_tolerance: float,
        height_ratio: float,
    ) -> None: ...

class WholeBody:
    def __init__(self, known: _Bools, mean: _Floats, covariance: _Floats) -> None: ...

class GroupingLinks:
    def __init__(
        self,
        rule: GroupingRule,
        types: _Ints,
        own: _Ints,
        other: _Ints,
        limb: _Ints,
        affinity: _Floats,
        length: _Floats,
    ) -> None: ...
    @staticmethod
    def of_image(
        rule: GroupingRule,
        image: int,
        offsets: _Ints,
        xy: npt.NDArray[np.float32],
        scores: npt.NDArray[np.float32],
        pair_offsets: _Ints,
        first: npt.NDArray[np.int32],
        second: npt.NDArray[np.int32],
        affinities: npt.NDArray[np.float32],
        least_typical: float,
        doubt: float,
        clear: float,
        weak_support: float,
        faint_response: float,
        peak_threshold: float,
    ) -> GroupingLinks: ...
    def split(self, candidates: _Ints) -> GroupingLinks: ...
    def pairs(self) -> tuple[_Ints, _Ints, _Ints, _Floats, _Floats]: ...
    def edges(
        self, joint: int, owner: _Ints, slots: _Ints, scales: _Floats, responses: _Floats
    ) -> tuple[_Ints, _Ints, _Floats]: ...
    def sweep(
        self, owner: _Ints, slots: _Ints, scales: _Floats, responses: _Floats, changed: _Bools | None
    ) -> tuple[_Ints, _Ints, _Floats, _Ints, _Bools]: ...
    def settle(
        self,
        owner: _Ints,
        slots: _Ints,
        scales: _Floats,
        responses: _Floats,
        most_sweeps: int,
        most_rounds: int,
    ) -> tuple[_Ints, _Ints, _Floats]: ...
    def measure(self, owner: _Ints, slots: _Ints, scales: _Floats, which: _Bools) -> _Floats: ...
    def objective(self, owner: _Ints, slots: _Ints, scales: _Floats, responses: _Floats) -> float: ...
    def share(
        self,
        owner: _Ints,
        slots: _Ints,
        scales: _Floats,
        responses: _Floats,
        sharing_joints: int,
        limit: float,
        same_limb: float,
        cost: float,
    ) -> tuple[_Ints, _Ints]: ...
    def mergers(self, owner: _Ints, slots: _Ints, scales: _Floats, touched: _Bools) -> tuple[_Ints, _Ints, _Ints]: ...
    def exchanges(self, owner: _Ints, slots: _Ints, scales: _Floats, touched: _Bools) -> tuple[_Ints, _Ints, _Ints]: ...
    def attach(
        self,
        owner: _Ints,
        slots: _Ints,
        scales: _Floats,
        xy: _Floats,
        body: WholeBody,
        orphan_joints: int,
        odds: float,
        height_spread: float,
    ) -> _Ints: ...
    def group(
        self,
        owner: _Ints,
        slots: _Ints,
        scales: _Floats,
        responses: _Floats,
        xy: _Floats,
        body: WholeBody,
        most_sweeps: int,
        most_rounds: int,
        orphan_joints: int,
        odds: float,
        height_spread: float,
        sharing_joints: int,
        limit: float,
        same_limb: float,
        cost: float,
    ) -> tuple[_Ints, _Ints, _Floats, _Ints]: ...
    def unite(self, owner: _Ints, slots: _Ints, scales: _Floats, numbers: _Ints) -> tuple[_Ints, _Ints, _Floats]: ...

def read_people(
    slots: _Ints,
    xy: _Floats,
    scores: _Floats,
    sure: _Bools | None,
    stride: float,
    longest: float,
    size_weight: float,
    joint_threshold: float,
    person_threshold: float,
    core_threshold: float,
    min_joints: int,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32], bool]: ...
def match(person: _Ints, candidate: _Ints, weight: _Floats, people: int) -> _Ints: ...
def typical_affinities(
    joints: int,
    limbs: int,
    offsets: _Ints,
    scores: npt.NDArray[np.float32],
    pair_offsets: _Ints,
    first: npt.NDArray[np.int32],
    second: npt.NDArray[np.int32],
    affinities: npt.NDArray[np.float32],
) -> _Floats: ...
