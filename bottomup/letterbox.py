"""The exact geometry between a photo and the network's input: `Letterbox` scales it, and knows the way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._opencv import cv2
from bottomup.pictures.pixels import BgrImage

PADDING_GREY = 128
"""The pixels around a letterboxed photo: networks of this kind subtract about as much, so that it reads as 0."""

TALLEST = 2.5
"""Heights of a photo in widths; whatever is taller is no single photo of people (phones take them up to 2.2)."""


@dataclass(frozen=True)
class Letterbox:
    """How a photo lies in the network's input: scaled into the top left corner, grey to the right and below.

    Sizes are (height, width) in pixels. Pixel centres are integers, and the resize obeys the half-pixel
    rule: `x_network = (x_image + 0.5) * scale_x - 0.5` with the scale that rounding the size left.
    y_offset: by how many network pixels the network sees everything higher than it is.
    """

    image_size: tuple[int, int]
    resized_size: tuple[int, int]
    padded_size: tuple[int, int]
    y_offset: float = 0.0

    @classmethod
    def fit(
        cls, height: int, width: int, *, input_height: int, max_aspect: float, alignment: int, y_offset: float = 0.0
    ) -> Letterbox:
        """Scale a photo of `height` x `width` pixels to be `input_height` high.

        One more than `TALLEST` times as high as wide is scaled as if it were only that high, since its people would
        become too narrow to be seen. Neither side becomes longer than `max_aspect * input_height`, so that a panorama
        cannot ask for unbounded memory. The padded sides are multiples of `alignment`.
        """
        if min(height, width) < 1:
            raise ValueError(f"height and width must be at least 1 but are {height} and {width}")
        seen_height = min(height, TALLEST * width)
        scale = min(input_height / seen_height, max_aspect * input_height / max(height, width))
        resized = (max(1, round(height * scale)), max(1, round(width * scale)))
        padded = (-(-resized[0] // alignment) * alignment, -(-resized[1] // alignment) * alignment)
        return cls((height, width), resized, padded, y_offset)

    @property
    def scale(self) -> npt.NDArray[np.float64]:
        """(2,) network pixels per image pixel, for x and for y."""
        (height, width), (resized_height, resized_width) = self.image_size, self.resized_size
        return np.array([resized_width / width, resized_height / height])

    def apply(self, image: BgrImage, *, mirrored: bool = False) -> BgrImage:
        """The network's input, (padded height, padded width, 3), for an image of `image_size`.

        A mirrored photo is padded on the right too. The image may also be that photo decoded at a half, a quarter or an
        eighth of its size (`decode_image`); then its last row and column may reach beyond the photo.
        """
        height, width = self.resized_size
        whole = image.shape[:2] == self.image_size
        resized = _resize(image, height, width) if whole else self._resize_reduced(image)
        padded = np.full((*self.padded_size, 3), PADDING_GREY, np.uint8)
        padded[:height, :width] = resized[:, ::-1] if mirrored else resized
        return padded

    def _resize_reduced(self, image: BgrImage) -> npt.NDArray[Any]:
        given, (height, width) = image.shape[:2], self.image_size
        shares = [n for n in (2, 4, 8) if given == (-(-height // n), -(-width // n))]
        if not shares:
            raise ValueError(f"image must have height and width {self.image_size} but has {given}")
        rows, columns = self.resized_size
        steps = np.array([width / columns, height / rows]) / shares[0]
        while steps.min() >= 2:
            image = np.asarray(cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
            steps = steps / 2
        back = np.column_stack([np.diag(steps), 0.5 * steps - 0.5])
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        return cv2.warpAffine(image, back, (columns, rows), flags=flags, borderMode=cv2.BORDER_REPLICATE)

    def to_image(self, xy: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(..., 2) network pixels (x, y) as image pixels."""
        beside = np.array([0.5, 0.5 + self.y_offset])
        return np.asarray((np.asarray(xy, np.float64) + beside) / self.scale - 0.5, np.float64)

    def to_network(self, xy: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
        """(..., 2) image pixels (x, y) as network pixels; the inverse of `to_image`."""
        beside = np.array([0.5, 0.5 + self.y_offset])
        return np.asarray((np.asarray(xy, np.float64) + 0.5) * self.scale - beside, np.float64)


def _resize(image: BgrImage, height: int, width: int) -> npt.NDArray[Any]:
    """Resize by the half-pixel rule, which both of OpenCV's interpolations here obey.

    Bicubic, since it gives the networks the sharpest picture: on COCO photos of 1.3 times the input's height it was
    worth half a point to a point of AP over averaging areas. It looks at 4 x 4 pixels only, so a larger picture is
    averaged first, in blocks, lest detail between them alias.
    """
    block = min(image.shape[0] // height, image.shape[1] // width)
    resized: npt.NDArray[Any] = image
    if block > 1:
        smaller = (image.shape[1] // block, image.shape[0] // block)
        resized = cv2.resize(resized, smaller, interpolation=cv2.INTER_AREA)
    if resized.shape[:2] != (height, width):
        resized = cv2.resize(resized, (width, height), interpolation=cv2.INTER_CUBIC)
    return resized
