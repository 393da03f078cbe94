"""The way from a picture into a crop and back."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup.crop_geometry import CROP_MARGIN, crop_view, cut, to_picture

SIZE = 128


def test_a_box_fills_the_crop_and_leads_back() -> None:
    view = crop_view([30, 40, 70, 140], SIZE)
    corners = np.array([[30, 40, 1], [70, 140, 1], [50, 90, 1]]) @ view.T
    np.testing.assert_allclose(corners[2, :2], (SIZE - 1) / 2)
    assert corners[1, 1] - corners[0, 1] == pytest.approx(SIZE / CROP_MARGIN)
    np.testing.assert_allclose(np.linalg.inv(view) @ corners[0], [30, 40, 1])


@pytest.mark.parametrize("zoom", [3.0, 1.0, 0.31])
def test_the_crop_shows_what_is_in_the_box(zoom: float) -> None:
    """A white square stays where the map says, also where the picture is averaged before it is shrunk."""
    side = round(SIZE / CROP_MARGIN / zoom)
    picture = np.zeros((round(1.7 * side), 2 * side, 3), np.uint8)
    middle = np.array([0.9 * side, 0.8 * side])
    x, y = np.rint(middle).astype(int)
    half = max(2, round(0.1 * side))
    picture[y - half : y + half + 1, x - half : x + half + 1] = 255
    view = crop_view([x - 0.4 * side, y - 0.5 * side, x + 0.6 * side, y + 0.5 * side], SIZE)
    crop = cut(picture, view, SIZE)
    assert crop.shape == (SIZE, SIZE, 3)
    rows, columns = np.nonzero(crop[..., 0] > 160)
    wanted = view @ [x, y, 1]
    assert abs(columns.mean() - wanted[0]) < 0.3
    assert abs(rows.mean() - wanted[1]) < 0.3
    beyond = cut(picture, crop_view([-side, -side, 0, 0], SIZE), SIZE)
    assert (beyond[: SIZE // 2] == 128).all(), "beyond the picture it is grey"


@pytest.mark.parametrize("box", [[10.0, 20, 60, 180], [10, 20, 200, 90]])
@pytest.mark.parametrize("corner_cells", [False, True])
def test_a_crop_of_another_shape_holds_the_box(box: list[float], corner_cells: bool) -> None:
    """The side that just fits is filled but for the margin, the other is not, and nothing is squeezed."""
    height, width = 256, 192
    view = crop_view(box, (height, width), corner_cells=corner_cells)
    assert view[0, 0] == view[1, 1]
    x0, y0, x1, y1 = box
    shares = view[0, 0] * np.array([x1 - x0, y1 - y0]) / [width, height]
    assert shares.max() == pytest.approx(1 / CROP_MARGIN)
    middle = view @ [(x0 + x1) / 2, (y0 + y1) / 2, 1]
    np.testing.assert_allclose(middle[:2], np.array([width, height]) / 2 - (0 if corner_cells else 0.5))
    picture = np.zeros((300, 250, 3), np.uint8)
    assert cut(picture, view, (height, width), padding=7).shape == (height, width, 3)
    # Cells of both conventions lead back to where they are.
    cell = np.array([[[10.0, 12.0]]])
    pixel = 4 * cell if corner_cells else 4 * cell + 1.5
    back = to_picture(cell, view[None], 4, corner_cells=corner_cells)[0, 0]
    np.testing.assert_allclose((view @ [*back, 1])[:2], pixel[0, 0], atol=1e-9)


def test_averaging_a_part_of_the_picture_moves_nothing() -> None:
    """A large picture is averaged around the box alone; the crop is that of the averaged whole."""
    rng = np.random.default_rng(2)
    picture = np.repeat(np.repeat(rng.integers(0, 256, (70, 90, 3), np.uint8), 16, axis=0), 16, axis=1)
    for box in ([300.0, 200, 900, 1000], [-200, -300, 500, 400], [1000, 700, 1700, 1500], [5000, 5000, 5600, 5900]):
        view = crop_view(box, (128, 96))
        crop = cut(picture, view, (128, 96), padding=0)
        back = np.linalg.inv(view)
        rows, columns = np.mgrid[:128, :96]
        places = np.stack([columns, rows, np.ones_like(rows)], -1) @ back.T
        inside = ((places[..., :2] > 20) & (places[..., :2] < np.array([1440, 1120]) - 20)).all(axis=2)
        where = np.rint(places[..., :2]).astype(int)
        block = (places[..., :2] + 0.5) % 16  # a crop's pixel in the middle of a square has the square's colour
        pure = inside & (np.abs(block - 8) < 8 - 2 / view[0, 0]).all(axis=2)
        wanted = picture[where[pure][:, 1], where[pure][:, 0]]
        assert np.abs(crop[pure].astype(int) - wanted).max(initial=0) <= 1
