"""Bars and discs on a picture; see `bottomup.drawing.painting`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.drawing.strokes import Floats, Strokes
from bottomup.image import BgrImage


def paint(picture: BgrImage, strokes: Strokes, colors: npt.NDArray[np.uint8]) -> BgrImage:
    """Paint strokes on a copy of a picture: as `bottomup.drawing.painting.paint` does, but for roundings."""
    canvas = picture.astype(np.float64)
    for layer, (core, light) in enumerate(colors):
        masks = np.zeros((3, *picture.shape[:2]))
        for stroke in np.flatnonzero(strokes.layers == layer):
            opacities = (*strokes.opacities[stroke], 1.0)
            for mask, radius, opacity in zip(masks, strokes.radii[stroke], opacities, strict=True):
                if radius > 0:
                    mask += (opacity - mask) * coverage(strokes.ends[stroke], float(radius), *mask.shape)
        for mask, color in zip(masks, (np.zeros(3), core, light), strict=True):
            canvas += (color - canvas) * mask[..., None]
    return np.rint(canvas).astype(np.uint8)


def coverage(ends: Floats, radius: float, height: int, width: int) -> Floats:
    """(H, W) 0..1: how much of each pixel a bar or a disc covers, by the distance of its centre to the edges."""
    rows, columns = np.mgrid[:height, :width].astype(float)
    x, y = columns - (ends[0] + ends[2]) / 2, rows - (ends[1] + ends[3]) / 2
    dx, dy = ends[2] - ends[0], ends[3] - ends[1]
    length = np.hypot(dx, dy)
    if not length:  # near its edge a circle's distance is (d^2 - r^2) / 2r
        return np.asarray(np.clip(0.5 - (x**2 + y**2 - radius**2) / (2 * radius), 0, 1))
    beyond_end = np.abs(x * dx + y * dy) / length - length / 2
    beyond_side = np.abs(x * dy - y * dx) / length - radius
    return np.asarray(np.clip(0.5 - beyond_end, 0, 1) * np.clip(0.5 - beyond_side, 0, 1))
