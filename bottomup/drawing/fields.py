"""The network's fields laid over the photo, for looking at what a network sees.

A field of stride s has the centre of cell (r, c) on pixel ((c + 0.5) s - 0.5, (r + 0.5) s - 0.5) of the network's
input, and that input has its pixels on the photo by the same half-pixel rule, so one affine map leads from the photo
to the field.
"""

from __future__ import annotations

import colorsys
import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup._opencv import cv2
from bottomup.image import BgrImage, Letterbox, to_bgr

if TYPE_CHECKING:
    from bottomup.fields import Fields

FloatField = npt.NDArray[np.float32]
Color = tuple[int, int, int]

# Seven hues that people with every common form of colour blindness tell apart (Okabe and Ito, "Color universal
# design", 2008; their black is left out), as BGR, and a little brighter than in print since they lie on photos.
_PALETTE: tuple[Color, ...] = (
    (255, 195, 85), (30, 160, 245), (150, 200, 30), (200, 125, 225), (80, 235, 250), (235, 95, 40), (50, 95, 235),
)  # fmt: skip
_GOLDEN_RATIO = (math.sqrt(5) - 1) / 2
_FIELD_OPACITY = 0.85  # where a field is 1
_PHOTO_BRIGHTNESS = 0.6  # the photo steps back a little, so that weak fields can be seen on it


@functools.lru_cache(maxsize=4096)
def distinct_color(index: int) -> Color:
    """The BGR colour of person (or joint) number `index`: always the same, and unlike its neighbours'.

    The first seven are a palette for the colour-blind; after that the hue goes on in golden-ratio steps, which
    never repeat and keep far from the last few, while the lightness alternates so that hue is not the only cue.
    """
    if index < len(_PALETTE):
        return _PALETTE[index]
    hue = (index * _GOLDEN_RATIO) % 1.0
    red, green, blue = colorsys.hls_to_rgb(hue, (0.5, 0.62, 0.74)[index % 3], 0.85)
    return round(255 * blue), round(255 * green), round(255 * red)


def draw_heatmaps(
    image: object, fields: Fields, *, joint: str | None = None, letterbox: Letterbox | None = None
) -> BgrImage:
    """Lay the heatmaps over a darkened copy of an image: a colour per joint type, as opaque as the response.

    Parameters
    ----------
    image:
        A picture of any kind that the detector takes; a NumPy array is (H, W, 3) uint8 BGR.
    fields:
        The network's output for it.
    joint:
        Show this one only, by name.
    letterbox:
        How the image lies in the network's input, from `Detector.letterbox`. None supposes that it fills the fields
        in one direction, which is so wherever the input's height is a multiple of the stride.

    Returns
    -------
    (H, W, 3) uint8 BGR, a new array.

    Raises
    ------
    ValueError
        If the joint is unknown or the letterbox is for another size; for a bad image as `bottomup.image.to_bgr`.
    """
    canvas = to_bgr(image)
    joints = range(len(fields.heatmaps)) if joint is None else [fields.skeleton.index(joint)]
    return _lay_over(canvas, *_heatmap_colors(fields, joints), fields.stride, letterbox)


def draw_pafs(
    image: object, fields: Fields, *, limb: tuple[str, str] | None = None, letterbox: Letterbox | None = None
) -> BgrImage:
    """Lay the part affinity fields over a darkened copy of an image: hue shows direction, opacity magnitude.

    Each place shows the limb that is strongest there. The wheel in the corner is the key: the colour at its rim is
    that of vectors which point from its centre to there.

    Parameters
    ----------
    image, fields, letterbox:
        As for `draw_heatmaps`.
    limb:
        Show this one only, by the names of its joints in the skeleton's order.

    Returns
    -------
    (H, W, 3) uint8 BGR, a new array.

    Raises
    ------
    ValueError
        If the limb is unknown or the letterbox is for another size; for a bad image as `bottomup.image.to_bgr`.
    """
    canvas = to_bgr(image)
    limbs: Sequence[int] = range(fields.skeleton.num_limbs)
    if limb is not None:
        skeleton = fields.skeleton
        ends = (skeleton.index(limb[0]), skeleton.index(limb[1]))
        if ends not in skeleton.limbs:
            raise ValueError(f"limb must be a limb of skeleton {skeleton.name!r} but is {limb}")
        limbs = [skeleton.limbs.index(ends)]
    result = _lay_over(canvas, *_paf_colors(fields, limbs), fields.stride, letterbox)
    _draw_wheel(result)
    return result


def field_layer(fields: Fields, kind: str) -> npt.NDArray[np.uint8]:
    """The heatmaps or the part affinity fields as a transparent picture, one pixel for each cell, to be stretched over
    the photo.

    Parameters
    ----------
    fields:
        The network's output.
    kind:
        `heatmaps`, a colour per joint type, or `pafs`, whose hue shows the direction.

    Returns
    -------
    (h, w, 4) uint8 BGRA, as opaque as the response.

    Raises
    ------
    ValueError
        If the kind is another.
    """
    if kind == "heatmaps":
        colors, opacity = _heatmap_colors(fields, range(fields.skeleton.num_joints))
    elif kind == "pafs":
        colors, opacity = _paf_colors(fields, range(fields.skeleton.num_limbs))
    else:
        raise ValueError(f"kind must be 'heatmaps' or 'pafs' but is {kind!r}")
    alpha = 255 * _FIELD_OPACITY * np.clip(opacity, 0.0, 1.0)
    layer: npt.NDArray[np.uint8] = np.rint(np.concatenate([colors, alpha[..., None]], axis=-1)).astype(np.uint8)
    return layer


def _heatmap_colors(fields: Fields, joints: Sequence[int]) -> tuple[FloatField, FloatField]:
    """(h, w, 3) the colour of the joint type that responds most in each cell, and (h, w) its response."""
    responses = _finite(fields.heatmaps)[list(joints)]
    colors = np.array([distinct_color(k) for k in joints], np.float32)[responses.argmax(axis=0)]
    return colors, responses.max(axis=0)


def _paf_colors(fields: Fields, limbs: Sequence[int]) -> tuple[FloatField, FloatField]:
    """(h, w, 3) the colour of the direction of the strongest limb in each cell, and (h, w) its magnitude."""
    if not len(limbs):
        size = fields.pafs.shape[1:]
        return np.zeros((*size, 3), np.float32), np.zeros(size, np.float32)
    vectors = _finite(fields.pafs).reshape(-1, 2, *fields.pafs.shape[1:])[list(limbs)]
    magnitude = np.hypot(vectors[:, 0], vectors[:, 1])
    strongest = magnitude.argmax(axis=0)
    x, y = (np.take_along_axis(vectors[:, axis], strongest[None], axis=0)[0] for axis in (0, 1))
    return _direction_colors(x, y), magnitude.max(axis=0)


def _finite(field: npt.NDArray[np.floating]) -> FloatField:
    return np.nan_to_num(np.asarray(field, np.float32), nan=0.0, posinf=0.0, neginf=0.0)


def _direction_colors(x: FloatField, y: FloatField) -> FloatField:
    """(..., 3) BGR 0..255: red for vectors to the right, then over yellow (down and right) round the circle."""
    hue = np.degrees(np.arctan2(y, x)) % 360.0
    hsv = np.stack([hue, np.full_like(hue, 0.9), np.ones_like(hue)], axis=-1)
    bgr: FloatField = 255.0 * cv2.cvtColor(hsv.astype(np.float32), cv2.COLOR_HSV2BGR)
    return bgr


def _lay_over(
    canvas: BgrImage, colors: FloatField, opacity: FloatField, stride: int, letterbox: Letterbox | None
) -> BgrImage:
    """Blend (h, w, 3) colours with (h, w) opacities, given on the cells of a field, over the canvas."""
    (rows, columns), (height, width) = opacity.shape, canvas.shape[:2]
    if letterbox is None:
        x = y = min(columns * stride / width, rows * stride / height) / stride  # cells per pixel
        above = 0.0
    elif letterbox.image_size == (height, width):
        (x, y), above = letterbox.scale / stride, letterbox.y_offset / stride
    else:
        raise ValueError(f"letterbox must be for an image of {(height, width)} but is for {letterbox.image_size}")
    to_field = np.array([[x, 0.0, 0.5 * x - 0.5], [0.0, y, 0.5 * y - 0.5 - above]])
    opacity = _FIELD_OPACITY * np.clip(opacity, 0.0, 1.0)[..., None]
    # Colours are weighted before they are interpolated, else those of empty cells would bleed into full ones.
    weighted = np.concatenate([colors * opacity, opacity], axis=-1).astype(np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    spread = cv2.warpAffine(weighted, to_field, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    result = canvas * np.float32(_PHOTO_BRIGHTNESS) * (1.0 - spread[..., 3:]) + spread[..., :3]
    return np.rint(np.clip(result, 0.0, 255.0)).astype(np.uint8)


def _draw_wheel(canvas: BgrImage) -> None:
    """The key to the directions, in the lower right corner; left out where the picture has no room for it."""
    radius = max(14, round(0.05 * min(canvas.shape[:2])))
    size, margin = 2 * radius + 1, radius // 3
    if min(canvas.shape[:2]) < 3 * size:
        return
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    distance = np.hypot(x, y)
    opacity = np.clip(radius + 0.5 - distance, 0.0, 1.0)[..., None]
    patch = canvas[-size - margin : -margin, -size - margin : -margin]
    wheel = _direction_colors(x, y) * np.clip(distance / radius, 0.0, 1.0)[..., None]
    patch[:] = np.rint(patch * (1.0 - opacity) + wheel * opacity).astype(np.uint8)
