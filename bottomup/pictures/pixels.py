"""From the pixels of a decoder to (H, W, 3) uint8 BGR, strip by strip, lest a second copy of the picture be made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

BgrImage = npt.NDArray[np.uint8]
"""(H, W, 3) uint8, blue first."""

_STRIP = 32  # rows converted at a time


def upright(pixels: BgrImage, orientation: int) -> BgrImage:
    """Pixels (EXIF 2.3, tag 274) as they were seen."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def to_bgr(picture: Image.Image) -> BgrImage:
    """The pixels of a loaded picture, strip by strip."""
    if picture.mode == "F":
        raise ValueError("image must hold 8- or 16-bit values but holds floating-point ones")
    width, height = picture.size
    pixels = np.empty((height, width, 3), np.uint8)
    convert = _integers(picture) if picture.mode.startswith("I") else _colours
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        pixels[top:bottom] = convert(picture.crop((0, top, width, bottom)))
    return pixels


def _integers(picture: Image.Image) -> Callable[[Image.Image], npt.NDArray[Any]]:
    """From strips of 16- or 32-bit grey to 8 bits: 65535 becomes 255. 32 bits may hold what had 8; 16 bits of no more
    than that would be all black."""
    divisor = 257
    if picture.mode == "I":
        low, high = (int(value) for value in picture.getextrema())  # type: ignore[arg-type]
        if low < 0 or high > 65535:
            raise ValueError(f"image must hold 8- or 16-bit values but holds {low} to {high}")
        divisor = 257 if high > 255 else 1

    def convert(strip: Image.Image) -> npt.NDArray[Any]:
        return ((np.asarray(strip).astype(np.uint32) + divisor // 2) // divisor).astype(np.uint8)[:, :, None]

    return convert


def _colours(strip: Image.Image) -> npt.NDArray[Any]:
    if strip.has_transparency_data:
        rgba = np.asarray(strip.convert("RGBA"))
        return on_white(rgba)[:, :, ::-1]
    return np.asarray(strip.convert("RGB"))[:, :, ::-1]


def on_white(pixels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """(H, W, 4) with opacity last, laid on white: (H, W, 3)."""
    flat = np.empty((*pixels.shape[:2], 3), np.uint8)
    for top in range(0, len(pixels), _STRIP):
        strip = pixels[top : top + _STRIP].astype(np.uint16)
        opacity = strip[:, :, 3:]
        flat[top : top + _STRIP] = (strip[:, :, :3] * opacity + 255 * (255 - opacity) + 127) // 255
    return flat
