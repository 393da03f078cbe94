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

from bottomup.calibrated_scores import calibrate_people
from bottomup.crop_detector import CropDetector
from bottomup.image import BgrImage
from bottomup.people import People
from bottomup.pose_nms import BOX_AREA, oks_nms, shared_oks
from bottomup.skeleton import Skeleton
from bottomup.weights import find_crop_weights, resolve_model

# The box of a person reaches beyond the outermost joints: by this share of the longer side.
_BEYOND_JOINTS = 0.1
_SEEN = 0.2  # joints below this do not count towards a person's score
# Two looks see a joint at the same place up to this distance, as a share of the root of its person's box's area.
_SAME_PLACE = 0.2
_SAME_PERSON = 0.5  # OKS of two of them, above which the likelier one stays
PROPOSED = 0.05
"""A network for crops that judges people looks again at those with this calibrated score or more."""
CASCADE = "cascade"
"""Before the name of a network for crops, `cascade:FILE`: it looks twice."""

Floats = npt.NDArray[np.float64]


class Refiner:
    """A network for crops that looks again at people who were found.

    Parameters
    ----------
    model:
        As in `CropDetector`, or `default` for the built-in network for crops. `cascade:MODEL`, or `cascade` for the
        built-in network, looks at each person twice: the second crop is around the joints that the first one shows.
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
        name, self.cascade = _without_cascade(model)
        self.path = find_crop_weights() if name == "default" else resolve_model(name)
        self.detector = CropDetector(self.path, device=device, **options)
        missing = self.detector.skeleton.lacks(skeleton)
        if missing:
            raise ValueError(
                f"refine must be a network of the joints of {skeleton.name} but {name} has no {', '.join(missing)}"
            )
        self.skeleton = skeleton
        self.name = self.detector.info.name or str(name)
        if self.cascade:
            self.name += " in a cascade"

    @property
    def judges(self) -> bool:
        """Whether it is known what the scores of people mean that both networks have seen."""
        return self.detector.info.calibration is not None

    def __call__(self, picture: BgrImage, people: People, *, least: float | None = None) -> People:
        """The same people with the joints that the crops show, without those whose crop shows none.

        Where the network for crops is to have a part in the joints only (`NetworkInfo.refine_share`), see `combine`. A
        person's score is that of the bottom-up network, times the mean score of the joints in its crop, times the root
        of how alike the two looks are (OKS; guesses, `People.traced`, are no look): where there is no person they
        rarely agree. In a cascade both crops count by their geometric mean. Of people who turn out to be the same one
        stays.

        picture: (H, W, 3) uint8 BGR.
        people: of this picture, in its pixels; their scores as the decoder gives them, of joints calibrated ones.
        least: of a network that `judges`: the scores are to be calibrated, and people with less left out, as are those
            who are like a likelier one.
        """
        looks, share = 2 if self.cascade else 1, self.detector.info.refine_share
        for number in range(looks):
            # All looks of the network for crops have the same weight.
            people = self._look(picture, people, share / (1 + number * share), 1 / looks)
        if least is None:
            return people
        people = calibrate_people(people, self.detector.info.calibration)
        people = people[np.flatnonzero(people.scores >= least)]
        # Unlikely people are looked at too, among them parts of others, whom the second look completes.
        ranks = people.keypoint_scores.astype(np.float64) * people.scores[:, None]
        boxes = people.boxes.astype(np.float64)
        return people[oks_nms(people.keypoints.astype(np.float64), ranks, boxes, self.skeleton.sigmas, _SAME_PERSON)]

    def _look(self, picture: BgrImage, people: People, share: float, power: float) -> People:
        """The people with what the crops around their joints show, of the weight `share`; the crops' scores count to
        the power of `power`."""
        found = self.detector(picture, proposals=person_boxes(people), keep_all=True).convert(self.skeleton)
        certain = found.keypoint_scores > _SEEN
        means = np.where(certain, found.keypoint_scores, 0).sum(axis=1) / np.maximum(certain.sum(axis=1), 1)
        both = (people.keypoint_scores > 0) & (found.keypoint_scores > 0) & ~people.traced
        alike = shared_oks(people.keypoints, found.keypoints, both, _areas(people), self.skeleton.sigmas)
        keypoints, keypoint_scores = combine(people, found, share)
        # What only limbs showed, and the crop neither.
        traced = people.traced & (keypoints == people.keypoints).all(axis=2)
        scores = (people.scores * (means * np.sqrt(alike)) ** power).astype(np.float32)
        refined = People(self.skeleton, keypoints, keypoint_scores, scores, traced=traced)
        return refined[np.flatnonzero(found.keypoint_scores.any(axis=1))]


def _without_cascade(model: str | os.PathLike[str]) -> tuple[str | os.PathLike[str], bool]:
    """The network's name or file, and whether it stands behind `cascade:`."""
    if isinstance(model, str) and model.partition(":")[0] == CASCADE:
        return model.partition(":")[2] or "default", True
    return model, False


def combine(first: People, second: People, share: float) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The joints of the same people, seen twice: (N, K, 2) and their scores (N, K).

    A joint that both looks see at much the same place lies between the two: two looks err less than one. Of one that
    they see at different places, or that one of them does not see, the surer look counts. `share`, 0 to 1, is the
    weight of the second look, in places as in scores; at 1 its joints are the result.
    """
    if share == 1:
        return second.keypoints, second.keypoint_scores
    size = np.sqrt(np.maximum(_areas(first) / BOX_AREA, 1.0))[:, None]
    apart = np.linalg.norm(second.keypoints.astype(np.float64) - first.keypoints, axis=2)  # NaN unless both are there
    same = (apart < _SAME_PLACE * size)[..., None]
    one, other = (1 - share) * first.keypoint_scores, share * second.keypoint_scores
    surer = (other > one)[..., None]
    places = np.where(surer, second.keypoints, first.keypoints)
    scores = np.where(surer[..., 0], second.keypoint_scores, first.keypoint_scores)
    between = (1 - share) * first.keypoints + share * second.keypoints
    return (
        np.where(same, between, places).astype(np.float32),
        np.where(same[..., 0], one + other, scores).astype(np.float32),
    )


def _areas(people: People) -> Floats:
    """(N,) square pixels that people cover."""
    boxes = people.boxes.astype(np.float64)
    return np.asarray(BOX_AREA * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1))


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
