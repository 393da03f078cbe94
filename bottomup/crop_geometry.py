"""Between a picture and the crops around its people: `crop_view`, `cut`, and the way back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup._opencv import cv2
from bottomup.image import BgrImage
from bottomup.letterbox import PADDING_GREY

CROP_MARGIN = 1.25
"""A crop is so many times as large as the box of its person: detectors cut off hands and feet."""

Floats = npt.NDArray[np.float64]
Size = int | tuple[int, int]


def sides(size: Size) -> tuple[int, int]:
    """Height and width of a crop; one number is a square."""
    return (size, size) if isinstance(size, int) else size


def crop_view(box: npt.ArrayLike, size: Size, *, margin: float = CROP_MARGIN, corner_cells: bool = False) -> Floats:
    """The map from picture pixels to those of the crop around a box, which has the crop's aspect afterwards.

    Parameters
    ----------
    box:
        x0, y0, x1, y1 in pixels of the picture.
    size:
        (height, width) of the crop in pixels, or the side of a square.
    margin:
        The crop is so many times as large as the box in the direction in which it just holds it.
    corner_cells:
        The box's middle comes on pixel (width / 2, height / 2), which for networks whose cell c lies on pixel
        `stride` c is the middle; else on ((width - 1) / 2, (height - 1) / 2).

    Returns
    -------
    (3, 3), to be multiplied with (x, y, 1).
    """
    x0, y0, x1, y1 = np.asarray(box, np.float64)
    height, width = sides(size)
    scale = min(width / max(x1 - x0, 1.0), height / max(y1 - y0, 1.0)) / margin
    middle = np.array([width, height]) / 2 - (0.0 if corner_cells else 0.5)
    view = np.diag([scale, scale, 1.0])
    view[:2, 2] = middle - scale * np.array([(x0 + x1) / 2, (y0 + y1) / 2])
    return view


def cut(picture: BgrImage, view: Floats, size: Size, *, padding: int = PADDING_GREY) -> BgrImage:
    """The crop (height, width, 3) of a picture; the grey level `padding` beyond the picture's edge.

    Shrinking averages first, in blocks, as `Letterbox` does, lest detail alias.
    """
    height, width = sides(size)
    block = int(1 / view[0, 0])
    if block > 1:
        picture, view = _shrunk(picture, view, (height, width), block)
    crop = cv2.warpAffine(
        picture, view[:2], (width, height), flags=cv2.INTER_LINEAR, borderValue=(padding, padding, padding)
    )
    return np.asarray(crop, np.uint8)


def _shrunk(picture: BgrImage, view: Floats, size: tuple[int, int], block: int) -> tuple[BgrImage, Floats]:
    """The part of a picture that a crop shows, averaged in blocks, and the view of it."""
    corners = np.linalg.inv(view) @ np.array([[-1, size[1]], [-1, size[0]], [1, 1]])
    limits = np.array(picture.shape[1::-1])
    low = np.clip(np.floor(corners[:2, 0] / block) - 1, 0, limits // block).astype(int) * block
    high = np.minimum(np.ceil(corners[:2, 1] / block).astype(int) * block + 2 * block, limits)
    if (high - low < block).any():
        return picture, view  # next to nothing of the picture is in the crop
    # Whole blocks only; what is left over at the picture's edge is less than a pixel of the crop.
    high = low + (high - low) // block * block
    part = picture[low[1] : high[1], low[0] : high[0]]
    smaller = (high - low) // block
    averaged = cv2.resize(part, (int(smaller[0]), int(smaller[1])), interpolation=cv2.INTER_AREA)
    back = np.diag([block, block, 1.0])  # the half-pixel rule, backwards
    back[:2, 2] = 0.5 * block - 0.5 + low
    return np.asarray(averaged, np.uint8), view @ back


def to_picture(cells: Floats, views: Floats, stride: int, *, corner_cells: bool = False) -> Floats:
    """(N, J, 2) cells of the heatmaps of N crops to pixels of the picture, by (N, 3, 3) views."""
    pixels = cells * stride if corner_cells else (cells + 0.5) * stride - 0.5
    back = np.linalg.inv(views)
    turned = np.einsum("nij,nkj->nki", back[:, :2, :2], pixels)
    return np.asarray(turned + back[:, None, :2, 2])
