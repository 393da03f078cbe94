"""Pictures in parts that OpenVINO is quick with.

OpenVINO prepares itself for each number of pictures as for each size, which takes half as long as looking at them, and
remembers the last ones. So it is shown powers of two, of which there are few; and large pictures one by one, since two
cores are no quicker with several at once (480 x 640 pixels, the built-in network: 100 ms a picture with 1 and with 8;
256 x 192 pixels, PP-TinyPose: 35 ms with 1, 24 with 8).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

_AT_ONCE = 1 << 19  # pixels of all pictures that are shown at once, if there are several


def split(images: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
    """(B, H, W, 3) or (B, 3, H, W) pictures in parts along B, as views; without any, one empty part."""
    pixels = images.size // max(3 * len(images), 1)
    return np.split(images, np.cumsum(sizes(len(images), pixels))[:-1])


def sizes(count: int, pixels: int) -> list[int]:
    """How many of so many pictures, each of so many pixels, go together: powers of two, the largest first."""
    most = 1 << max(0, (_AT_ONCE // max(pixels, 1)).bit_length() - 1)
    rest = [1 << bit for bit in reversed(range(most.bit_length())) if (count % most) & (1 << bit)]
    return [most] * (count // most) + rest
