"""What only the CUDA kernels do: reading any layout, large plateaus, both kernels in one call, torch's streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup import kernels
from bottomup._extension import _C
from bottomup.fields import draw_fields
from bottomup.kernels import (
    LimbOptions,
    PeakOptions,
    TraceOptions,
    find_peaks,
    find_peaks_and_limbs,
    reference,
    trace_limbs,
)
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17
from tests.kernels.test_limbs import as_dict
from tests.kernels.test_limbs import assert_agree as assert_pairs_agree
from tests.kernels.test_peaks import assert_agree
from tests.makers.examples import examples
from tests.makers.fields import (
    DEVICES,
    GPU_LAYOUTS,
    LAYOUTS,
    ON_HOST,
    THREE,
    OnGpu,
    kinds,
    make_candidates,
    make_field,
    on,
    rounded_to_bfloat16,
    seeds,
    sizes,
)
from tests.makers.limbs import score_limbs

needs_gpu = pytest.mark.skipif(_C.cuda_device_count() == 0, reason="no GPU, or built without CUDA")
needs_torch_gpu = pytest.mark.skipif(ON_HOST or _C.cuda_device_count() == 0, reason="no GPU for torch")


@needs_gpu
@examples(1.5)
@given(
    kind=kinds,
    seed=seeds,
    shape=st.tuples(st.integers(1, 2), st.integers(1, 3), sizes),
    dtype=st.sampled_from([np.float32, np.float16]),
    layout=st.sampled_from(GPU_LAYOUTS),
    threshold=st.sampled_from([0.1, 0.5, 0.0, -0.5]),
)
def test_peaks_agree_with_the_reference(
    kind: str, seed: int, shape: tuple[int, int, tuple[int, int]], dtype: type, layout: str, threshold: float
) -> None:
    field = LAYOUTS[layout](make_field(kind, seed, (*shape[:2], *shape[2]), dtype))
    assert_agree(find_peaks(OnGpu(field), threshold=threshold), reference.find_peaks(field, threshold=threshold))


@needs_gpu
@examples(0.6)
@given(seed=seeds, dtype=st.sampled_from([np.float32, np.float16]), layout=st.sampled_from(GPU_LAYOUTS))
def test_pairs_agree_with_the_cpu(seed: int, dtype: type, layout: str) -> None:
    pafs = LAYOUTS[layout](make_field("signed noise", seed, (2, 4, 12, 31), dtype))
    candidates = make_candidates(seed, 2, 3, 12, 31)
    rule = {"threshold": -1.0, "coverage": 0.4, "max_length": 20.0}
    actual, expected = score_limbs(OnGpu(pafs), candidates, THREE, **rule), score_limbs(pafs, candidates, THREE, **rule)
    np.testing.assert_array_equal(actual.offsets, expected.offsets)
    assert as_dict(actual).keys() == as_dict(expected).keys()
    np.testing.assert_allclose(actual.scores, expected.scores, atol=1e-5)


@needs_gpu
@pytest.mark.parametrize("address", range(4))
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_fields_may_begin_anywhere(address: int, dtype: type) -> None:
    """Reads are of 16 bytes, but neither a field nor a channel needs to begin or end at a multiple of that."""
    spacious = make_field("blobs", 3, (1, 3, 21, 33), dtype)
    field = spacious.reshape(-1)[address : address + 3 * 20 * 31].reshape(1, 3, 20, 31)
    for part in (field, spacious[..., address : address + 24]):
        assert_agree(find_peaks(OnGpu(part)), reference.find_peaks(part))


@needs_gpu
@pytest.mark.parametrize("channels", [slice(0, 4), slice(1, 5)])
def test_channels_of_a_larger_output(channels: slice) -> None:
    """As of a network that gives a background channel too: each image is packed, the batch is not."""
    field = make_field("blobs", 3, (3, 5, 40, 71))[:, channels]
    assert_agree(find_peaks(OnGpu(field)), reference.find_peaks(field))


@needs_gpu
@examples(1.5)
@given(
    kind=kinds,
    seed=seeds,
    height=st.integers(1, 40),
    width=st.sampled_from([1, 7, 8, 15, 16, 17, 31, 64, 71, 480, 1100]),
    cut=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    dtype=st.sampled_from([np.float32, np.float16]),
    threshold=st.sampled_from([0.1, -0.5]),
)
def test_rows_cut_out_of_a_larger_map(
    kind: str, seed: int, height: int, width: int, cut: tuple[int, int], dtype: type, threshold: float
) -> None:
    """As of a padded picture: runs of any length that begin and end anywhere between multiples of 16 bytes."""
    field = make_field(kind, seed, (2, 2, height, width + sum(cut)), dtype)[..., cut[0] : cut[0] + width]
    assert_agree(find_peaks(OnGpu(field), threshold=threshold), reference.find_peaks(field, threshold=threshold))


@needs_gpu
def test_skeletons_of_more_limbs_than_fit_one_launch() -> None:
    joints = 30
    limbs = tuple((a, b) for a in range(joints) for b in range(a))[:300]
    dense = Skeleton("dense", tuple(f"joint {joint}" for joint in range(joints)), limbs, (0.1,) * joints)
    pafs = make_field("signed noise", 1, (2, 600, 7, 8))
    candidates = make_candidates(1, 2, joints, 7, 8, most=2)
    rule = {"coverage": 0.2, "threshold": -1.0}
    assert_pairs_agree(score_limbs(OnGpu(pafs), candidates, dense, **rule), pafs, candidates, dense, **rule)


SPIRAL = np.array([[int(cell) for cell in row] for row in (
    "1111111111111111", "0000000000000001", "1111111111111101", "1000000000000101",
    "1011111111110101", "1010000000010101", "1010111111010101", "1010100001010101",
    "1010101111010101", "1010100000010101", "1010111111110101", "1010000000000101",
    "1011111111111101", "1000000000000001", "1111111111111111",
)], np.float32)  # fmt: skip


@needs_gpu
@pytest.mark.parametrize("overlooked", [False, True])
@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("upsample", [1, 2])
def test_large_plateaus_of_any_shape(overlooked: bool, turns: int, upsample: int) -> None:
    """Larger than what one thread looks at, beside small ones and strict peaks, in some of the channels."""
    field = make_field("five levels", 1, (2, 3, 40, 40))
    field[0, 1] = field[1, 2] = 0
    field[0, 1, 5:20, 5:21] = np.rot90(SPIRAL, 2) * 0.6
    field[1, 2, 10:26, 10:26][: np.rot90(SPIRAL, turns).shape[0], : np.rot90(SPIRAL, turns).shape[1]] = (
        np.rot90(SPIRAL, turns) * 0.5
    )
    if overlooked:
        field[0, 1, 6, 6] = 0.9
    assert_agree(
        find_peaks(OnGpu(field), options=PeakOptions(upsample=upsample)),
        reference.find_peaks(field, options=PeakOptions(upsample=upsample)),
    )


@needs_gpu
def test_a_field_of_nothing_but_plateaus() -> None:
    field = np.full((3, 4, 25, 41), 0.25, np.float32)
    field[1, :, ::4] = 0.5
    assert_agree(find_peaks(OnGpu(field)), reference.find_peaks(field))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("upsample", [1, 2])
def test_both_kernels_in_one_call(device: str, upsample: int) -> None:
    rng = np.random.default_rng(8)
    points = rng.uniform(10, 90, (2, 17, 2)) + np.array([0, 100])[:, None, None] * (1, 0)
    drawn = draw_fields(points, np.ones((2, 17)), COCO_17, height=100, width=200, stride=2, limb_width=10)
    heatmaps = np.stack([drawn.heatmaps, np.zeros_like(drawn.heatmaps), drawn.heatmaps[:, ::-1]])
    pafs = np.stack([drawn.pafs, drawn.pafs, drawn.pafs[:, ::-1]])
    peaks, limbs = PeakOptions(upsample=upsample), LimbOptions(coverage=0.5, max_limb_length=0.6)
    candidates = find_peaks(heatmaps, options=peaks)
    expected = kernels.score_limbs(pafs, candidates, COCO_17, threshold=0.1, options=limbs)
    found, pairs = find_peaks_and_limbs(
        on(device, heatmaps), on(device, pafs), COCO_17, limb_threshold=0.1, peaks=peaks, limbs=limbs
    )
    assert_agree(found, candidates)
    assert len(pairs) > 40
    np.testing.assert_array_equal(pairs.offsets, expected.offsets)
    np.testing.assert_array_equal(pairs.first, expected.first)
    np.testing.assert_array_equal(pairs.second, expected.second)
    np.testing.assert_allclose(pairs.scores, expected.scores, atol=1e-4)


@pytest.mark.skipif(ON_HOST or _C.cuda_device_count() < 2, reason="fewer than two GPUs")
def test_tensors_of_another_gpu_than_the_current_one() -> None:
    torch = pytest.importorskip("torch")
    values = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(1))
    expected = reference.find_peaks(values.numpy(), threshold=0.9)
    assert_agree(find_peaks(values.to("cuda:1"), threshold=0.9), expected)
    assert torch.cuda.current_device() == 0


@pytest.mark.parametrize("device", DEVICES)
def test_one_call_reports_what_two_do(device: str) -> None:
    heatmaps, pafs = np.zeros((1, 3, 9, 9), np.float32), np.ones((1, 4, 9, 9), np.float32)
    heatmaps[0, 0, 2, 2] = heatmaps[0, 1, 4, 4] = 0.5

    def call(maps: Any = heatmaps, fields: Any = pafs, **rule: float) -> object:
        return find_peaks_and_limbs(on(device, maps), on(device, fields), THREE, **rule)

    broken_maps, broken_pafs = heatmaps.copy(), pafs.copy()
    broken_maps[0, 2, 8, 8] = broken_pafs[0, 1, 3, 3] = np.nan
    with pytest.raises(ValueError, match=r"heatmaps must be finite .* channel 2, row 8, column 8$"):
        call(broken_maps, broken_pafs)
    with pytest.raises(ValueError, match=r"pafs must be finite .* batch 0, channel 0 or the next$"):
        call(heatmaps, broken_pafs)
    for name in ("peak_threshold", "limb_threshold"):
        with pytest.raises(ValueError, match="threshold must be a number but is nan"):
            call(**{name: float("nan")})
    with pytest.raises(ValueError, match=r"pafs must hold the heatmaps' 1 images"):
        call(heatmaps, np.ones((2, 4, 9, 9), np.float32))
    with pytest.raises(ValueError, match="pafs must have 4 channels"):
        call(heatmaps, np.ones((1, 2, 9, 9), np.float32))


@needs_gpu
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_traces_agree_with_the_cpu(dtype: type) -> None:
    """The rule and its bounds are what test_limb_tracing.py has; here, that the other device says the same."""
    hidden_third = make_candidates(5, 3, 3, 30, 41, most=4)
    pafs = np.repeat(make_field("blobs", 3, (3, 4, 30, 41)), 1, axis=0).astype(dtype) * dtype(2)
    pairs = score_limbs(pafs, hidden_third, THREE, threshold=0.3)
    how: dict[str, Any] = {
        "score": 0.1,
        "limbs": LimbOptions(sample_threshold=0.0507),
        "options": TraceOptions(
            min_response=0.2,
            max_pair_affinity=0.7,
            min_sample=0.1013,
            min_support=0.2011,
            min_length=1.0,
            clearance=1.0,
        ),
    }
    typical = np.full(3, 0.5, np.float32)
    expected = trace_limbs(pafs, hidden_third, pairs, THREE, typical, **how)
    actual = trace_limbs(OnGpu(pafs), hidden_third, pairs, THREE, typical, **how)
    assert len(expected[0]) > len(hidden_third)
    np.testing.assert_array_equal(actual[0].xy, expected[0].xy)
    np.testing.assert_array_equal(actual[0].offsets, expected[0].offsets)
    np.testing.assert_array_equal(actual[1].first, expected[1].first)
    np.testing.assert_array_equal(actual[1].scores, expected[1].scores)
    broken = pafs.copy()
    broken[1] = np.nan
    with pytest.raises(ValueError, match=r"pafs must be finite .* batch 1"):
        trace_limbs(OnGpu(broken), hidden_third, pairs, THREE, typical, **how)


@needs_gpu
def test_fields_on_two_devices_are_refused() -> None:
    heatmaps, pafs = np.zeros((1, 3, 9, 9), np.float32), np.ones((1, 4, 9, 9), np.float32)
    with pytest.raises(ValueError, match="heatmaps and pafs must be on the same device"):
        find_peaks_and_limbs(OnGpu(heatmaps), pafs, THREE)


@pytest.mark.parametrize("device", DEVICES)
def test_an_empty_batch_in_one_call(device: str) -> None:
    heatmaps, pafs = np.zeros((0, 3, 9, 9), np.float32), np.zeros((0, 4, 9, 9), np.float32)
    fields = (heatmaps, pafs) if device == "cpu" else (OnGpu.empty(heatmaps), OnGpu.empty(pafs))
    found, pairs = find_peaks_and_limbs(*fields, THREE)
    np.testing.assert_array_equal(found.offsets, [0])
    np.testing.assert_array_equal(pairs.offsets, [0])
    assert found.xy.shape == (0, 2)


@pytest.mark.parametrize("device", DEVICES)
def test_a_skeleton_without_limbs_in_one_call(device: str) -> None:
    alone = Skeleton("alone", ("a",), (), (0.1,))
    pafs = np.zeros((1, 0, 9, 9), np.float32)
    heatmaps = on(device, make_field("blobs", 1, (1, 1, 9, 9)))
    found, pairs = find_peaks_and_limbs(heatmaps, pafs if device == "cpu" else OnGpu.empty(pafs), alone)
    assert len(found) > 0
    np.testing.assert_array_equal(pairs.offsets, [0])


@needs_gpu
def test_bfloat16_fields() -> None:
    field = rounded_to_bfloat16(make_field("blobs", 3, (2, 3, 20, 37)))
    on_gpu = OnGpu.bfloat16(field)
    assert_agree(find_peaks(on_gpu), reference.find_peaks(field))
    assert_agree(
        find_peaks(on_gpu, options=PeakOptions(upsample=2)),
        reference.find_peaks(field, options=PeakOptions(upsample=2)),
    )


@needs_torch_gpu
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("own_stream", [False, True])
def test_torch_tensors_on_any_stream(dtype: str, own_stream: bool) -> None:
    """The values are written on the stream just before: only work in its order sees them."""
    torch = pytest.importorskip("torch")
    values = torch.rand(2, 5, 90, 130, generator=torch.Generator().manual_seed(1)).to(getattr(torch, dtype))
    expected = reference.find_peaks(values.float().numpy(), threshold=0.9)
    stream = torch.cuda.Stream() if own_stream else torch.cuda.default_stream()
    with torch.cuda.stream(stream):
        heavy = torch.rand(4096, 4096, device="cuda")
        for _ in range(10):
            heavy = heavy @ heavy / 2048
        tensor = torch.empty_like(values, device="cuda").contiguous(memory_format=torch.channels_last)
        tensor.copy_(values.cuda(non_blocking=True))
        assert_agree(find_peaks(tensor, threshold=0.9), expected)
        assert_agree(
            find_peaks(tensor[:, 1:4], threshold=0.9),
            reference.find_peaks(values[:, 1:4].float().numpy(), threshold=0.9),
        )
