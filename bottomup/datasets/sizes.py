"""Whether labels were made for the pixels that the photos have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bottomup.datasets.photo import PhotoLabels
from bottomup.image import image_size

_ROUNDING = 1  # pixels: sizes that were shrunk differ by that much


def size_problem(photo: PhotoLabels, size: tuple[int, int]) -> str | None:
    """Why labels do not fit a photo of `size` (width, height), naming the photo and both sizes; None if they do.

    Without a size in the labels, most labelled joints must lie inside.
    """
    what = "EXIF orientation applied on one side only?" if photo.size == size[::-1] else "shrunk or cropped since?"
    if photo.size is not None:
        if max(abs(a - b) for a, b in zip(photo.size, size, strict=True)) <= _ROUNDING:
            return None
        return (
            f"{photo.path} is {size[0]} x {size[1]} pixels but its labels are for {photo.size[0]} x {photo.size[1]} "
            f"({what})"
        )
    points = photo.keypoints[photo.visible]
    outside = ((points < -1) | (points > np.array(size))).any(axis=1)
    if len(points) and 2 * int(outside.sum()) > len(points):
        reach = ", ".join(f"{value:g}" for value in points.max(axis=0))
        return f"{photo.path} is {size[0]} x {size[1]} pixels but its labelled joints reach ({reach})"
    return None


def check_sizes(photos: Iterable[PhotoLabels]) -> None:
    """ValueError if labels do not fit a photo whose file is there, naming the first and how many there are."""
    problems = [problem for photo in photos if (problem := photo_problem(photo)) is not None]
    if problems:
        more = f" (and {len(problems) - 1} more photos)" if len(problems) > 1 else ""
        raise ValueError(f"labels must be made for the photos as they are but {problems[0]}{more}")


def photo_problem(photo: PhotoLabels) -> str | None:
    """`size_problem` with the size of the photo's file; None for a file that is not there or no picture."""
    path = Path(photo.path)
    if not path.is_file():
        return None
    size = image_size(path)
    return None if size is None else size_problem(photo, size)
