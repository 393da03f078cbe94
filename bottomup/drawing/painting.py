"""Discs and bars on a picture: many shapes in one mask, one blend for all of a person's colours."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from bottomup.drawing.fields import Color
from bottomup.image import BgrImage

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.uint8]

_SUBPIXEL_BITS = 4  # OpenCV draws at 1/16 of a pixel
_MOST_CORNERS = 64  # of a disc


def disc_outlines(centres: Floats, radii: Floats) -> npt.NDArray[np.int32]:
    """(S, M, 2) outlines of discs in 1/16 pixels; centres (S, 2) and radii (S,) in pixels."""
    largest = float(radii.max(initial=1.0))
    corners = min(_MOST_CORNERS, 8 + 4 * int(math.sqrt(largest)))  # so that no side bulges by a visible amount
    angles = np.arange(corners) * (2 * math.pi / corners)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return _fixed(centres[:, None] + radii[:, None, None] * circle)


def bar_outlines(starts: Floats, ends: Floats, width: float) -> npt.NDArray[np.int32]:
    """(S, 4, 2) outlines of bars with square ends, in 1/16 pixels; starts and ends (S, 2), width in pixels."""
    along = ends - starts
    length = np.hypot(along[:, 0], along[:, 1])[:, None]
    beside = (width / 2) * np.stack([-along[:, 1], along[:, 0]], axis=1) / np.maximum(length, 1e-9)
    return _fixed(np.stack([starts + beside, ends + beside, ends - beside, starts - beside], axis=1))


def _fixed(points: Floats) -> npt.NDArray[np.int32]:
    fixed: npt.NDArray[np.int32] = np.rint(points * 2**_SUBPIXEL_BITS).astype(np.int32)
    return fixed


class Painting:
    """One person's part of a picture, painted in masks and blended into the picture at the end.

    Overlaps within one mask do not add up: the later shape's opacity counts.

    Parameters
    ----------
    canvas:
        (H, W, 3) uint8, what is painted on.
    low, high:
        (2,) pixels x and y that the shapes are within; beyond the picture nothing is painted.
    """

    def __init__(self, canvas: BgrImage, low: Floats, high: Floats) -> None:
        size = np.array(canvas.shape[1::-1])
        self._low = np.clip(np.floor(low).astype(np.int64), 0, size)
        self._high = np.clip(np.ceil(high).astype(np.int64), 0, size)
        self.is_empty = bool((self._high <= self._low).any())
        (left, top), (right, bottom) = self._low.tolist(), self._high.tolist()
        self._patch = canvas[top:bottom, left:right]
        self._offset = (self._low * 2**_SUBPIXEL_BITS).astype(np.int32)
        self._keeps: Mask | None = None  # what is left of the picture, 0..255
        self._adds: BgrImage | None = None  # what comes to it

    def mask(self) -> Mask:
        """An empty mask."""
        return np.zeros(self._patch.shape[:2], np.uint8)

    def fill(self, mask: Mask, outlines: npt.NDArray[np.int32], opacities: Sequence[int]) -> None:
        """Paint convex outlines (S, M, 2) into a mask, each with its opacity 0..255."""
        for outline, opacity in zip(outlines - self._offset, opacities, strict=True):
            cv2.fillConvexPoly(mask, outline, opacity, cv2.LINE_AA, _SUBPIXEL_BITS)

    def lay(self, mask: Mask, color: Color) -> None:
        """Lay a colour over everything so far, as opaque as the mask."""
        rest = cv2.bitwise_not(mask)
        self._keeps = rest if self._keeps is None else cv2.multiply(self._keeps, rest, scale=1 / 255)  # type: ignore[assignment]
        if self._adds is not None:
            self._adds = cv2.multiply(self._adds, cv2.merge([rest] * 3), scale=1 / 255)  # type: ignore[assignment]
        if any(color):
            levels = np.arange(256)[:, None] * np.asarray(color, np.float64)[None] / 255
            table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)[None]
            colored = cv2.LUT(cv2.merge([mask] * 3), table)
            self._adds = colored if self._adds is None else cv2.add(self._adds, colored)  # type: ignore[assignment]

    def finish(self) -> None:
        """Blend what was laid into the picture."""
        if self._keeps is not None:
            result = cv2.multiply(self._patch, cv2.merge([self._keeps] * 3), scale=1 / 255)
            self._patch[:] = result if self._adds is None else cv2.add(result, self._adds)
