"""The reference implementation of bottomup/kernels/peaks.py, one plane at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.kernels.field import as_field, as_floats, check_finite, cpu_values, find_non_finite
from bottomup.kernels.options import PEAK_THRESHOLD, PeakOptions
from bottomup.kernels.peaks import Candidates
from bottomup.kernels.reference.upsample import upsample_maps

FloatPlane = npt.NDArray[np.float32]

# The same as kMinExtent, kMaxExtent and kMaxFall in csrc/peaks.h.
_MIN_EXTENT, _MAX_EXTENT = 0.25, 8.0
_MAX_FALL = np.float32(4.6051702)


def find_peaks(heatmaps: Any, *, threshold: float = PEAK_THRESHOLD, options: PeakOptions = PeakOptions()) -> Candidates:
    """See `bottomup.kernels.find_peaks`; heatmaps must be in CPU memory."""
    values, upsample = cpu_values(as_field("heatmaps", heatmaps)), options.upsample
    check_finite("heatmaps", find_non_finite(values))
    maps = upsample_maps(as_floats(values), upsample)
    overflow = find_non_finite(maps)
    if overflow is not None:
        check_finite("heatmaps", (*overflow[:2], overflow[2] // upsample, overflow[3] // upsample))
    offsets, rows = [0], []
    for image in maps:
        for plane in image:
            found = sorted(_plane_peaks(plane, np.float32(threshold), upsample), key=lambda peak: (-peak[2], peak[4]))
            rows += [peak[:4] for peak in found]
            offsets.append(len(rows))
    table = np.array(rows, np.float32).reshape(-1, 4)
    xy, scores, extents = table[:, :2].copy(), table[:, 2].copy(), table[:, 3].copy()
    return Candidates(values.shape[0], values.shape[1], np.array(offsets, np.int64), xy, scores, extents)


def _plane_peaks(
    plane: FloatPlane, threshold: np.float32, factor: int
) -> Iterator[tuple[float, float, float, float, int]]:
    """Yield (x, y, score, extent, index of the first cell) of each peak of a plane that was upsampled by a factor."""
    for x, y, score, curvature, index in _upsampled_peaks(plane, threshold):
        extent = _extent(curvature * factor**2)
        yield (x + 0.5) / factor - 0.5, (y + 0.5) / factor - 0.5, score, extent, index


def _upsampled_peaks(plane: FloatPlane, threshold: np.float32) -> Iterator[tuple[float, float, float, float, int]]:
    """Yield (x, y, score, log-curvature, index of the first cell) in cells of the plane as it is."""
    height, width = plane.shape
    padded = np.pad(plane, 1, constant_values=-np.inf)
    shifts = [(dr, dc) for dr in (0, 1, 2) for dc in (0, 1, 2) if (dr, dc) != (1, 1)]
    around = np.stack([padded[dr : dr + height, dc : dc + width] for dr, dc in shifts]).max(axis=0)
    x, y, curvature = _fit(plane)
    for row, column in np.argwhere((plane >= threshold) & (plane > around)):
        yield x[row, column], y[row, column], plane[row, column], curvature[row, column], row * width + column
    seen = np.zeros(plane.shape, bool)
    for row, column in np.argwhere((plane >= threshold) & (plane == around)):
        if seen[row, column]:
            continue
        cells = _plateau(plane, row, column)
        rows, columns = np.array(cells).T
        seen[rows, columns] = True
        if (around[rows, columns] > plane[row, column]).any():
            continue
        yield (
            float(x[rows, columns].mean(dtype=np.float64)),
            float(y[rows, columns].mean(dtype=np.float64)),
            plane[row, column],
            float(curvature[rows, columns].mean(dtype=np.float64)),
            int((rows * width + columns).min()),
        )


def _plateau(plane: FloatPlane, row: int, column: int) -> list[tuple[int, int]]:
    """All cells of the value at (row, column) that can be reached from it through touching equal cells."""
    queue, cells = deque([(row, column)]), {(row, column)}
    while queue:
        r, c = queue.popleft()
        for rr in range(max(r - 1, 0), min(r + 2, plane.shape[0])):
            for cc in range(max(c - 1, 0), min(c + 2, plane.shape[1])):
                if plane[rr, cc] == plane[row, column] and (rr, cc) not in cells:
                    cells.add((rr, cc))
                    queue.append((rr, cc))
    return list(cells)


def _fit(plane: FloatPlane) -> tuple[FloatPlane, FloatPlane, FloatPlane]:
    """Refined x, refined y and log-curvature of every cell (of use only at peaks)."""
    rows, columns = np.indices(plane.shape, np.float32)
    offset_x, curvature_x = _fit_axis(plane, 1)
    offset_y, curvature_y = _fit_axis(plane, 0)
    axes = np.zeros(plane.shape, np.float32)
    axes[:, 1:-1] += 1
    axes[1:-1] += 1
    curvature = ((curvature_x + curvature_y) / np.maximum(axes, 1)).astype(np.float32)
    return columns + offset_x, rows + offset_y, curvature


def _fit_axis(plane: FloatPlane, axis: int) -> tuple[FloatPlane, FloatPlane]:
    offset, curvature = np.zeros(plane.shape, np.float32), np.zeros(plane.shape, np.float32)
    if plane.shape[axis] < 3:
        return offset, curvature
    p = np.moveaxis(plane, axis, 0)
    o, c = np.moveaxis(offset, axis, 0), np.moveaxis(curvature, axis, 0)
    here = np.where(p[1:-1] > 0, p[1:-1], np.float32(1))
    falls = [_log_fall(here, side) for side in (p[:-2], p[2:])]
    c[1:-1] = np.where(p[1:-1] > 0, falls[0] + falls[1], 0)
    steep = np.where(c[1:-1] > 1e-12, c[1:-1], np.inf)
    o[1:-1] = np.float32(0.5) * (falls[0] - falls[1]) / steep
    return offset, curvature


def _log_fall(here: FloatPlane, beside: FloatPlane) -> FloatPlane:
    within = beside > here * np.float32(0.01)
    fall: FloatPlane = np.where(within, np.log(here / np.where(within, beside, here)), _MAX_FALL)
    return fall


def _extent(curvature: float) -> float:
    if not curvature > 1 / _MAX_EXTENT**2:
        return _MAX_EXTENT
    return max(float(1 / np.sqrt(curvature)), _MIN_EXTENT)
