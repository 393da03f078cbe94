"""Memory of the CUDA kernels: it grows with what is found, which is sorted in chunks, and is given back."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup import kernels
from bottomup._extension import _C
from bottomup.kernels import LimbOptions, find_peaks, find_peaks_and_limbs
from bottomup.kernels.fused import GpuTimings
from bottomup.skeleton import Skeleton
from tests.kernels.test_limbs import as_dict
from tests.makers.fields import ON_HOST, THREE, OnGpu, candidates_at, make_field
from tests.makers.limbs import score_limbs

needs_gpu = pytest.mark.skipif(_C.cuda_device_count() == 0, reason="no GPU, or built without CUDA")


@needs_gpu
@pytest.mark.parametrize("count", [1023, 1024, 1025, 2600])
def test_channels_of_many_peaks_are_sorted_in_chunks(count: int) -> None:
    field = np.zeros((1, 2, 120, 120), np.float32)
    places = np.random.default_rng(3).choice(60 * 60, count, replace=False)
    field[0, 1, 2 * (places // 60), 2 * (places % 60)] = np.random.default_rng(4).integers(1, 90, count) / 100
    peaks = find_peaks(OnGpu(field), threshold=0.01)
    np.testing.assert_array_equal(peaks.offsets, [0, 0, count])
    expected = find_peaks(field, threshold=0.01)
    np.testing.assert_array_equal(peaks.xy, expected.xy)
    np.testing.assert_array_equal(peaks.scores, expected.scores)


@needs_gpu
def test_limbs_of_many_pairs_are_sorted_in_chunks() -> None:
    pafs = np.zeros((1, 4, 9, 40), np.float32)
    pafs[0, 2] = 1
    points = np.random.default_rng(3).uniform(0, 8, (200, 2)) * (4.8, 1)
    candidates = candidates_at(points, [40, 60, 100], 1, 3)
    rule = {"coverage": 0.0, "threshold": -1.0, "sample_threshold": -1.0, "good_affinity": np.inf}  # all pairs pass
    expected = score_limbs(pafs, candidates, THREE, **rule)
    for _ in range(2):  # the second call knows what the first one needed
        pairs = score_limbs(OnGpu(pafs), candidates, THREE, **rule)
        np.testing.assert_array_equal(pairs.offsets, [0, 2400, 8400])
        np.testing.assert_array_equal(pairs.first, expected.first)
        np.testing.assert_array_equal(pairs.second, expected.second)
        np.testing.assert_allclose(pairs.scores, expected.scores, atol=1e-5)


@needs_gpu
def test_one_full_limb_among_thousands_gets_room_of_its_own() -> None:
    """So much for each would be a waste; the second run gives each limb what it holds."""
    limbs = tuple((joint, joint + 1) for joint in range(32))
    chain = Skeleton("chain", tuple(f"joint {joint}" for joint in range(33)), limbs, (0.1,) * 33)
    counts = np.zeros((96, 33), int)
    counts[95, 30:32] = 27
    counts[3, :3] = 2
    pafs = np.zeros((96, 64, 2, 3), np.float32)
    pafs[:, ::2] = 1
    xy = np.random.default_rng(1).uniform(0, 1, (counts.sum(), 2)) * (2, 1)
    candidates = candidates_at(xy, counts.reshape(-1), 96, 33)
    rule = {"coverage": 0.0, "threshold": -2.0, "sample_threshold": -2.0}
    pairs, expected = score_limbs(OnGpu(pafs), candidates, chain, **rule), score_limbs(pafs, candidates, chain, **rule)
    assert len(pairs) == 27 * 27 + 2 * 4
    np.testing.assert_array_equal(pairs.offsets, expected.offsets)
    np.testing.assert_array_equal(pairs.second, expected.second)


@needs_gpu
def test_more_peaks_and_pairs_than_there_is_room_for_at_first() -> None:
    """Both overflow, and more comes back than the first copy takes."""
    heatmaps = np.zeros((1, 3, 90, 90), np.float32)
    heatmaps[0, :, ::2, ::2] = 0.5
    heatmaps[0, 1, 10, 10] = 0.9
    pafs = np.ones((1, 4, 90, 90), np.float32)
    limbs = LimbOptions(max_limb_length=3 / 90, sample_threshold=-2.0)
    timings = GpuTimings()
    for repeated in (True, False):
        found, pairs = find_peaks_and_limbs(
            OnGpu(heatmaps), OnGpu(pafs), THREE, limb_threshold=-2.0, limbs=limbs, timings=timings
        )
        assert (timings.runs > 1) is repeated  # the second call has learnt from the first
        candidates = find_peaks(heatmaps)
        expected = kernels.score_limbs(pafs, candidates, THREE, threshold=-2.0, options=limbs)
        np.testing.assert_array_equal(found.xy, candidates.xy)
        np.testing.assert_array_equal(pairs.offsets, expected.offsets)
        np.testing.assert_array_equal(pairs.second, expected.second)
        np.testing.assert_allclose(pairs.scores, expected.scores, atol=1e-4)
        assert len(pairs) > 10_000
        _C.release_cuda_memory()


@needs_gpu
def test_what_an_overflowing_run_saw_of_the_pafs_does_not_count() -> None:
    """A joint whose partner has found no room looks farther, here into broken cells where it has no business."""
    heatmaps = np.zeros((1, 3, 280, 170), np.float32)
    heatmaps[0, 0, 120:160:2, 0:160:4] = 0.5
    heatmaps[0, 1, 120:160:2, 1:161:2] = 0.5  # more than there is room for at first
    heatmaps[0, 0, [96, 182], 100] = heatmaps[0, 1, [96, 182], 104] = 0.5
    pafs = np.zeros((1, 4, 280, 170), np.float32)
    pafs[0, 0] = 0.7
    pafs[0, 0, 102:114] = pafs[0, 0, 165:177] = np.nan
    limbs = LimbOptions(max_limb_length=np.inf)
    expected = kernels.score_limbs(pafs, find_peaks(heatmaps), THREE, options=limbs)
    find_peaks_and_limbs(OnGpu(heatmaps[..., :9, :9]), OnGpu(pafs[..., :9, :9]), THREE, limbs=limbs)  # so few
    timings = GpuTimings()
    _, pairs = find_peaks_and_limbs(OnGpu(heatmaps), OnGpu(pafs), THREE, limbs=limbs, timings=timings)
    assert timings.runs > 1
    assert as_dict(pairs).keys() == as_dict(expected).keys()


@needs_gpu
@pytest.mark.skipif(ON_HOST, reason="the stand-in keeps no memory")
def test_memory_is_given_back_at_once() -> None:
    torch = pytest.importorskip("torch")
    find_peaks(OnGpu(make_field("blobs", 3, (32, 18, 60, 90))))
    torch.cuda.synchronize()
    _C.release_cuda_memory()
    before = torch.cuda.mem_get_info()[0]
    find_peaks(OnGpu(make_field("blobs", 3, (32, 18, 60, 90))))
    _C.release_cuda_memory()
    assert torch.cuda.mem_get_info()[0] >= before - (32 << 20)
