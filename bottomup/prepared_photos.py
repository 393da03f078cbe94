"""Pictures on their way through a network: prepared, and gathered in batches of the same size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.image import BgrImage
from bottomup.test_time_augmentation import Pass

Boxes = npt.NDArray[np.float64]
Output = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
"""Heatmaps and part affinity fields of one pass."""

BATCH = 8
"""Pictures of one size shown to the network at once: enough to fill a GPU, little memory beside its weights."""
_WAITING = 64  # pictures of a list that may wait for others of their size; beyond it the largest group goes ahead


@dataclass(frozen=True)
class PreparedPhoto:
    """A picture on its way: its place in the list, what the network is shown of it in each pass, and the proposals in
    network pixels. picture: in full, where it is looked at again.
    """

    index: int
    passes: tuple[Pass, ...]
    inputs: tuple[BgrImage, ...]
    boxes: Boxes | None = None
    picture: BgrImage | None = None


@dataclass(frozen=True)
class Look:
    """What a network made of one picture, for `Detector.group`.

    photo: the picture's size and how it was shown. outputs: heatmaps and pafs of each pass.
    """

    photo: PreparedPhoto
    outputs: list[Output]


def to_network(boxes: Boxes, passes: tuple[Pass, ...]) -> Boxes:
    """(N, 4) boxes in the pixels of the first pass."""
    return np.asarray(passes[0].letterbox.to_network(boxes.reshape(-1, 2)).reshape(-1, 4), np.float64)


def batches(photos: Iterable[PreparedPhoto]) -> Iterator[list[PreparedPhoto]]:
    """The photos in groups of the same input sizes, so that few of them wait at any time."""
    waiting: dict[tuple[tuple[int, ...], ...], list[PreparedPhoto]] = {}
    for photo in photos:
        group = waiting.setdefault(tuple(picture.shape for picture in photo.inputs), [])
        group.append(photo)
        if len(group) == BATCH or sum(map(len, waiting.values())) == _WAITING:
            yield waiting.pop(max(waiting, key=lambda sizes: len(waiting[sizes])))
    yield from waiting.values()
