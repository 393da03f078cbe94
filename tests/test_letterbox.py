"""Photos scaled into the network's input, and coordinates back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.letterbox import PADDING_GREY, TALLEST, Letterbox

sides = st.integers(1, 4000)


@given(sides, sides, st.integers(8, 800), st.sampled_from([4, 8, 16, 32]), st.sampled_from([1.0, 2.5, 8.0]))
def test_letterbox_is_bounded_aligned_and_keeps_the_aspect(
    height: int, width: int, input_height: int, alignment: int, max_aspect: float
) -> None:
    box = Letterbox.fit(height, width, input_height=input_height, max_aspect=max_aspect, alignment=alignment)
    (h, w), (padded_h, padded_w) = box.resized_size, box.padded_size
    longest = max_aspect * input_height
    assert 1 <= max(h, w) <= longest + 0.5001
    if height <= TALLEST * width:
        assert h <= input_height
        assert h == input_height or abs(w - longest) <= 0.5001
    else:
        assert abs(w - input_height / TALLEST) <= 0.5001 or abs(h - longest) <= 0.5001
    assert padded_h % alignment == padded_w % alignment == 0
    assert 0 <= padded_h - h < alignment
    assert 0 <= padded_w - w < alignment
    scale = min(input_height / min(height, TALLEST * width), max_aspect * input_height / max(height, width))
    assert abs(h - height * scale) <= 1
    assert abs(w - width * scale) <= 1


@given(sides, sides, st.integers(8, 800), st.floats(-50, 5000), st.floats(-50, 5000))
def test_letterbox_round_trip(height: int, width: int, input_height: int, x: float, y: float) -> None:
    box = Letterbox.fit(height, width, input_height=input_height, max_aspect=8, alignment=8)
    xy = np.array([[x, y], [np.nan, np.nan]])
    np.testing.assert_allclose(box.to_image(box.to_network(xy)), xy, atol=1e-6)
    # The outer edges of the photo are those of the resized picture, exactly.
    np.testing.assert_allclose(box.to_network(np.array([-0.5, -0.5])), [-0.5, -0.5], atol=1e-9)
    far = np.array([width - 0.5, height - 0.5])
    np.testing.assert_allclose(box.to_network(far), np.array(box.resized_size[::-1]) - 0.5, atol=1e-6)


def test_a_tall_strip_is_as_wide_as_a_photo() -> None:
    """Four photos above each other are seen at the size of one, up to the bound on memory."""
    strip = Letterbox.fit(4 * 1000, 400, input_height=100, max_aspect=8, alignment=8)
    assert strip.resized_size == (400, 40)
    assert Letterbox.fit(1000, 400, input_height=100, max_aspect=8, alignment=8).resized_size == (100, 40)
    assert Letterbox.fit(100_000, 400, input_height=100, max_aspect=8, alignment=8).resized_size == (800, 3)


def test_what_is_seen_too_high_is_put_back() -> None:
    box = Letterbox.fit(200, 300, input_height=100, max_aspect=8, alignment=8, y_offset=3.0)
    plain = Letterbox.fit(200, 300, input_height=100, max_aspect=8, alignment=8)
    xy = np.array([[20.0, 40.0], [0.0, 7.5]])
    np.testing.assert_allclose(box.to_image(xy), plain.to_image(xy + np.array([0, 3])))
    np.testing.assert_allclose(box.to_image(xy) - plain.to_image(xy), [[0, 6]] * 2)
    np.testing.assert_allclose(box.to_network(box.to_image(xy)), xy)


@pytest.mark.parametrize("size", [(960, 1280), (97, 143), (368, 400), (2001, 1500)])
@pytest.mark.parametrize("mirrored", [False, True])
def test_pixels_land_where_the_geometry_says(size: tuple[int, int], mirrored: bool) -> None:
    """The centroid of a soft spot, found in the network's input, maps back to where it was drawn."""
    height, width = size
    rows, columns = np.mgrid[:height, :width]
    for fx, fy in ((0.3, 0.4), (0.71, 0.63)):
        x, y, spread = fx * width, fy * height, 0.03 * height
        spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * spread**2))
        image = np.repeat((250 * spot).astype(np.uint8)[:, :, None], 3, axis=2)
        box = Letterbox.fit(height, width, input_height=368, max_aspect=8, alignment=8)
        out = box.apply(image, mirrored=mirrored)[: box.resized_size[0], : box.resized_size[1], 0].astype(float)
        if mirrored:
            out = out[:, ::-1]
        centre = np.array([(out.sum(0) * np.arange(out.shape[1])).sum(), (out.sum(1) * np.arange(out.shape[0])).sum()])
        np.testing.assert_allclose(box.to_image(centre / out.sum()), [x, y], atol=0.05 * max(1, height / 368))


def test_padding_is_grey_to_the_right_and_below() -> None:
    box = Letterbox.fit(100, 100, input_height=50, max_aspect=8, alignment=32)
    for mirrored in (False, True):
        out = box.apply(np.full((100, 100, 3), 7, np.uint8), mirrored=mirrored)
        assert out.shape == (64, 64, 3)
        assert (out[:50, :50] == 7).all()
        assert (out[50:] == PADDING_GREY).all()
        assert (out[:, 50:] == PADDING_GREY).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 20000), (20000, 1), (40, 20000), (3000, 20000), (20000, 30), (2, 70000)])
def test_extreme_sizes_give_a_bounded_input(size: tuple[int, int]) -> None:
    box = Letterbox.fit(*size, input_height=368, max_aspect=8, alignment=8)
    out = box.apply(np.full((*size, 3), 50, np.uint8))
    assert out.shape[:2] == box.padded_size
    assert out.shape[0] * out.shape[1] <= 368 * 8 * 368
    assert (out[: box.resized_size[0], : box.resized_size[1]] == 50).all()


def test_apply_wants_the_image_it_was_fitted_to() -> None:
    box = Letterbox.fit(10, 20, input_height=368, max_aspect=8, alignment=8)
    with pytest.raises(ValueError, match=r"image must have height and width \(10, 20\) but has \(20, 10\)"):
        box.apply(np.zeros((20, 10, 3), np.uint8))


@pytest.mark.parametrize("size", [(0, 10), (10, 0)])
def test_a_picture_without_pixels_has_no_letterbox(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=f"height and width must be at least 1 but are {size[0]} and {size[1]}"):
        Letterbox.fit(*size, input_height=368, max_aspect=8, alignment=8)
