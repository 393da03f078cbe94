"""Fields laid over their picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from bottomup.drawing import distinct_color, draw_heatmaps, draw_pafs
from bottomup.fields import Fields, draw_fields
from bottomup.image import Letterbox
from bottomup.skeleton import Skeleton

STICK = Skeleton("stick", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1, 0.1, 0.1))


def stick_fields(rows: int = 8, columns: int = 10, stride: int = 8) -> Fields:
    """One cell of each map is on: joint a at (2, 3), joint b at (5, 6), limb ab to the right at (4, 2)."""
    heatmaps, pafs = np.zeros((3, rows, columns), np.float32), np.zeros((4, rows, columns), np.float32)
    heatmaps[0, 2, 3] = heatmaps[1, 5, 6] = 1.0
    pafs[0, 4, 2] = 1.0
    return Fields(heatmaps, pafs, stride, STICK)


def brightest(drawn: npt.NDArray[np.uint8]) -> tuple[float, float]:
    """The centre (x, y) of all that lies over a black picture."""
    light = drawn.astype(float).sum(axis=2)
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    return float((x * light).sum() / light.sum()), float((y * light).sum() / light.sum())


@pytest.mark.parametrize("stride", [4, 8])
@pytest.mark.parametrize("zoom", [1, 3])
def test_a_cell_lies_on_its_pixel(stride: int, zoom: int) -> None:
    image = np.zeros((8 * stride * zoom, 10 * stride * zoom, 3), np.uint8)
    step = stride * zoom
    drawn = draw_heatmaps(image, stick_fields(stride=stride), joint="a")
    assert brightest(drawn) == pytest.approx((3.5 * step - 0.5, 2.5 * step - 0.5), abs=0.1)
    drawn = draw_pafs(image, stick_fields(stride=stride), limb=("a", "b"))
    drawn[:, 5 * step :] = 0  # the key to the directions
    assert brightest(drawn) == pytest.approx((2.5 * step - 0.5, 4.5 * step - 0.5), abs=0.1)


@pytest.mark.parametrize("y_offset", [0.0, 6.0])
def test_a_letterbox_says_where_the_picture_lies(y_offset: float) -> None:
    # 60 x 90, padded to 64 x 96
    letterbox = Letterbox.fit(200, 300, input_height=60, max_aspect=6, alignment=8, y_offset=y_offset)
    fields = stick_fields(8, 12)
    drawn = draw_heatmaps(np.zeros((200, 300, 3), np.uint8), fields, joint="a", letterbox=letterbox)
    expected = letterbox.to_image(np.array([3.5 * 8 - 0.5, 2.5 * 8 - 0.5]))
    assert brightest(drawn) == pytest.approx(tuple(expected), abs=0.1)


def test_joints_have_their_own_colours() -> None:
    drawn = draw_heatmaps(np.zeros((64, 80, 3), np.uint8), stick_fields())
    for (row, column), joint in (((2, 3), 0), ((5, 6), 1)):
        shown = drawn[row * 8 + 4, column * 8 + 4].astype(float)
        color = np.array(distinct_color(joint), float)
        assert np.dot(shown, color) / (np.linalg.norm(shown) * np.linalg.norm(color)) > 0.999


@pytest.mark.parametrize(
    ("vector", "bgr"), [((1, 0), (0, 0, 1)), ((0, 1), (0, 1, 0.5)), ((-1, 0), (1, 1, 0)), ((0, -1), (1, 0, 0.5))]
)
def test_hue_is_direction(vector: tuple[float, float], bgr: tuple[float, float, float]) -> None:
    fields = stick_fields()
    fields.pafs[:2, 4, 2] = vector
    shown = draw_pafs(np.zeros((64, 80, 3), np.uint8), fields)[36, 20].astype(float)
    assert shown / shown.max() == pytest.approx(np.array(bgr), abs=0.12)


def test_the_key_agrees_with_the_field() -> None:
    drawn = draw_pafs(np.zeros((640, 800, 3), np.uint8), stick_fields())
    field = drawn[360, 200].astype(float)  # a vector that points to the right
    columns = np.flatnonzero(drawn[600].any(axis=1))
    rim = drawn[600, columns.max() - 2].astype(float)
    assert np.dot(field, rim) / (np.linalg.norm(field) * np.linalg.norm(rim)) > 0.99


def test_field_values_that_are_no_numbers_are_left_blank() -> None:
    fields = stick_fields()
    fields.heatmaps[2, 0, 0] = np.nan
    fields.heatmaps[2, 7, 9] = np.inf
    fields.pafs[3, 0, 0] = -np.inf
    image = np.zeros((64, 80, 3), np.uint8)
    assert (draw_heatmaps(image, fields) == draw_heatmaps(image, stick_fields())).all()
    assert (draw_pafs(image, fields) == draw_pafs(image, stick_fields())).all()


def test_bad_overlay_arguments_are_named() -> None:
    image = np.full((64, 80, 3), 128, np.uint8)
    with pytest.raises(ValueError, match="joint must be one of"):
        draw_heatmaps(image, stick_fields(), joint="tail")
    with pytest.raises(ValueError, match="limb must be a limb of skeleton 'stick' but is"):
        draw_pafs(image, stick_fields(), limb=("a", "c"))
    other = Letterbox.fit(480, 640, input_height=64, max_aspect=6, alignment=8)
    with pytest.raises(ValueError, match=r"letterbox must be for an image of \(64, 80\) but is for \(480, 640\)"):
        draw_heatmaps(image, stick_fields(), letterbox=other)


def test_fields_without_limbs_are_an_image_with_nothing_on_it() -> None:
    ball = Skeleton("ball", ("ball",), (), (0.05,))
    fields = draw_fields([[(30, 30)]], [[True]], ball, height=64, width=80, stride=8)
    other = draw_fields([[(60, 50)]], [[True]], ball, height=64, width=80, stride=8)
    image = np.full((64, 80, 3), 200, np.uint8)
    drawn = draw_pafs(image, fields)
    assert drawn.shape == image.shape
    np.testing.assert_array_equal(drawn, draw_pafs(image, other))
    assert (drawn[:20, :20] == drawn[0, 0]).all()
