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

class StrokeOptions:
    casing_opacity: float
    min_casing: float
    casing_width: float
    min_limb_opacity: float
    min_dot_radius: float
    light_radius: float

class TagOptions:
    tolerance_factor: float
    min_tolerance: float
    max_tolerance: float
    clear_response: float
    min_agreement: float
    distance_weight: float
    max_limb_length: float
    min_response: float
    search_tolerance: float
    search_reach: float
    far_reach: float

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

_Floats32 = npt.NDArray[np.float32]
_Ints32 = npt.NDArray[np.int32]

class TagSearch:
    def __init__(
        self,
        images: _Ints32,
        xy: _Floats32,
        scores: _Floats32,
        values: _Floats32,
        tolerances: _Floats32,
        limbs: _Ints32,
        lengths: _Floats32,
    ) -> None: ...

def read_tags(
    tags: npt.NDArray[Any], depth: int, images: _Ints32, joints: _Ints32, xy: _Floats32
) -> tuple[_Floats32, _Place]: ...
def score_tags(
    tags: _Floats32,
    candidates: object,
    limbs: _Ints32,
    skeleton_limbs: int,
    images: int,
    longer_side: float,
    options: TagOptions,
) -> tuple[npt.NDArray[np.int64], _Ints32, _Ints32, _Floats32, _Floats32]: ...
def search_windows(
    heatmaps: npt.NDArray[Any], tags: npt.NDArray[Any], depth: int, search: TagSearch, options: TagOptions, threads: int
) -> tuple[_Ints32, _Ints32, _Floats32, _Floats32]: ...

# Present only where the extension was built with a CUDA toolkit. A field is (address, dtype, shape, strides in bytes).
_GpuField = tuple[int, str, tuple[int, ...], tuple[int, ...]]

def find_peaks_cuda(
    heatmaps: _GpuField, threshold: float, upsample: int, stream: int, timings: object = None
) -> _Peaks: ...
def score_limbs_cuda(
    pafs: _GpuField,
    candidates: object,
    limbs: npt.NDArray[np.int32],
    threshold: float,
    options: LimbOptions,
    stream: int,
    timings: object = None,
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
    timings: object = None,
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
def read_tags_cuda(
    tags: _GpuField, depth: int, images: _Ints32, joints: _Ints32, xy: _Floats32, stream: int
) -> tuple[_Floats32, _Place]: ...
def search_windows_cuda(
    heatmaps: _GpuField, tags: _GpuField, depth: int, search: TagSearch, options: TagOptions, stream: int
) -> tuple[_Ints32, _Ints32, _Floats32, _Floats32]: ...
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

class GroupingModel:
    def __init__(
        self, skeleton: object, prior: object, grouping: object, fragments: object, sharing: object
    ) -> None: ...

class PersonJointGraph:
    def __init__(self, model: GroupingModel, types: _Ints, xy: _Floats, responses: _Floats, pairs: object) -> None: ...
    @staticmethod
    def of_image(
        model: GroupingModel,
        image: int,
        candidates: object,
        pairs: object,
        peak_threshold: float,
        typical_affinity: float,
    ) -> PersonJointGraph: ...
    def copy(self) -> PersonJointGraph: ...
    @property
    def types(self) -> _Ints: ...
    @property
    def xy(self) -> _Floats: ...
    @property
    def responses(self) -> _Floats: ...
    @property
    def scores(self) -> _Floats: ...
    @property
    def person_of(self) -> _Ints: ...
    @property
    def members(self) -> _Ints: ...
    @property
    def heights(self) -> _Floats: ...
    @property
    def num_people(self) -> int: ...
    def pairs(self) -> tuple[_Ints, _Ints, _Ints, _Floats, _Floats]: ...
    def set_state(self, person_of: _Ints, members: _Ints, heights: _Floats) -> None: ...
    def assign(self, joint: int, person: _Ints, candidate: _Ints) -> None: ...
    def merge_people(self, person: int, other: int) -> None: ...
    def add_person(self, candidates: _Ints) -> None: ...
    def compact(self) -> None: ...
    def measure(self) -> None: ...
    def duplicate(self, candidates: _Ints) -> None: ...
    def edges(self, joint: int) -> tuple[_Ints, _Ints, _Floats]: ...
    def objective(self) -> float: ...
    def optimize(self) -> None: ...
    def attach_fragments(self) -> None: ...
    def share_peaks(self) -> None: ...
    def group(self) -> None: ...
    def read_people(
        self,
        sure: _Bools | None,
        stride: float,
        longest: float,
        joint_threshold: float,
        person_threshold: float,
        peak_threshold: float,
        min_joints: int,
        options: object,
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], _Bools, npt.NDArray[np.float32], bool]: ...

def solve_assignment(person: _Ints, candidate: _Ints, weight: _Floats, people: int) -> _Ints: ...
def typical_affinities(candidates: object, pairs: object, limbs: int) -> _Floats: ...

# (H, W, 3); offsets (M + 1,) of the layers among the S strokes, colors (M, 2, 3), ends (S, 4), radii (S, 3) and
# opacities (S, 2).
def paint(
    picture: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int64],
    colors: npt.NDArray[np.uint8],
    ends: npt.NDArray[np.float32],
    radii: npt.NDArray[np.float32],
    opacities: npt.NDArray[np.float32],
    in_place: bool,
    threads: int,
) -> npt.NDArray[np.uint8]: ...

# (N, L) of points (N, K, 2), seen (N, K), limbs (L, 2) and turns (L,).
def choose_limbs(
    points: npt.NDArray[np.float64],
    seen: npt.NDArray[np.bool_],
    limbs: npt.NDArray[np.int32],
    turns: npt.NDArray[np.int32],
    bridge: int,
    detour: float,
) -> npt.NDArray[np.bool_]: ...

# Layers (S,), ends (S, 4), radii (S, 3) and opacities (S, 2), of points (N, J, 2), strength (N, J), traced (N, K),
# widths (N,) and sides (J,) or (0,).
def pose_strokes(
    points: npt.NDArray[np.float64],
    strength: npt.NDArray[np.float64],
    traced: npt.NDArray[np.bool_],
    widths: npt.NDArray[np.float64],
    sides: npt.NDArray[np.int32],
    limbs: npt.NDArray[np.int32],
    turns: npt.NDArray[np.int32],
    bridge: int,
    detour: float,
    options: object,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]: ...
