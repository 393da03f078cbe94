"""What the kernels take for a field, what they say of anything else, and the compiled module's own guards."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bottomup import kernels
from bottomup._extension import _C, compiled
from bottomup.kernels import Candidates, LimbOptions, LimbPairs, TraceOptions, find_peaks, reference
from bottomup.kernels.field import as_field, as_floats, cpu_values, find_non_finite
from tests.makers.fields import DEVICES, THREE, candidates_at, on

needs_cuda_code = pytest.mark.skipif(not _C.build_info()["cuda"], reason="built without CUDA")


def find(field: Any) -> object:
    return find_peaks(field)


def find_numpy(field: Any) -> object:
    return reference.find_peaks(field)


def score(field: Any) -> object:
    return kernels.score_limbs(field, candidates_at([], [0, 0, 0], 1, 3), THREE)


def score_numpy(field: Any) -> object:
    return reference.score_limbs(field, candidates_at([], [0, 0, 0], 1, 3), THREE)


every_kernel = pytest.mark.parametrize(
    ("call", "name"), [(find, "heatmaps"), (find_numpy, "heatmaps"), (score, "pafs"), (score_numpy, "pafs")]
)


@every_kernel
@pytest.mark.parametrize("dtype", ["float64", "int32", "uint8", "bool", "complex64", ">f4", "O"])
def test_other_dtypes_are_refused(call: Any, name: str, dtype: str) -> None:
    array = np.zeros((4, 5, 5), dtype)
    wanted = f"^{name} must be float32, float16 or bfloat16"
    with pytest.raises(TypeError, match=f"{wanted} but is {array.dtype}(: astype|$)"):
        call(array)


@every_kernel
@pytest.mark.parametrize("shape", [(), (4,), (5, 5), (1, 1, 4, 5, 5)])
def test_other_numbers_of_axes_are_refused(call: Any, name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"^{name} must have shape \((C|4), h, w\) or .* but has \(") as raised:
        call(np.zeros(shape, np.float32))
    assert str(shape) in str(raised.value)


@every_kernel
@pytest.mark.parametrize("shape", [(4, 0, 5), (4, 5, 0), (1, 4, 0, 0)])
def test_empty_maps_are_refused(call: Any, name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"^{name} must not be empty but has shape"):
        call(np.zeros(shape, np.float32))


@every_kernel
@pytest.mark.parametrize("thing", [None, "field", [[[0.0]]], {}, object()])
def test_things_that_are_no_field_are_refused(call: Any, name: str, thing: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be float32, float16 or bfloat16"):
        call(thing)


def test_an_empty_batch_has_no_candidates() -> None:
    peaks = find_peaks(np.zeros((0, 3, 5, 5), np.float32))
    assert (peaks.batch, peaks.joints, len(peaks)) == (0, 3, 0)
    np.testing.assert_array_equal(peaks.offsets, [0])


def test_torch_tensors_are_fields() -> None:
    torch = pytest.importorskip("torch")
    maps = torch.rand(2, 3, 12, 9, generator=torch.Generator().manual_seed(1))
    expected = reference.find_peaks(maps.numpy())
    for tensor in (maps, maps.contiguous(memory_format=torch.channels_last)):
        np.testing.assert_array_equal(find_peaks(tensor).scores, expected.scores)
    np.testing.assert_array_equal(find_peaks(maps.half()).offsets, reference.find_peaks(maps.half().numpy()).offsets)
    for tensor in (maps.clone().requires_grad_(), maps.bfloat16().requires_grad_(), maps.to("meta")):
        with pytest.raises(TypeError, match="heatmaps must be a float32, float16 or bfloat16 array but is Tensor"):
            find_peaks(tensor)
    with pytest.raises(TypeError, match="heatmaps must be float32, float16 or bfloat16 but is float64"):
        find_peaks(maps.double())


@pytest.mark.parametrize("kernel", [find_peaks, reference.find_peaks])
def test_bfloat16_tensors_are_fields_and_are_not_copied(kernel: Any) -> None:
    torch = pytest.importorskip("torch")
    maps = torch.rand(2, 3, 70, 69, generator=torch.Generator().manual_seed(1)).bfloat16()
    spacious = torch.full((2, 3, 140, 69 * 3), torch.nan, dtype=torch.bfloat16)
    spacious[:, :, ::2, ::3] = maps
    expected = reference.find_peaks(maps.float().numpy())
    assert len(expected) > 100
    for tensor in (maps, maps.contiguous(memory_format=torch.channels_last), spacious[:, :, ::2, ::3]):
        found = kernel(tensor)
        np.testing.assert_array_equal(found.offsets, expected.offsets)
        np.testing.assert_array_equal(found.scores, expected.scores)
        np.testing.assert_allclose(found.xy, expected.xy, atol=1e-3)
        field = cpu_values(as_field("heatmaps", tensor))
        assert field.ctypes.data == tensor.data_ptr()
        np.testing.assert_array_equal(as_floats(field), maps.float().numpy())


def test_the_memory_of_a_lent_field_lives_as_long_as_the_field() -> None:
    torch = pytest.importorskip("torch")
    values = torch.arange(4000, dtype=torch.float32).reshape(1, 1, 40, 100).bfloat16()
    field = cpu_values(as_field("heatmaps", values.clone()))
    others = [torch.zeros_like(values) for _ in range(50)]  # would be given that memory if it had been let go
    np.testing.assert_array_equal(as_floats(field), values.float().numpy())
    assert len(others) == 50


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_bfloat16_that_is_not_finite_is_refused(bad: float) -> None:
    torch = pytest.importorskip("torch")
    maps = torch.zeros(2, 3, 5, 70, dtype=torch.bfloat16)
    maps[1, 2, 3, 68] = bad
    for kernel in (find_peaks, reference.find_peaks):
        with pytest.raises(ValueError, match=r"batch 1, channel 2, row 3, column 68$"):
            kernel(maps)
    assert find_non_finite(cpu_values(as_field("heatmaps", maps))) == (1, 2, 3, 68)


def test_bits_are_no_field_without_a_name_for_them() -> None:
    with pytest.raises(TypeError, match="heatmaps must be float32, float16 or bfloat16 but is uint16"):
        find_peaks(np.zeros((1, 5, 5), np.uint16))


def test_the_input_is_left_alone() -> None:
    field = np.random.default_rng(1).random((2, 3, 9, 9), np.float32)
    before = field.copy()
    peaks = find_peaks(field)
    peaks.xy[:] = peaks.scores[:] = -1  # the result is the caller's own
    np.testing.assert_array_equal(field, before)


def test_build_info_says_what_was_compiled() -> None:
    info = _C.build_info()
    assert info["compiler"]
    assert _C.cpu_isa() in {"AVX-512", "AVX2", "SSE2", "NEON", "portable"}
    assert bool(info["cuda"]) == bool(info["cuda_architectures"])
    for name in ("find_peaks_cuda", "score_limbs_cuda"):
        assert hasattr(_C, name) == bool(info["cuda"])
    assert _C.cuda_device_count() >= 0
    assert info["cuda"] or _C.cuda_device_count() == 0


def on_some_gpu(**changes: Any) -> Any:
    interface = {"shape": (3, 5, 5), "typestr": "<f4", "data": (1 << 20, True), "strides": None, "version": 3}
    return SimpleNamespace(__cuda_array_interface__=interface | changes, shape=(3, 5, 5))


@pytest.mark.skipif(bool(_C.build_info()["cuda"]), reason="built with CUDA")
def test_without_cuda_fields_on_a_gpu_are_refused() -> None:
    with pytest.raises(ValueError, match="heatmaps must be in CPU memory, since bottomup was built without CUDA"):
        find_peaks(on_some_gpu())


@needs_cuda_code
@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"typestr": "<f8"}, TypeError, "must be float32, float16 or bfloat16 but is <f8"),
        ({"shape": (5, 5)}, ValueError, "must have shape"),
        ({"shape": (3, 0, 5)}, ValueError, "must not be empty"),
        ({"data": (1 << 20 | 2, True)}, ValueError, "must be aligned to its 4 bytes"),
        ({"strides": (100, 22, 4)}, ValueError, "must be aligned to its 4 bytes"),
        # An address that is no GPU's memory, or there is no GPU: refused before anything is read.
        ({}, RuntimeError, "CUDA failed to|must be in the memory of a GPU"),
    ],
)
def test_fields_on_a_gpu_are_checked(changes: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find_peaks(on_some_gpu(**changes))


@pytest.mark.parametrize("device", DEVICES)
def test_channels_of_pafs_are_checked_on_every_device(device: str) -> None:
    with pytest.raises(ValueError, match=r"pafs must have 4 channels but has shape \(1, 6, 5, 5\)"):
        score(on(device, np.zeros((1, 6, 5, 5), np.float32)))


POINTS = np.zeros((2, 2), np.float32)
SCORES = np.ones(2, np.float32)
OFFSETS = np.array([0, 1, 2], np.int64)
LIMBS = np.array([[0, 1]], np.int32)
PAFS = np.zeros((1, 2, 4, 4), np.float32)


@pytest.mark.parametrize(
    ("pafs", "offsets", "joints", "limbs", "message"),
    [
        (PAFS[0], OFFSETS, 2, LIMBS, "4 dimensions"),
        (PAFS.astype(np.float64), OFFSETS, 2, LIMBS, "float32, float16 or the bits of bfloat16"),
        (PAFS, OFFSETS, 3, LIMBS, "must fit"),
        (PAFS, OFFSETS, 2, np.array([[0, 2]], np.int32), "point at joints"),
        (PAFS, OFFSETS, 2, np.array([[-1, 1]], np.int32), "point at joints"),
        (PAFS, OFFSETS, 2, np.array([[0, 1], [1, 0]], np.int32), "must fit"),
        (PAFS, OFFSETS, 2, np.array([0, 1], np.int32), "must fit"),
        (PAFS, OFFSETS + 1, 2, LIMBS, "rise within"),
        (PAFS, OFFSETS - 1, 2, LIMBS, "rise within"),
        (PAFS, OFFSETS[::-1].copy(), 2, LIMBS, "rise within"),
    ],
)
def test_the_module_reads_no_foreign_memory(pafs: Any, offsets: Any, joints: int, limbs: Any, message: str) -> None:
    candidates = Candidates(1, joints, offsets, POINTS, SCORES, SCORES)
    with pytest.raises(ValueError, match=message):
        _C.score_limbs(pafs, candidates, limbs, 0.05, compiled(LimbOptions()), 1)


def test_the_module_wants_a_score_for_every_candidate() -> None:
    candidates = Candidates(1, 2, OFFSETS, POINTS, SCORES[:1], SCORES)
    with pytest.raises(ValueError, match="must fit"):
        _C.score_limbs(PAFS, candidates, LIMBS, 0.05, compiled(LimbOptions()), 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [("scores", SCORES.astype(np.float64)), ("xy", np.zeros((2, 4), np.float32)[:, ::2]), ("offsets", [0, 1, 2])],
)
def test_the_module_wants_arrays_of_the_right_type(name: str, value: Any) -> None:
    candidates = replace(Candidates(1, 2, OFFSETS, POINTS, SCORES, SCORES), **{name: value})
    with pytest.raises(TypeError, match=f"{name} must be an array of the right type in C order"):
        _C.score_limbs(PAFS, candidates, LIMBS, 0.05, compiled(LimbOptions()), 1)


PAIRS = LimbPairs(np.array([0, 1]), np.zeros(1, np.int32), np.ones(1, np.int32), SCORES[:1])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("first", np.ones(1, np.int32)),
        ("second", np.array([2], np.int32)),
        ("second", np.array([-1], np.int32)),
        ("offsets", np.array([0, 2])),
        ("offsets", np.array([0, 1, 1])),
        ("scores", SCORES),
    ],
)
def test_pairs_must_join_candidates_of_their_limb(name: str, value: Any) -> None:
    candidates = Candidates(1, 2, OFFSETS, POINTS, SCORES, SCORES)
    call = (candidates, replace(PAIRS, **{name: value}), LIMBS, SCORES[:1], 0.1)
    with pytest.raises(ValueError, match="must"):
        _C.trace_limbs(PAFS, *call, compiled(LimbOptions()), compiled(TraceOptions()), 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits address space as Linux does")
def test_works_on_when_no_thread_can_be_started() -> None:
    """Each thread wants megabytes of stack; with no address space left for them the caller's thread does the work."""
    code = """
import resource
import numpy as np
from bottomup.kernels import find_peaks

field = np.random.default_rng(1).random((300, 8, 8), np.float32)
expected = find_peaks(field)
with open("/proc/self/statm") as file:
    used = int(file.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (64 << 20), used + (64 << 20)))
assert (find_peaks(field, threads=300).xy == expected.xy).all()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
