"""The picture that people were found in, without keeping it alive."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Any

from bottomup._opencv import cv2

_LARGEST = 1600  # pixels of the longer side of what a notebook shows


class KnownPicture:
    """Where a picture is: a path, or a weak reference to what the caller holds.

    Parameters
    ----------
    image:
        A picture of any kind that the detector takes.
    rgb:
        NumPy arrays are RGB.
    """

    def __init__(self, image: object, *, rgb: bool = False) -> None:
        self.rgb = rgb
        self.get: Callable[[], Any]
        if isinstance(image, (str, os.PathLike)):
            self.get = lambda: image
        else:
            try:
                self.get = weakref.ref(image)
            except TypeError:  # bytes, for example
                self.get = lambda: None

    def png(self, draw: Callable[..., Any]) -> bytes | None:
        """What `draw(image, rgb=...)` makes of the picture, as a PNG of at most 1600 pixels; None if it is gone."""
        image = self.get()
        if image is None:
            return None
        try:
            drawn = draw(image, rgb=self.rgb)
        except (OSError, ValueError):  # the file has changed, or the array
            return None
        drawn = drawn[:, :, ::-1] if self.rgb else drawn
        scale = _LARGEST / max(drawn.shape)
        if scale < 1:
            size = (max(1, round(drawn.shape[1] * scale)), max(1, round(drawn.shape[0] * scale)))
            drawn = cv2.resize(drawn, size, interpolation=cv2.INTER_AREA)
        return bytes(cv2.imencode(".png", drawn)[1].tobytes())
