"""Peaks on heatmaps that are upsampled on the way: the formula, and the kernels against their reference."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.fields import draw_fields
from bottomup.kernels import PeakOptions, find_peaks, reference
from bottomup.skeletons import COCO_17
from tests.kernels.test_peaks import Field, assert_agree
from tests.makers.examples import examples
from tests.makers.fields import DEVICES, GPU_LAYOUTS, LAYOUTS, fields, make_field, on


@pytest.mark.parametrize("factor", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 1), (9, 13)])
def test_upsamples_as_opencv_does(factor: int, shape: tuple[int, int]) -> None:
    plane = np.random.default_rng(1).random(shape, np.float32)
    size = (shape[1] * factor, shape[0] * factor)
    expected = cv2.resize(plane, size, interpolation=cv2.INTER_CUBIC)
    np.testing.assert_allclose(reference.upsample_maps(plane[None, None], factor)[0, 0], expected, atol=1e-5)


@examples(1.5)
@given(
    field=fields(),
    threshold=st.sampled_from([0.1, 0.5, 0.0, -0.5]),
    factor=st.integers(2, 5),
    threads=st.integers(1, 3),
)
def test_agrees_with_the_reference(field: Field, threshold: float, factor: int, threads: int) -> None:
    actual = find_peaks(field, threshold=threshold, options=PeakOptions(upsample=factor), threads=threads)
    assert_agree(actual, reference.find_peaks(field, threshold=threshold, options=PeakOptions(upsample=factor)))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("kind", ["blobs", "five levels", "noise"])
@pytest.mark.parametrize("factor", [2, 3, 8])
def test_every_device_agrees_with_the_reference(device: str, dtype: type, kind: str, factor: int) -> None:
    field = make_field(kind, 4, (2, 2, 11, 19), dtype)
    expected = reference.find_peaks(field, options=PeakOptions(upsample=factor))
    assert len(expected) > 4
    assert_agree(find_peaks(on(device, field), options=PeakOptions(upsample=factor)), expected)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layout", GPU_LAYOUTS)
def test_reads_every_layout(device: str, layout: str) -> None:
    field = LAYOUTS[layout](make_field("blobs", 4, (2, 3, 17, 33), np.float32))
    assert_agree(
        find_peaks(on(device, field), options=PeakOptions(upsample=2)),
        reference.find_peaks(field, options=PeakOptions(upsample=2)),
    )


@pytest.mark.parametrize("device", DEVICES)
def test_flat_parts_stay_flat(device: str) -> None:
    """A plateau is one peak still, however large; its ripples at the edges are peaks of their own."""
    constant = np.full((1, 1, 12, 20), 0.7, np.float32)
    peaks = find_peaks(on(device, constant), options=PeakOptions(upsample=4))
    np.testing.assert_allclose(peaks.xy, [[9.5, 5.5]], atol=1e-5)
    assert peaks.scores == [np.float32(0.7)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.5])
def test_positions_and_extents_are_in_cells_of_the_field(device: str, sigma: float) -> None:
    points = np.random.default_rng(5).uniform(6, 34, (1, 17, 2))
    drawn = draw_fields(points, np.ones((1, 17)), COCO_17, height=40, width=40, stride=1, sigma=sigma)
    peaks = find_peaks(on(device, drawn.heatmaps), threshold=0.3, options=PeakOptions(upsample=4))
    np.testing.assert_array_equal(np.diff(peaks.offsets), np.ones(17))
    np.testing.assert_allclose(peaks.xy, points[0], atol=0.15)
    np.testing.assert_allclose(peaks.extents, sigma, rtol=0.25)


@pytest.mark.parametrize("device", DEVICES)
def test_tells_close_peaks_apart(device: str) -> None:
    """On the cells themselves the lower of two peaks that touch is none."""
    plane = np.zeros((1, 9, 9), np.float32)
    plane[0, 4, 3:6] = 0.9, 0.895, 0.9
    plane[0, 3:6:2, 3:6] = 0.3
    assert len(find_peaks(on(device, plane), threshold=0.5)) == 2
    plane[0, 4, 3:6] = 0.9, 0.9, 0.2
    assert len(find_peaks(on(device, plane), threshold=0.5, options=PeakOptions(upsample=4))) == 1


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 2, 16, 69), (0, 1, 8, 64)])
def test_finds_a_bad_value_wherever_it_is(device: str, bad: float, place: tuple[int, ...]) -> None:
    field = np.zeros((2, 3, 17, 70), np.float32)
    field[place] = bad
    with pytest.raises(ValueError, match="batch {}, channel {}, row {}, column {}$".format(*place)):
        find_peaks(on(device, field), options=PeakOptions(upsample=2))


@pytest.mark.parametrize("device", [*DEVICES, "reference"])
def test_values_that_overflow_on_the_way_are_an_error(device: str) -> None:
    field = np.full((1, 2, 6, 6), -3e38, np.float32)
    field[0, 1, 3, 4] = 3e38
    call = reference.find_peaks if device == "reference" else find_peaks
    with pytest.raises(ValueError, match=r"heatmaps must be finite .* batch 0, channel 1, row 1, column 2$"):
        call(field if device == "reference" else on(device, field), options=PeakOptions(upsample=2))


@pytest.mark.parametrize("device", DEVICES)
def test_maps_that_would_be_too_large_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match=r"heatmaps must have fewer than 2\^30 cells per channel"):
        find_peaks(on(device, np.zeros((1, 3, 3), np.float32)), options=PeakOptions(upsample=1 << 14))
