"""find_peaks: the compiled kernel against its NumPy reference and against what is known of the field."""

from __future__ import annotations

import sys
import threading

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from bottomup._extension import _C
from bottomup.fields import draw_fields
from bottomup.kernels import Candidates, find_peaks, reference
from bottomup.skeletons import COCO_17
from tests.makers.examples import examples
from tests.makers.fields import DEVICES, GPU_LAYOUTS, LAYOUTS, Field, fields, layouts, make_field, on, seeds, sizes

FloatArray = npt.NDArray[np.float32]


def assert_agree(actual: Candidates, expected: Candidates) -> None:
    assert (actual.batch, actual.joints) == (expected.batch, expected.joints)
    np.testing.assert_array_equal(actual.offsets, expected.offsets)
    np.testing.assert_array_equal(actual.scores, expected.scores)
    np.testing.assert_allclose(actual.xy, expected.xy, atol=1e-3)
    np.testing.assert_allclose(actual.extents, expected.extents, rtol=2e-3)
    assert actual.xy.shape == (len(actual), 2)
    assert actual.offsets.dtype == np.int64
    assert actual.xy.dtype == actual.scores.dtype == actual.extents.dtype == np.float32


def plane(*rows: str) -> FloatArray:
    """A (1, h, w) heatmap from one digit per cell, in tenths."""
    return np.array([[[0 if cell == "." else int(cell) / 10 for cell in row] for row in rows]], np.float32)


@examples(3)
@given(field=fields(), threshold=st.sampled_from([0.1, 0.5, 0.0, 1e-7, -0.5]), threads=st.integers(1, 4))
def test_agrees_with_the_reference(field: Field, threshold: float, threads: int) -> None:
    actual = find_peaks(field, threshold=threshold, threads=threads)
    assert_agree(actual, reference.find_peaks(field, threshold=threshold))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("kind", ["blobs", "five levels"])
def test_reads_every_layout_on_every_device(device: str, dtype: type, layout: str, kind: str) -> None:
    if device != "cpu" and layout not in GPU_LAYOUTS:
        pytest.skip("a GPU reads no unaligned memory")
    field = LAYOUTS[layout](make_field(kind, 4, (2, 3, 17, 70), dtype))
    assert_agree(find_peaks(on(device, field)), reference.find_peaks(field))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (3,), (0, 1), (2, 3), (0, 1, 2, 3)])
def test_reads_broadcast_fields(device: str, axes: tuple[int, ...]) -> None:
    seen = make_field("blobs", 1, [1 if axis in axes else side for axis, side in enumerate((2, 3, 9, 11))])
    field = np.broadcast_to(seen, (2, 3, 9, 11))
    assert 0 in field.strides
    assert_agree(find_peaks(on(device, field)), reference.find_peaks(np.ascontiguousarray(field)))


@pytest.mark.parametrize("device", DEVICES)
def test_agrees_on_a_large_field(device: str) -> None:
    field = make_field("noise", 2, (2, 2, 411, 613))
    actual = find_peaks(on(device, field), threshold=0.995)
    assert len(actual) > 3000
    assert_agree(actual, reference.find_peaks(field, threshold=0.995))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("layout", ["contiguous", "channels last"])
def test_agrees_on_the_fields_of_a_4k_picture(device: str, layout: str) -> None:
    field = LAYOUTS[layout](make_field("noise", 3, (1, 2, 540, 960)))  # at stride 4
    actual = find_peaks(on(device, field), threshold=0.995)
    assert len(actual) > 3000
    assert_agree(actual, reference.find_peaks(field, threshold=0.995))


@given(field=fields(), threshold=st.sampled_from([0.1, -0.5]))
def test_threads_change_nothing(field: Field, threshold: float) -> None:
    one = find_peaks(field, threshold=threshold)
    for threads in (2, 5, 64):
        many = find_peaks(field, threshold=threshold, threads=threads)
        for name in ("offsets", "xy", "scores", "extents"):
            np.testing.assert_array_equal(getattr(many, name), getattr(one, name))


@examples(2)
@given(
    values=arrays(np.int8, st.tuples(st.integers(1, 8), st.integers(1, 8)), elements=st.integers(0, 3)),
    dtype=st.sampled_from([np.float32, np.float16]),
)
def test_one_peak_per_plateau(values: npt.NDArray[np.int8], dtype: type) -> None:
    """Against connected components: a plateau is a peak if it touches nothing higher."""
    expected = []
    for level in (1, 2, 3):
        labels, count = ndimage.label(values == level, np.ones((3, 3)))
        for label in range(1, count + 1):
            cells = labels == label
            around = ndimage.binary_dilation(cells, np.ones((3, 3)))
            if values[around].max() == level:
                expected.append((-level, np.flatnonzero(cells)[0]))
    field = (values / 4).astype(dtype)[None]
    peaks = find_peaks(field, threshold=0.1)
    np.testing.assert_array_equal(peaks.scores, [-level / 4 for level, _ in sorted(expected)])
    assert_agree(peaks, reference.find_peaks(field, threshold=0.1))


# Picture, then (x, y, score) of each peak in order. Symmetric ones, where the position is plain to see.
PLATEAUS = {
    "pair": ((".....", ".55..", "....."), [(1.5, 1, 0.5)]),
    "ring": ((".....", ".555.", ".5.5.", ".555.", "....."), [(2, 2, 0.5)]),
    "ring about a higher cell": ((".....", ".555.", ".575.", ".555.", "....."), [(2, 2, 0.7)]),
    "ring about a higher cell at a distance": (
        (".......", ".55555.", ".5...5.", ".5.7.5.", ".5...5.", ".55555.", "......."),
        [(3, 3, 0.7), (3, 3, 0.5)],
    ),
    "diagonal": (("....", ".5..", "..5.", "...."), [(1.5, 1.5, 0.5)]),
    "two, in order": (
        ("......", ".5..5.", ".5..5.", "......"),
        [(1, 1.5, 0.5), (4, 1.5, 0.5)],
    ),
    "wide U whose right arm touches a higher cell": ((".....9", "5...5.", "5...5.", "55555.", "......"), [(5, 0, 0.9)]),
    "shoulders of a higher cell": ((".........", ".5559555.", "........."), [(4, 1, 0.9)]),
    "constant field": (("555", "555", "555"), [(1, 1, 0.5)]),
    "along the border": (("555", "...", "..."), [(1, 0, 0.5)]),
    "corner": (("5..", "...", "..."), [(0, 0, 0.5)]),
    "one cell": (("5",), [(0, 0, 0.5)]),
    "one row": (("5.7.5",), [(2, 0, 0.7), (0, 0, 0.5), (4, 0, 0.5)]),
    "one column": (("5", ".", "5"), [(0, 0, 0.5), (0, 2, 0.5)]),
    "two by two": (("55", "55"), [(0.5, 0.5, 0.5)]),
    "nothing": (("...", "..."), []),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", PLATEAUS)
def test_plateaus_by_hand(device: str, name: str) -> None:
    picture, expected = PLATEAUS[name]
    field = plane(*picture)
    peaks = find_peaks(on(device, field), threshold=0.1)
    wanted = np.array(expected, np.float32).reshape(-1, 3)
    np.testing.assert_array_equal(peaks.scores, wanted[:, 2])
    np.testing.assert_allclose(peaks.xy, wanted[:, :2], atol=1e-5)
    assert_agree(peaks, reference.find_peaks(field, threshold=0.1))


@pytest.mark.parametrize("device", DEVICES)
def test_no_cap_and_ties_in_order(device: str) -> None:
    field = np.zeros((1, 401, 401), np.float32)
    field[0, ::2, ::2] = 0.5
    field[0, 400, 400] = 0.75  # the last cell is the best
    peaks = find_peaks(on(device, field))
    assert len(peaks) == 201 * 201
    np.testing.assert_array_equal(peaks.xy[0], [400, 400])
    assert peaks.scores[0] == 0.75
    cells = np.round(peaks.xy[1:]) @ (1, 401)
    assert (np.diff(cells) > 0).all()


@pytest.mark.parametrize("device", DEVICES)
def test_a_plateau_larger_than_any_first_buffer(device: str) -> None:
    field = np.full((1, 1, 300, 301), 0.5, np.float32)
    peaks = find_peaks(on(device, field))
    np.testing.assert_allclose(peaks.xy, [[150, 149.5]], atol=1e-3)


@given(field=fields(), threshold=st.sampled_from([0.1, 0.4, -1.0]))
def test_sorted_by_score_within_channels(field: Field, threshold: float) -> None:
    peaks = find_peaks(field, threshold=threshold)
    assert peaks.offsets[0] == 0
    assert peaks.offsets[-1] == len(peaks)
    for begin, end in zip(peaks.offsets, peaks.offsets[1:], strict=False):
        assert (np.diff(peaks.scores[begin:end]) <= 0).all()
    assert (peaks.scores >= np.float32(threshold)).all()
    height, width = field.shape[2:]
    assert (peaks.xy >= 0).all()
    assert (peaks.xy <= (width - 1, height - 1)).all()
    assert ((peaks.extents >= 0.25) & (peaks.extents <= 8)).all()


@given(field=fields())
def test_one_image_is_a_batch_of_one(field: Field) -> None:
    single, batch = find_peaks(field[0]), find_peaks(field[:1])
    assert single.batch == 1
    np.testing.assert_array_equal(single.xy, batch.xy)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_finds_gaussians_between_cells(device: str, sigma: float, dtype: type) -> None:
    rng = np.random.default_rng(5)
    points = rng.uniform(6, 34, (1, 17, 2))
    drawn = draw_fields(points, np.ones((1, 17)), COCO_17, height=40, width=40, stride=1, sigma=sigma)
    peaks = find_peaks(on(device, drawn.heatmaps.astype(dtype)), threshold=0.3)
    np.testing.assert_array_equal(peaks.offsets, np.arange(18))
    np.testing.assert_allclose(peaks.xy, points[0], atol=1e-3 if dtype is np.float32 else 0.02)
    np.testing.assert_allclose(peaks.extents, sigma, rtol=1e-3 if dtype is np.float32 else 0.04)


@given(
    size=sizes,
    seed=seeds,
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
    dtype=st.sampled_from([np.float32, np.float16]),
    layout=layouts,
    threads=st.integers(1, 3),
)
def test_names_the_first_value_that_is_not_finite(
    size: tuple[int, int], seed: int, bad: float, dtype: type, layout: str, threads: int
) -> None:
    field = make_field("blobs", seed, (2, 3, *size), dtype)
    places = np.random.default_rng(seed).choice(field.size, min(3, field.size), replace=False)
    field.reshape(-1)[places] = bad
    b, c, row, column = np.unravel_index(places.min(), field.shape)
    field = LAYOUTS[layout](field)
    message = f"heatmaps must be finite .* at batch {b}, channel {c}, row {row}, column {column}$"
    with pytest.raises(ValueError, match=message):
        find_peaks(field, threads=threads)
    with pytest.raises(ValueError, match=message):
        reference.find_peaks(field)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 2, 16, 69), (0, 1, 8, 64), (1, 0, 0, 63)])
def test_finds_a_bad_value_wherever_it_is(device: str, bad: float, place: tuple[int, ...]) -> None:
    field = np.zeros((2, 3, 17, 70), np.float32)
    field[place] = bad
    with pytest.raises(ValueError, match="batch {}, channel {}, row {}, column {}$".format(*place)):
        find_peaks(on(device, field))


@pytest.mark.parametrize("value", [1e-45, 1e-40, 1.1754944e-38, 3.4e38])
def test_extreme_peaks_stay_on_their_cell(value: float) -> None:
    field = np.zeros((1, 5, 5), np.float32)
    field[0, 2, 3] = value
    peaks = find_peaks(field, threshold=1e-45)
    np.testing.assert_allclose(peaks.xy, [[3, 2]], atol=1e-5)
    assert_agree(peaks, reference.find_peaks(field, threshold=1e-45))


def test_a_threshold_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="threshold must be a number but is nan"):
        find_peaks(np.zeros((1, 3, 3), np.float32), threshold=float("nan"))


def test_releases_the_gil() -> None:
    """While the kernel runs another thread can: threads here switch only where one lets go of the lock."""
    field = make_field("noise", 1, (1, 4, 400, 400))
    others_ran = threading.Event()
    calls_before: list[int] = []

    def call_until_others_ran() -> None:
        for call in range(1000):
            if others_ran.is_set():
                calls_before.append(call)
                return
            _C.find_peaks(field, 0.9, 1, 1)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e6)
    try:
        caller = threading.Thread(target=call_until_others_ran)
        caller.start()
        others_ran.set()
        caller.join()
    finally:
        sys.setswitchinterval(interval)
    assert calls_before
