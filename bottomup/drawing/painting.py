"""Bars and discs on a picture, in layers.

A stroke has a core in its layer's colour and a black casing around it; discs may have a light middle. Casings, cores
and middles of a layer have a mask each, in which overlaps do not add up: a pixel is as opaque as the last stroke that
covers it, as far as it does. A layer lays black, then its colour, then its light colour over the picture and what is
below it, each as opaque as its mask: value + (color - value) opacity. `bottomup/drawing/reference` says the same in
NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup._opencv import cv2
from bottomup.image import BgrImage

Floats = npt.NDArray[np.float64]
_MANY_PIXELS = 1_000_000  # from which on helpers are worth waking


@dataclass(frozen=True)
class Strokes:
    """S bars with square ends, and discs, each in a layer.

    layers: (S,) int64, the number of the layer.
    ends: (S, 4), x and y in pixels of both ends of a bar; the same place twice is a disc.
    radii: (S, 3) pixels of the casing, the core and the light middle, which is 0 for bars; half the width of a bar.
    opacities: (S, 2) of the casing and the core, 0..1.
    """

    layers: npt.NDArray[np.int64]
    ends: Floats
    radii: Floats
    opacities: Floats

    @classmethod
    def join(cls, *parts: Strokes) -> Strokes:
        """All of them by layer; within one in the order of the parts."""
        layers = np.concatenate([part.layers for part in parts])
        order = np.argsort(layers, kind="stable")
        ends = np.concatenate([part.ends for part in parts])[order]
        radii = np.concatenate([part.radii for part in parts])[order]
        return cls(layers[order], ends, radii, np.concatenate([part.opacities for part in parts])[order])


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
