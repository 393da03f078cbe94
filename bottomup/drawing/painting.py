"""Bars and discs on a picture, in layers.

A stroke has a core in its layer's colour and a black casing around it; discs may have a light middle. Casings, cores
and middles of a layer have a mask each, in which overlaps do not add up: a pixel is as opaque as the last stroke that
covers it, as far as it does. A layer lays black, then its colour, then its light colour over the picture and what is
below it, each as opaque as its mask: value + (color - value) opacity. `bottomup/drawing/reference` says the same in
NumPy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup._opencv import cv2
from bottomup.drawing.strokes import Strokes
from bottomup.image import BgrImage

_MANY_PIXELS = 1_000_000  # from which on helpers are worth waking


def paint(picture: BgrImage, strokes: Strokes, colors: npt.NDArray[np.uint8], *, in_place: bool = False) -> BgrImage:
    """Paint strokes on a picture, with as many threads as OpenCV may use where it is large.

    Parameters
    ----------
    picture:
        (H, W, 3) uint8.
    strokes:
        Sorted by layer, as `Strokes.join` gives them. What lies beyond the picture is left out.
    colors:
        (M, 2, 3) uint8: of each layer, the lowest first, the colours of cores and of light middles.
    in_place:
        Paint on the picture itself, which must be writeable and in C order.

    Returns
    -------
    (H, W, 3) uint8, a new array unless `in_place`.
    """
    painted: BgrImage = _C.paint(
        picture,
        np.searchsorted(strokes.layers, np.arange(len(colors) + 1)).astype(np.int64),
        np.ascontiguousarray(colors, np.uint8),
        np.ascontiguousarray(strokes.ends, np.float32),
        np.ascontiguousarray(strokes.radii, np.float32),
        np.ascontiguousarray(strokes.opacities, np.float32),
        in_place,
        cv2.getNumThreads() if picture.shape[0] * picture.shape[1] >= _MANY_PIXELS else 1,
    )
    return painted
