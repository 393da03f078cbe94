"""Labels that a network made, added to those of the same photos that people made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from bottomup.datasets import PhotoLabels

# A region to ignore is the person of a pseudo-label from this overlap (intersection over union) of their boxes on.
_SAME = 0.5


def add_pseudo_labels(photos: Iterable[PhotoLabels], pseudo: Iterable[PhotoLabels]) -> list[PhotoLabels]:
    """The photos with the people and the regions to ignore of `pseudo`, whose photos have the same ids.

    A region to ignore around a person whom a pseudo-label shows is one no more. Of people whom people labelled, pseudo
    must hold none: nothing is compared with them.

    Raises ValueError if `pseudo` has a photo that is not among the others.
    """
    more = {photo.id: photo for photo in pseudo}
    joined = [_join(photo, more.pop(photo.id)) if photo.id in more else photo for photo in photos]
    if more:
        raise ValueError(f"pseudo_labels must be of the photos of labels but photo {min(more)} is none of them")
    return joined


def _join(photo: PhotoLabels, pseudo: PhotoLabels) -> PhotoLabels:
    ignored = photo.ignore
    if len(ignored) and len(pseudo.boxes):
        ignored = ignored[(_overlap(ignored, pseudo.boxes) < _SAME).all(axis=1)]
    people = {
        name: np.concatenate([getattr(photo, name), getattr(pseudo, name)])
        for name in ("keypoints", "boxes", "areas", "heads", "ignored", "crowds", "trust")
    }
    ignore = np.concatenate([ignored, pseudo.ignore])
    return dataclasses.replace(photo, **people, ignore=ignore, tracks=None)  # type: ignore[arg-type]


def _overlap(ones: npt.NDArray[np.floating], others: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """(N, M) intersection over union of boxes xyxy."""
    low = np.maximum(ones[:, None, :2], others[:, :2])
    high = np.minimum(ones[:, None, 2:], others[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=2)
    sizes = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (ones, others)]
    return np.asarray(common / np.maximum(sizes[0][:, None] + sizes[1] - common, 1e-9))
