"""Who is who: object keypoint similarity (OKS), and which found person stands for which labelled one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from bottomup.datasets.photo import FloatArray, PhotoLabels

IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class FoundPeople:
    """P people that were found in one photo: keypoints (P, K, 2) float64 with NaN for a missing joint, scores (P,)."""

    keypoints: FloatArray
    scores: FloatArray


@dataclass(frozen=True)
class Match:
    """What came of one photo.

    holder: (N,) for each labelled person the found one, or -1.
    invented: (P,) whether a found person stands neither for a labelled person nor for one that is ignored.
    """

    holder: IntArray
    invented: npt.NDArray[np.bool_]


def joint_similarity(found: FoundPeople, labels: PhotoLabels, sigmas: FloatArray) -> FloatArray:
    """(P, N, K) of exp(-d^2 / (2 area (2 sigma)^2)), 0 where either joint is missing.

    COCO's keypoint evaluation (https://cocodataset.org/#keypoints-eval); it adds the smallest number to each area.
    """
    distance2 = ((found.keypoints[:, None] - labels.keypoints[None]) ** 2).sum(axis=-1)
    return _similarity(np.asarray(distance2), labels, sigmas)


def oks(found: FoundPeople, labels: PhotoLabels, sigmas: FloatArray) -> FloatArray:
    """(P, N) similarity of each found person to each label: the mean over the label's visible joints.

    A missing joint counts as infinitely far. A label without joints (a crowd, say) is resembled by found people with
    joints in its box or near it: distances are those to the box at three times its size, as COCO takes them.
    """
    visible = labels.visible
    mean = joint_similarity(found, labels, sigmas).sum(axis=-1) / np.maximum(visible.sum(axis=-1), 1)
    if visible.any(axis=-1).all():
        return np.asarray(mean)
    corner, size = labels.boxes[:, None, :2], labels.sides[:, None]
    joints = found.keypoints[:, None]
    outside = np.maximum(corner - size - joints, 0) + np.maximum(joints - corner - 2 * size, 0)
    seen = np.isfinite(found.keypoints[..., 0]).sum(axis=-1)[:, None]
    near = _similarity((outside**2).sum(axis=-1), labels, sigmas).sum(axis=-1) / np.maximum(seen, 1)
    return np.asarray(np.where(visible.any(axis=-1), mean, near))


def _similarity(distance2: FloatArray, labels: PhotoLabels, sigmas: FloatArray) -> FloatArray:
    spread = 2 * (labels.areas[:, None] + np.spacing(1)) * (2 * sigmas) ** 2
    similarity: FloatArray = np.nan_to_num(np.exp(-distance2 / spread))
    return similarity


def match(similarity: FloatArray, scores: FloatArray, ignored: npt.NDArray[np.bool_], threshold: float = 0.5) -> Match:
    """COCO's matching: best score first, each found person takes the most similar labelled one that is still free.

    Parameters
    ----------
    similarity:
        (P, N) of P found people to N labels.
    scores, ignored:
        (P,) and (N,). A found person with none to take that resembles an ignored label is not invented.
    threshold:
        Least similarity of a match.
    """
    found, labels = similarity.shape
    holder = np.full(labels, -1)
    invented = np.ones(found, bool)
    for person in np.argsort(-scores, kind="stable"):
        free = np.where((holder < 0) & ~ignored, similarity[person], -1.0)
        if labels and free.max() >= threshold:
            holder[free.argmax()] = person
            invented[person] = False
        elif (similarity[person][ignored] >= threshold).any():
            invented[person] = False
    return Match(holder, invented)


def pair(similarity: FloatArray) -> IntArray:
    """(N,) for each label the found person whose joints are judged, -1 if there is none left.

    One to one, with the largest sum of similarities; however small, so that every joint that was found can count.
    """
    holder = np.full(similarity.shape[1], -1)
    people, labels = linear_sum_assignment(similarity, maximize=True)
    holder[labels] = people
    return holder
