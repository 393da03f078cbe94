"""The second look: a network for crops at the people whom a bottom-up network has found.

Bottom-up people cost the same however many there are; a crop each costs time for every person and finds their joints
more exactly, since each is seen as large as the network likes it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.crop_detector import CropDetector
from bottomup.image import BgrImage
from bottomup.people import People
from bottomup.skeleton import Skeleton
from bottomup.weights import find_crop_weights, resolve_model

# The box of a person reaches beyond the outermost joints: by this share of the longer side.
_BEYOND_JOINTS = 0.1
_SEEN = 0.2  # joints below this do not count towards a person's score

Floats = npt.NDArray[np.float64]


class Refiner:
    """A network for crops that looks again at people who were found.

    Parameters
    ----------
    model:
        As in `CropDetector`, or `default` for the built-in network for crops.
    skeleton:
        The joints that the people have.
    device:
        As in `Detector`.
    options:
        Further arguments of `CropDetector`.

    Raises as `CropDetector` does; FileNotFoundError if there is no built-in network for crops in this installation,
    ValueError if the network does not know the joints of `skeleton`.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        skeleton: Skeleton,
        *,
        device: str | None = None,
        options: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.path = find_crop_weights() if model == "default" else resolve_model(model)
        self.detector = CropDetector(self.path, device=device, **options)
        missing = self.detector.skeleton.lacks(skeleton)
        if missing:
            raise ValueError(
                f"refine must be a network of the joints of {skeleton.name} but {model} has no {', '.join(missing)}"
            )
        self.skeleton = skeleton
        self.name = self.detector.info.name or str(model)

    def __call__(self, picture: BgrImage, people: People) -> People:
        """The same people with the joints that the crops show, without those whose crop shows none.

        A person's score is that of the bottom-up network times the mean score of the joints in its crop. Of people who
        turn out to be the same one stays.

        picture: (H, W, 3) uint8 BGR.
        people: of this picture, in its pixels.
        """
        boxes = person_boxes(people)
        found = self.detector(picture, proposals=boxes, keep_all=True).convert(self.skeleton)
        certain = found.keypoint_scores > _SEEN
        means = np.where(certain, found.keypoint_scores, 0).sum(axis=1) / np.maximum(certain.sum(axis=1), 1)
        there = np.flatnonzero(found.keypoint_scores.any(axis=1))
        scores = people.scores * means
        return People(self.skeleton, found.keypoints, found.keypoint_scores, scores.astype(np.float32))[there]


def as_refiner(refine: str | os.PathLike[str] | Refiner, skeleton: Skeleton, device: str | None) -> Refiner:
    """A `Refiner` for people of a skeleton, loaded by name or file, or one that is there; ValueError if its people have
    other joints."""
    if not isinstance(refine, Refiner):
        return Refiner(refine, skeleton, device=device)
    if refine.skeleton != skeleton:
        raise ValueError(f"refine must be for people of {skeleton.name} but is for those of {refine.skeleton.name}")
    return refine


def person_boxes(people: People) -> Floats:
    """(N, 4) xyxy around the joints of each person and what reaches beyond them; at least two pixels wide."""
    boxes = people.boxes.astype(np.float64)
    longer = np.maximum((boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0), 1.0)[:, None]
    return np.concatenate([boxes[:, :2] - _BEYOND_JOINTS * longer, boxes[:, 2:] + _BEYOND_JOINTS * longer], axis=1)
