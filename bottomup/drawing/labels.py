"""Words on a picture."""

from __future__ import annotations

import numpy as np

from bottomup._opencv import cv2
from bottomup.drawing.fields import Color
from bottomup.drawing.strokes import Floats
from bottomup.image import BgrImage

_FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_box(canvas: BgrImage, low: Floats, high: Floats, color: Color, width: float) -> None:
    """A box from corner to corner (2,), its lines as wide as befits limbs of that width in pixels."""
    size = np.array(canvas.shape[1::-1])
    first, second = (np.rint(np.clip(corner, -size, 2 * size)).astype(int).tolist() for corner in (low, high))
    cv2.rectangle(canvas, first, second, tuple(map(float, color)), max(1, round(0.4 * width)))


def draw_plate(
    canvas: BgrImage,
    text: str,
    points: Floats,
    color: Color,
    width: float,
    line_scale: float,
    *,
    rgb: bool = False,
) -> None:
    """A plate with a text above the uppermost of some points (J, 2), moved into the picture where it would stick out.

    width: of the limbs in pixels, which already has the line scale in it. rgb: the order of the picture's channels.
    """
    scale = max(0.35, 0.15 * width / line_scale**0.5)
    thickness = max(1, round(1.6 * scale))
    (text_width, height), below = cv2.getTextSize(text, _FONT, scale, thickness)
    pad = max(2, round(4 * scale))
    x, y = points[points[:, 1].argmin()]
    tall, wide = height + below + 2 * pad, text_width + 2 * pad
    left = int(np.clip(round(float(x) - wide / 2), 0, max(canvas.shape[1] - wide, 0)))
    top = int(np.clip(round(float(y) - tall - 14 * scale), 0, max(canvas.shape[0] - tall, 0)))
    blue, green, red = color[::-1] if rgb else color
    dark = 0.114 * blue + 0.587 * green + 0.299 * red < 140
    cv2.rectangle(canvas, (left, top), (left + wide, top + tall), tuple(map(float, color)), -1, cv2.LINE_AA)
    cv2.putText(
        canvas, text, (left + pad, top + pad + height), _FONT, scale, (255, 255, 255) if dark else (0, 0, 0),
        thickness, cv2.LINE_AA,
    )  # fmt: skip


def draw_text(canvas: BgrImage, text: str, point: Floats, width: float) -> None:
    """A text with a dark edge to the right of a point (2,); left out where the point is beyond the picture."""
    x, y = point.tolist()
    if not (0 <= x < canvas.shape[1] and 0 <= y < canvas.shape[0]):
        return
    scale = max(0.3, 0.1 * width)
    place = (round(x + width), round(y - 0.5 * width))
    for color, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
        cv2.putText(canvas, text, place, _FONT, scale, color, max(1, round(thickness * scale * 1.6)), cv2.LINE_AA)
