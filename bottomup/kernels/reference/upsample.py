"""Bicubic upsampling by a whole factor, as csrc/upsample.h does it: the same operations in the same order."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


def upsample_maps(maps: FloatArray, factor: int) -> FloatArray:
    """(..., h, w) float32 maps as (..., h factor, w factor), by cubic convolution under the half-pixel rule.

    Keys, "Cubic convolution interpolation for digital image processing", 1981, eq. 4 with a = -0.75, as OpenCV's
    INTER_CUBIC and torch's bicubic have it; the border is repeated.
    """
    if factor == 1:
        return maps
    rows_first = np.moveaxis(_along_last(maps, factor), -2, -1)
    return np.moveaxis(_along_last(rows_first, factor), -1, -2)


@np.errstate(over="ignore", invalid="ignore")
def _along_last(maps: FloatArray, factor: int) -> FloatArray:
    size, unit = maps.shape[-1], 2 * factor
    position = 2 * np.arange(size * factor) + 1 - factor + unit
    cell, t = position // unit - 1, (position % unit).astype(np.float32) / np.float32(unit)
    s = np.float32(1) - t
    a = np.float32(-0.75)
    before, beyond = a * t * s * s, a * s * t * t
    after = t * (np.float32(0.75) + t * (np.float32(1.5) - np.float32(1.25) * t))
    p = [maps[..., np.clip(cell + shift, 0, size - 1)] for shift in (-1, 0, 1, 2)]
    result: FloatArray = p[1] + (before * (p[0] - p[1]) + after * (p[2] - p[1]) + beyond * (p[3] - p[1]))
    return result
