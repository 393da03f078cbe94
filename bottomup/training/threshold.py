"""How high a person must score to be worth telling: the threshold that goes with a network's weights.

How sure a network is where there is no person differs from network to network, and each training changes it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.datasets import PhotoLabels
from bottomup.detector import Detector
from bottomup.settings import Settings
from bottomup.training.config import TrainConfig
from bottomup.training.examples import read_source

_LOWEST = 0.05  # people with less are not looked at
_ALIKE = 0.005  # F1 scores this close are as good as each other
_OKS = 0.5  # a person who was found is one of those who are labelled from this similarity on


def choose_person_threshold(weights: Path, config: TrainConfig) -> float | None:
    """The `person_threshold` with the best F1 score of the people on the photos that the recipe holds out.

    A person who is found is right with an OKS of at least 0.5 to a labelled one that no better one is matched to, and
    does not count in a region to ignore; on photos without people all are wrong. Of thresholds that are as good, the
    lowest: average precision wants it low. In hundredths; None without a labelled person to judge by.
    """
    detector = Detector(weights, settings=Settings(person_threshold=_LOWEST))
    scores: list[float] = []
    right: list[bool] = []
    labelled = 0
    for source in config.sources:
        _, held = read_source(source, Path(config.data), detector.skeleton)
        for photo in held:
            people = detector(photo.path)
            of_photo, counts = _judge(people.keypoints, people.scores, photo, np.array(detector.skeleton.sigmas))
            scores += people.scores[counts].tolist()
            right += of_photo[counts].tolist()
            labelled += len(photo.keypoints)
    return best_threshold(np.array(scores), np.array(right, bool), labelled) if labelled else None


def best_threshold(scores: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], labelled: int) -> float:
    """The lowest threshold, in hundredths, whose F1 score is within 0.005 of the best.

    scores, right: (N,) of the people who were found, and whether each is one of the `labelled` people there are.
    """
    thresholds = np.arange(round(100 * _LOWEST), 96) / 100
    kept = scores >= thresholds[:, None]
    f1 = 2 * (kept & right).sum(1) / np.maximum(kept.sum(1) + labelled, 1)
    return float(thresholds[np.argmax(f1 >= f1.max() - _ALIKE)])


def _judge(
    keypoints: npt.NDArray[np.float32],
    scores: npt.NDArray[np.float32],
    photo: PhotoLabels,
    sigmas: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """(N,) whether each person is right, and (N,) whether it counts."""
    right, counts = np.zeros(len(scores), bool), np.ones(len(scores), bool)
    free = np.ones(len(photo.keypoints), bool)
    sides = photo.boxes[:, 2:] - photo.boxes[:, :2]
    spread = 2 * np.maximum(0.53 * sides.prod(axis=1), 1.0)[:, None] * (2 * sigmas) ** 2
    for person in np.argsort(-scores, kind="stable"):
        distance2 = ((keypoints[person] - photo.keypoints) ** 2).sum(-1)
        similarity = np.nan_to_num(np.exp(-distance2 / spread)).sum(1) / np.maximum(photo.visible.sum(1), 1)
        similarity = np.where(free, similarity, -1.0)
        if len(similarity) and similarity.max() >= _OKS:
            free[similarity.argmax()] = False
            right[person] = True
        else:
            seen = keypoints[person][np.isfinite(keypoints[person][:, 0])]
            inside = (seen[:, None] >= photo.ignore[:, :2]) & (seen[:, None] <= photo.ignore[:, 2:])
            counts[person] = not (inside.all(-1).mean(axis=0) >= 0.5).any() if len(photo.ignore) else True
    return right, counts
