"""Bars and discs: what is compiled paints what the reference does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup._extension import _C
from bottomup.drawing.painting import paint
from bottomup.drawing.reference import painting as reference
from bottomup.drawing.strokes import Strokes

LEVELS = 2  # of grey, by which roundings may differ: three layers are laid one after the other


def strokes(count: int, layers: int, size: float, seed: int) -> tuple[Strokes, npt.NDArray[np.uint8]]:
    """Bars and discs in and around a square, half of the discs with a light middle, and the colours of the layers."""
    rng = np.random.default_rng(seed)
    ends = rng.uniform(-0.3 * size, 1.3 * size, (count, 4))
    discs = rng.random(count) < 0.5
    ends[discs, 2:] = ends[discs, :2]
    upright = rng.random(count) < 0.2
    ends[upright, 2] = ends[upright, 0]
    core = rng.uniform(0.3, 0.1 * size + 1, count)
    light = np.where(discs & (rng.random(count) < 0.5), 0.6 * core, 0.0)
    radii = np.stack([core + rng.uniform(0, 3, count), core, light], axis=1)
    some = Strokes.join((rng.integers(0, layers, count), ends, radii, rng.random((count, 2))))
    return some, rng.integers(0, 256, (layers, 2, 3), dtype=np.uint8)


def picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    count=st.integers(0, 12),
    layers=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_agrees_with_the_reference(size: tuple[int, int], count: int, layers: int, seed: int) -> None:
    under = picture(*size)
    some, colors = strokes(count, layers, max(size), seed)
    painted = paint(under, some, colors)
    expected = reference.paint(under, some, colors)
    assert painted.shape == under.shape
    assert np.abs(painted.astype(int) - expected).max() <= LEVELS


def test_threads_and_painting_in_place_change_nothing() -> None:
    under = picture(1100, 1000)
    some, colors = strokes(60, 5, 1000, 0)
    offsets = np.searchsorted(some.layers, np.arange(6)).astype(np.int64)
    before = under.copy()
    rest = offsets, colors, some.ends, some.radii, some.opacities
    alone, together = (_C.paint(under, *rest, False, threads) for threads in (1, 3))
    assert (under == before).all()
    assert (alone == together).all()
    assert (alone != under).any()
    same = _C.paint(under, *rest, True, 2)
    assert same is under
    assert (under == alone).all()


def test_a_bar_is_as_wide_and_long_as_it_is_said() -> None:
    bar = Strokes.join(
        (np.zeros(1, np.int64), np.array([[2.5, 10, 22.5, 10]]), np.array([[3.0, 3, 0]]), np.ones((1, 2)))
    )
    painted = paint(np.zeros((21, 30, 3), np.uint8), bar, np.full((1, 2, 3), 200, np.uint8))[..., 0]
    assert (painted[8:13, 3:23] == 200).all()
    assert (painted[[7, 13], 3:23] == 100).all()  # half of these pixels is covered
    assert not painted[:7].any()
    assert not painted[14:].any()
    assert not painted[:, :2].any()
    assert not painted[:, 24:].any()


def test_within_a_layer_overlaps_do_not_add_up() -> None:
    two = np.array([[5.0, 10, 25, 10], [15, 0, 15, 20]])
    rest = two, np.array([[4, 4, 0.0]] * 2), np.array([[0.0, 0.5]] * 2)
    bars = Strokes.join((np.zeros(2, np.int64), *rest))
    painted = paint(np.full((21, 30, 3), 100, np.uint8), bars, np.full((1, 2, 3), 200, np.uint8))[..., 0]
    assert painted[10, 8] == painted[10, 15] == painted[3, 15] == 150
    apart = Strokes.join((np.arange(2), *rest))
    painted = paint(np.full((21, 30, 3), 100, np.uint8), apart, np.full((2, 2, 3), 200, np.uint8))[..., 0]
    assert (painted[10, 8], painted[10, 15]) == (150, 175)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"picture": np.zeros((4, 4), np.uint8)}, r"picture must have shape \(H, W, 3\)"),
        ({"offsets": np.array([0, 2])}, "offsets must lead from 0 to the number of strokes"),
        ({"offsets": np.array([0, 1, 0, 1])}, r"colors must have shape \(M, 2, 3\)"),
        ({"colors": np.zeros((1, 3), np.uint8)}, r"colors must have shape \(M, 2, 3\)"),
        ({"ends": np.full((1, 4), np.nan, np.float32)}, "ends must be within ten million pixels"),
        ({"ends": np.array([[0, 0, 1e9, 0]], np.float32)}, "ends must be within ten million pixels"),
        ({"radii": np.array([[1, 0, 0]], np.float32)}, "radii of casing and core must be positive"),
        ({"radii": np.array([[1, 1]], np.float32)}, r"radii must have shape \(S, 3\)"),
        ({"opacities": np.array([[0, 2]], np.float32)}, "opacities must be within 0..1"),
    ],
)
def test_the_extension_checks_what_it_is_given(change: dict[str, npt.NDArray[np.generic]], message: str) -> None:
    given = {
        "picture": np.zeros((4, 4, 3), np.uint8), "offsets": np.array([0, 1]), "colors": np.zeros((1, 2, 3), np.uint8),
        "ends": np.zeros((1, 4), np.float32), "radii": np.ones((1, 3), np.float32),
        "opacities": np.ones((1, 2), np.float32),
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        _C.paint(*(given | change).values(), False, 1)  # type: ignore[arg-type]


def test_a_read_only_picture_is_not_painted_in_place() -> None:
    under = picture(4, 4)
    under.setflags(write=False)
    some, colors = strokes(3, 1, 4, 0)
    assert paint(under, some, colors) is not under
    with pytest.raises(ValueError, match="not writeable"):
        paint(under, some, colors, in_place=True)
