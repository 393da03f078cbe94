"""Where a joint is in a heatmap of one person: the ways to read a single place off it.

For networks that look at crops of one person (`CropDetector`). The decoder of whole pictures needs all peaks of a
heatmap instead, which `find_peaks` gives.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bottomup.networks.info import DECODES

Floats = npt.NDArray[np.float64]

WAYS = DECODES
# Below the smallest value that bfloat16 heatmaps tell from 0, a logarithm would only show rounding.
_LEAST = 1e-4


def locate(heatmaps: npt.NDArray[np.floating], way: str = "taylor") -> tuple[Floats, Floats]:
    """The place of each joint in its heatmap.

    Parameters
    ----------
    heatmaps:
        (..., h, w), not negative: heatmaps in 0..1, or probabilities.
    way:
        `argmax`: the middle of the highest cell.
        `quarter`: from there a quarter of a cell towards the higher neighbour in x, and in y (Newell, Yang and Deng,
        ECCV 2016, sec. 3.3); nothing in the two outermost rows and columns, as HRNet and Simple Baselines have it.
        `taylor`: from there to the top of the parabola that fits the heatmap's logarithm at that cell, which for a
        Gaussian is its exact middle (Zhang et al., CVPR 2020, eq. 9); at most a cell away.
        `integral`: the mean of all cells, weighted by the heatmap (Sun et al., ECCV 2018, eq. 4). For distributions:
        of a heatmap that is a little above 0 everywhere, the mean is drawn to the middle of the map.

    Returns
    -------
    (..., 2) x and y in cells, cell centres at integers, and (...) the highest value. Where a heatmap is 0 everywhere,
    the middle of the map and 0.

    Raises ValueError if the way is unknown, the heatmaps have less than two dimensions or no cell, or a value is
    negative or not finite.
    """
    maps = np.asarray(heatmaps, np.float64)
    if way not in WAYS:
        raise ValueError(f"way must be one of {WAYS} but is {way!r}")
    if maps.ndim < 2 or 0 in maps.shape[-2:]:
        raise ValueError(f"heatmaps must have shape (..., h, w) with at least one cell but has {maps.shape}")
    if not (np.isfinite(maps).all() and (maps >= 0).all()):
        raise ValueError("heatmaps must be finite and not negative but are not")
    *leading, height, width = maps.shape
    flat = maps.reshape(math.prod(leading), height, width)
    best = flat.reshape(-1, height * width).argmax(axis=1)
    row, column = np.divmod(best, width)
    scores = flat[np.arange(len(flat)), row, column]
    xy = np.column_stack([column, row]).astype(np.float64)
    if way == "quarter":
        inside = (row > 1) & (row < height - 1) & (column > 1) & (column < width - 1)
        xy += 0.25 * inside[:, None] * np.sign(_slopes(_neighbours(flat, row, column)))
    elif way == "taylor":
        # At the edge of the map there is no top.
        inside = (row > 0) & (row < height - 1) & (column > 0) & (column < width - 1)
        xy += inside[:, None] * _to_the_top(np.log(np.maximum(_neighbours(flat, row, column), _LEAST)))
    elif way == "integral":
        total = np.maximum(flat.sum(axis=(1, 2)), np.finfo(np.float64).tiny)
        xy = np.column_stack([flat.sum(axis=1) @ np.arange(width), flat.sum(axis=2) @ np.arange(height)])
        xy /= total[:, None]
    xy[scores == 0] = (width - 1) / 2, (height - 1) / 2
    return xy.reshape(*leading, 2), scores.reshape(leading)


def _neighbours(maps: Floats, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> Floats:
    """(N, 3, 3) the cells around one of each (N, h, w) map; beyond the edge, the nearest cell within."""
    _, height, width = maps.shape
    rows = np.clip(row[:, None] + [-1, 0, 1], 0, height - 1)
    columns = np.clip(column[:, None] + [-1, 0, 1], 0, width - 1)
    return np.asarray(maps[np.arange(len(maps))[:, None, None], rows[:, :, None], columns[:, None, :]])


def _slopes(around: Floats) -> Floats:
    """(N, 2) by how much the neighbour to the right is higher than that to the left, and that below than above."""
    return np.column_stack([around[:, 1, 2] - around[:, 1, 0], around[:, 2, 1] - around[:, 0, 1]])


def _to_the_top(around: Floats) -> Floats:
    """(N, 2) from the middle of (N, 3, 3) cells to the top of the parabola through them, 0 where there is none."""
    gradient = 0.5 * _slopes(around)
    xx = around[:, 1, 2] - 2 * around[:, 1, 1] + around[:, 1, 0]
    yy = around[:, 2, 1] - 2 * around[:, 1, 1] + around[:, 0, 1]
    xy = 0.25 * (around[:, 2, 2] - around[:, 2, 0] - around[:, 0, 2] + around[:, 0, 0])
    determinant = xx * yy - xy * xy
    fits = (xx < 0) & (determinant > 1e-9)  # a plateau has no top
    safe = np.where(fits, determinant, 1.0)
    step = np.column_stack([xy * gradient[:, 1] - yy * gradient[:, 0], xy * gradient[:, 0] - xx * gradient[:, 1]])
    return np.where(fits[:, None], np.clip(step / safe[:, None], -1, 1), 0.0)


def softmax(logits: npt.NDArray[np.floating]) -> Floats:
    """(..., h, w) logits as probabilities over the cells of each map."""
    high = np.asarray(logits, np.float64)
    powers = np.exp(high - high.max(axis=(-2, -1), keepdims=True))
    return np.asarray(powers / powers.sum(axis=(-2, -1), keepdims=True))


def certainty(probabilities: Floats) -> Floats:
    """(...) how much of a distribution over (..., h, w) cells lies in its highest cell and the eight around it."""
    *leading, height, width = probabilities.shape
    flat = probabilities.reshape(math.prod(leading), height, width)
    row, column = np.divmod(flat.reshape(-1, height * width).argmax(axis=1), width)
    padded = np.pad(flat, ((0, 0), (1, 1), (1, 1)))
    mass = _neighbours(padded, row + 1, column + 1).sum(axis=(1, 2))
    return np.asarray(mass.reshape(leading))


def concentration(probabilities: Floats, xy: Floats) -> Floats:
    """(...) how much of a distribution over (..., h, w) cells lies about its mean `xy` (..., 2).

    Within an eighth of the map's longer side in x and in y: a network that was trained by the mean is free to spread
    its distribution, so its highest cell says little.
    """
    height, width = probabilities.shape[-2:]
    reach = max(height, width) / 8
    columns = np.abs(np.arange(width) - xy[..., :1]) <= reach
    rows = np.abs(np.arange(height) - xy[..., 1:]) <= reach
    return np.asarray((probabilities * (rows[..., :, None] & columns[..., None, :])).sum(axis=(-2, -1)))
