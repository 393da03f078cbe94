"""Where a joint is in a heatmap: Gaussians whose middle is known, edges, ties, and what is no heatmap."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup.keypoint_decoding import WAYS, certainty, locate, softmax


def gaussian(x: float, y: float, sigma: float = 1.2, shape: tuple[int, int] = (15, 17)) -> np.ndarray:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))


def test_each_way_is_as_near_as_it_can_be() -> None:
    rng = np.random.default_rng(0)
    middles = rng.uniform(5, 9, (40, 2))
    maps = np.stack([gaussian(x, y) for x, y in middles]).reshape(8, 5, 15, 17)
    apart = {way: np.abs(locate(maps, way)[0].reshape(-1, 2) - middles) for way in WAYS}
    assert apart["argmax"].max() <= 0.5
    assert apart["quarter"].max() <= 0.25 + 1e-9
    assert apart["quarter"].mean() < 0.6 * apart["argmax"].mean()
    assert apart["taylor"].max() < 1e-6
    assert apart["integral"].max() < 0.02
    assert locate(maps)[1].shape == (8, 5)
    np.testing.assert_allclose(locate(maps)[1].reshape(-1), maps.reshape(40, -1).max(axis=1))


def test_the_quarter_is_towards_the_higher_neighbour() -> None:
    heatmap = np.zeros((5, 6))
    heatmap[2, 3], heatmap[2, 4], heatmap[1, 3] = 1.0, 0.5, 0.2
    np.testing.assert_allclose(locate(heatmap, "quarter")[0], [3.25, 1.75])
    heatmap[3, 3] = 0.2  # as high below as above
    np.testing.assert_allclose(locate(heatmap, "quarter")[0], [3.25, 2.0])


def test_a_tilted_gaussian_has_its_middle_where_taylor_says() -> None:
    rows, columns = np.mgrid[:15, :15]
    x, y = columns - 7.3, rows - 6.8
    tilted = np.exp(-(0.3 * x * x + 0.25 * x * y + 0.2 * y * y))
    np.testing.assert_allclose(locate(tilted, "taylor")[0], [7.3, 6.8], atol=1e-6)


@pytest.mark.parametrize("way", WAYS)
def test_edges_plateaus_and_nothing(way: str) -> None:
    corner = np.zeros((6, 7))
    corner[0, 6] = 0.8
    xy, score = locate(corner, way)
    assert score == 0.8
    assert np.abs(xy - [6, 0]).max() <= 0.25
    flat = np.full((3, 4, 4), 0.5)
    assert np.isfinite(locate(flat, way)[0]).all()
    xy, score = locate(np.zeros((2, 5, 8)), way)
    np.testing.assert_array_equal(xy, [[3.5, 2], [3.5, 2]])
    np.testing.assert_array_equal(score, [0, 0])
    assert locate(np.zeros((0, 3, 5, 8)), way)[0].shape == (0, 3, 2)
    np.testing.assert_array_equal(locate(np.ones((1, 1)), way)[0], [0, 0])


def test_a_step_is_at_most_a_cell() -> None:
    noise = np.random.default_rng(1).uniform(0, 1, (200, 9, 9))
    assert np.abs(locate(noise, "taylor")[0] - locate(noise, "argmax")[0]).max() <= 1


def test_probabilities_of_logits() -> None:
    logits = np.random.default_rng(2).normal(0, 300, (4, 3, 6, 5)).astype(np.float32)
    shares = softmax(logits)
    np.testing.assert_allclose(shares.sum(axis=(2, 3)), 1)
    assert (shares.reshape(12, -1).argmax(1) == logits.reshape(12, -1).argmax(1)).all()
    sharp, wide = np.zeros((9, 9)), np.zeros((9, 9))
    sharp[0, 0] = 30.0
    assert certainty(softmax(sharp)) == pytest.approx(1)
    assert certainty(softmax(wide)) == pytest.approx(4 / 81)  # in the corner, of nine cells four are on the map
    assert certainty(softmax(np.stack([[sharp] * 2, [wide] * 2]))).shape == (2, 2)


@pytest.mark.parametrize(
    ("heatmaps", "way", "message"),
    [
        (np.zeros((3, 3)), "middle", "way must be one of .* but is 'middle'"),
        (np.zeros(3), "argmax", r"heatmaps must have shape \(\.\.\., h, w\) .* but has \(3,\)"),
        (np.zeros((2, 0, 3)), "argmax", r"at least one cell but has \(2, 0, 3\)"),
        (np.full((2, 3), np.nan), "argmax", "heatmaps must be finite and not negative"),
        (np.full((2, 3), -0.1), "argmax", "heatmaps must be finite and not negative"),
    ],
)
def test_says_what_is_no_heatmap(heatmaps: np.ndarray, way: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        locate(heatmaps, way)
