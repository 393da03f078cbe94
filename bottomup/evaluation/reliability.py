"""Whether scores mean what they say: how often people, and joints, of a score are right; and curves that make them so.

A person is right who is matched to a labelled one by an OKS of at least 0.5 (`bottomup.evaluation.matching`). A joint
of a right person is right with a similarity of at least 0.5, and does not count where the label has no such joint; the
joints of other people are wrong. People in regions to ignore do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from bottomup.datasets import PhotoLabels
from bottomup.evaluation.matching import FoundPeople, joint_similarity, match, oks
from bottomup.evaluation.results import Entry
from bottomup.networks.calibration import Calibration, Curve
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_RIGHT = 0.5  # OKS of a person, similarity of a joint
_LEAST = 30  # right ones, and wrong ones, that a curve needs


@dataclass(frozen=True)
class Judged:
    """N scores, and whether what has them is right: (N,) each."""

    scores: Floats
    right: Bools

    @classmethod
    def join(cls, parts: Iterable[Self]) -> Self:
        """All of them."""
        parts = list(parts)
        scores = np.concatenate([np.zeros(0), *(part.scores for part in parts)])
        return cls(scores, np.concatenate([np.zeros(0, bool), *(part.right for part in parts)]))

    def bins(self, count: int = 10) -> list[tuple[float, float, int]]:
        """Mean score, share of right ones and number of those within each `count`-th of 0..1 that has any."""
        place = np.clip((self.scores * count).astype(int), 0, count - 1)
        table = []
        for number in np.unique(place):
            within = place == number
            score, share = float(self.scores[within].mean()), float(self.right[within].mean())
            table.append((score, share, int(within.sum())))
        return table

    def to_dict(self) -> dict[str, Any]:
        """The bins and the error, ready for `json.dump`."""
        bins = [{"score": score, "right": share, "count": count} for score, share, count in self.bins()]
        return {"error": self.error, "bins": bins}

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of the bins' score and share, by their number."""
        return sum(abs(score - share) * count for score, share, count in self.bins()) / max(len(self.scores), 1)


@dataclass(frozen=True)
class Reliability:
    """The people and the joints that were found in some photos."""

    people: Judged
    joints: Judged

    @property
    def calibration(self) -> Calibration | None:
        """The curves that make these scores shares of right ones; None where too few are right or wrong."""
        people, joints = fit_curve(self.people), fit_curve(self.joints)
        return None if people is None or joints is None else Calibration(people, joints)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for `json.dump`."""
        return {"people": self.people.to_dict(), "joints": self.joints.to_dict()}


def judge(
    found: Mapping[int, FoundPeople], entries: Sequence[Entry], photos: Mapping[int, PhotoLabels], skeleton: Skeleton
) -> Reliability:
    """Which people and joints are right.

    Parameters
    ----------
    found:
        Of each photo, by its id.
    entries:
        The results that they are of; `keypoint_scores` tells the joints' scores, where a result has it.
    photos, skeleton:
        The labels, in the joints of the results.
    """
    scores: dict[int, list[Sequence[float]]] = {key: [] for key in photos}
    for entry in entries:
        if entry["image_id"] in scores:
            scores[entry["image_id"]].append(entry.get("keypoint_scores") or [0.0] * skeleton.num_joints)
    parts = [
        judge_photo(found[key], np.reshape(scores[key], (-1, skeleton.num_joints)), photos[key], skeleton)
        for key in photos
    ]
    return Reliability(Judged.join(part.people for part in parts), Judged.join(part.joints for part in parts))


def judge_photo(
    found: FoundPeople, joint_scores: npt.ArrayLike, labels: PhotoLabels, skeleton: Skeleton
) -> Reliability:
    """Which people and joints of one photo are right.

    joint_scores: (P, K), 0 for a missing joint.
    """
    sigmas = np.array(skeleton.sigmas)
    scores: Floats = np.asarray(joint_scores, np.float64)
    matched = match(oks(found, labels, sigmas), found.scores, labels.ignored, _RIGHT)
    (held,) = np.nonzero(matched.holder >= 0)
    holders = matched.holder[held]
    right = np.zeros(len(found.scores), bool)
    right[holders] = True
    counts = right | matched.invented
    of_right = scores[holders]
    near = joint_similarity(found, labels, sigmas)[holders, held] >= _RIGHT
    known = labels.visible[held] & (of_right > 0)
    of_wrong = scores[matched.invented]
    wrong = of_wrong[of_wrong > 0]
    joints = Judged(np.concatenate([of_right[known], wrong]), np.concatenate([near[known], np.zeros(len(wrong), bool)]))
    return Reliability(Judged(np.asarray(found.scores[counts], np.float64), right[counts]), joints)


def fit_curve(judged: Judged) -> Curve | None:
    """The most likely curve; None where too few are right or wrong, or higher scores are not righter."""
    right = int(judged.right.sum())
    if min(right, len(judged.right) - right) < _LEAST:
        return None

    def misfit(parameters: Floats) -> float:
        distance = (judged.scores - parameters[0]) / np.exp(parameters[1])
        return float(np.logaddexp(0, np.where(judged.right, -distance, distance)).mean())

    start = np.array([judged.scores.mean(), np.log(0.1)])
    fitted = minimize(misfit, start, method="Nelder-Mead", options={"xatol": 1e-5, "fatol": 1e-9}).x
    half, width = round(float(fitted[0]), 4), round(float(np.exp(fitted[1])), 4)
    return Curve(half, width) if abs(half) < 10 and 0.001 <= width < 10 else None
