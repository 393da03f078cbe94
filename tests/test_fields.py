"""Fields: drawing against a plain loop over cells, overlaps, the stride's pixel convention, bad input."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.fields import LIMB_WIDTH, SIGMA, Fields, draw_fields
from bottomup.skeleton import Skeleton
from bottomup.skeletons import OPENPOSE_COCO_18
from tests.makers.examples import examples

THREE = Skeleton("three", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1, 0.1, 0.1))


def draw_slowly(points, seen, skeleton, height, width, stride, sigma, limb_width):
    """The definition, cell by cell."""
    h, w = -(-height // stride), -(-width // stride)
    heat = np.zeros((skeleton.num_joints, h, w))
    pafs = np.zeros((2 * skeleton.num_limbs, h, w))
    for r in range(h):
        for c in range(w):
            cell = np.array([(c + 0.5) * stride - 0.5, (r + 0.5) * stride - 0.5])
            for k in range(skeleton.num_joints):
                for n in range(len(points)):
                    if seen[n, k]:
                        distance = np.linalg.norm(points[n, k] - cell)
                        heat[k, r, c] = max(heat[k, r, c], np.exp(-0.5 * (distance / sigma) ** 2))
            for number, (a, b) in enumerate(skeleton.limbs):
                vectors = []
                for n in range(len(points)):
                    if not (seen[n, a] and seen[n, b]) or np.array_equal(points[n, a], points[n, b]):
                        continue
                    unit = (points[n, b] - points[n, a]) / np.linalg.norm(points[n, b] - points[n, a])
                    offset = cell - points[n, a]
                    along = offset @ unit
                    beside = np.linalg.norm(offset - along * unit)
                    if 0 <= along <= np.linalg.norm(points[n, b] - points[n, a]) and beside <= limb_width / 2:
                        vectors.append(unit)
                if vectors:
                    pafs[2 * number : 2 * number + 2, r, c] = np.mean(vectors, axis=0)
    return heat, pafs


@examples(0.4)
@given(
    seed=st.integers(0, 2**32 - 1),
    people=st.integers(0, 4),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    stride=st.sampled_from([1, 4, 8, 5]),
)
def test_agrees_with_the_definition(seed: int, people: int, height: int, width: int, stride: int) -> None:
    rng = np.random.default_rng(seed)
    # Irrational positions, so that no cell lies exactly on a limb's edge; some joints are beyond the image.
    points = rng.uniform(-20, 90, (people, 3, 2))
    seen = rng.random((people, 3)) < 0.8
    points[~seen] = np.nan
    fields = draw_fields(points, seen, THREE, height=height, width=width, stride=stride, sigma=6.0, limb_width=11.0)
    heat, pafs = draw_slowly(points, seen, THREE, height, width, stride, 6.0, 11.0)
    # Beyond four sigma the drawing stops, where a Gaussian is 0.0003.
    np.testing.assert_allclose(fields.heatmaps, heat, atol=4e-4)
    np.testing.assert_allclose(fields.pafs, pafs, atol=1e-5)
    assert fields.heatmaps.dtype == fields.pafs.dtype == np.float32


@pytest.mark.parametrize("stride", [1, 4, 8])
def test_a_cell_is_centred_by_the_half_pixel_rule(stride: int) -> None:
    row, column = 3, 5
    x, y = (column + 0.5) * stride - 0.5, (row + 0.5) * stride - 0.5
    points = np.full((1, 3, 2), np.nan)
    points[0, 1] = x, y
    fields = draw_fields(points, [[0, 1, 0]], THREE, height=10 * stride, width=12 * stride, stride=stride)
    assert fields.heatmaps.shape == (3, 10, 12)
    assert fields.heatmaps[1, row, column] == 1
    assert np.unravel_index(fields.heatmaps[1].argmax(), (10, 12)) == (row, column)
    np.testing.assert_allclose(fields.heatmaps[1, row, column + 1], np.exp(-0.5 * (stride / SIGMA) ** 2), rtol=1e-6)
    assert not fields.heatmaps[[0, 2]].any()
    assert not fields.pafs.any()


def test_overlapping_limbs_are_averaged_and_peaks_are_not_added() -> None:
    across = [[10.0, 40.0], [70.0, 40.0], [0, 0]]
    down = [[40.0, 10.0], [40.0, 70.0], [0, 0]]
    visible = np.array([[1, 1, 0], [1, 1, 0]])
    fields = draw_fields([across, down], visible, THREE, height=81, width=81, stride=1)
    np.testing.assert_allclose(fields.pafs[:2, 40, 40], [0.5, 0.5])
    np.testing.assert_allclose(fields.pafs[:2, 40, 60], [1, 0])
    np.testing.assert_allclose(fields.pafs[:2, 60, 40], [0, 1])
    twice = draw_fields([across, across], visible, THREE, height=81, width=81, stride=1)
    np.testing.assert_allclose(twice.pafs[:2, 40, 60], [1, 0])
    assert twice.heatmaps.max() == 1
    # As wide as asked for: both edges belong to the limb.
    assert (fields.pafs[0, :, 60] != 0).sum() == LIMB_WIDTH + 1


def test_nobody_gives_empty_fields() -> None:
    fields = draw_fields(np.zeros((0, 18, 2)), np.zeros((0, 18)), OPENPOSE_COCO_18, height=100, width=50, stride=8)
    assert fields.heatmaps.shape == (18, 13, 7)
    assert fields.pafs.shape == (38, 13, 7)
    assert not fields.heatmaps.any()
    assert not fields.pafs.any()


def test_far_away_joints_and_limbs_without_length_draw_nothing_odd() -> None:
    points = np.array([[[1e9, -1e9], [20.0, 20.0], [20.0, 20.0]]])
    fields = draw_fields(points, np.ones((1, 3)), THREE, height=40, width=40, stride=8)
    assert np.isfinite(fields.heatmaps).all()
    assert np.isfinite(fields.pafs).all()
    assert not fields.heatmaps[0].any()
    assert not fields.pafs[2:].any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": np.zeros((1, 4, 2))}, r"keypoints must have shape \(N, 3, 2\) but has \(1, 4, 2\)"),
        ({"visible": np.ones((2, 3))}, r"visible must have shape \(1, 3\) but has \(2, 3\)"),
        ({"keypoints": np.full((1, 3, 2), np.nan)}, "keypoints must be finite where visible"),
        ({"height": 0}, "height must be at least 1 but is 0"),
        ({"stride": 0}, "stride must be at least 1 but is 0"),
        ({"sigma": 0.0}, "sigma must be positive and finite but is 0.0"),
        ({"limb_width": float("nan")}, "limb_width must be positive and finite but is nan"),
    ],
)
def test_says_what_is_wrong(change: dict[str, object], message: str) -> None:
    arguments = {"keypoints": np.ones((1, 3, 2)), "visible": np.ones((1, 3)), "height": 16, "width": 16, "stride": 8}
    arguments |= change
    with pytest.raises(ValueError, match=message):
        draw_fields(arguments.pop("keypoints"), arguments.pop("visible"), THREE, **arguments)


def test_fields_check_themselves() -> None:
    heat, pafs = np.zeros((3, 4, 5), np.float32), np.zeros((4, 4, 5), np.float32)
    assert Fields(heat, pafs, 8, THREE).heatmaps is heat
    with pytest.raises(ValueError, match=r"heatmaps must have shape \(3, h, w\) but has \(2, 4, 5\)"):
        Fields(heat[:2], pafs, 8, THREE)
    with pytest.raises(ValueError, match="pafs must be float32 but is float64"):
        Fields(heat, pafs.astype(np.float64), 8, THREE)
    with pytest.raises(ValueError, match=r"pafs must be as large as heatmaps \(4, 5\) but are \(4, 4\)"):
        Fields(heat, pafs[:, :, :4], 8, THREE)
    with pytest.raises(ValueError, match="stride must be at least 1"):
        Fields(heat, pafs, 0, THREE)


def test_fields_are_equal_by_value() -> None:
    heat, pafs = np.zeros((3, 4, 5), np.float32), np.zeros((4, 4, 5), np.float32)
    fields = Fields(heat, pafs, 8, THREE)
    assert fields == Fields(heat.copy(), pafs.copy(), 8, THREE)
    assert fields != Fields(heat + np.float32(1), pafs, 8, THREE)
    assert fields != Fields(heat, pafs, 4, THREE)
    assert fields != "fields"
