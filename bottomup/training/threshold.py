"""What goes with a network's weights: how high a person must score to be worth telling, and what its scores mean.

How sure a network is where there is no person differs from network to network, and each training changes it.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bottomup.datasets import PhotoLabels
from bottomup.detector import Detector
from bottomup.evaluation.reliability import Judged, Reliability
from bottomup.people import People
from bottomup.pose_denoiser import NONE
from bottomup.settings import Settings
from bottomup.training.config import TrainConfig
from bottomup.training.examples import read_source

_LOWEST = 0.05  # people with less are not looked at
_ALIKE = 0.005  # F1 scores this close are as good as each other
_OKS = 0.5  # a person who was found is one of those who are labelled from this similarity on; so is a joint

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """The people and joints that weights find on the photos that their recipe holds out, by the decoder's scores.

    labelled: how many people there are to find.
    """

    found: Reliability
    labelled: int

    @property
    def person_threshold(self) -> float | None:
        """The threshold with the best F1 score, in hundredths; None without a labelled person to judge by.

        Of thresholds that are as good, the lowest: average precision wants it low.
        """
        people = self.found.people
        return best_threshold(people.scores, people.right, self.labelled) if self.labelled else None


def judge_held_out(weights: Path, config: TrainConfig) -> Judgement:
    """Look at the photos held out with weights that have no calibration yet; with those of a network for crops again
    at the people whom the built-in field network finds.

    A person who is found is right with an OKS of at least 0.5 to a labelled one that no better one is matched to, and
    does not count in a region to ignore; on photos without people all are wrong. A right person's joints are right with
    a similarity of at least 0.5, if they are labelled, others' joints are wrong.
    """
    settings = Settings(person_threshold=_LOWEST)
    again = config.mode == "crops"
    # A pose denoiser's guesses say nothing of the scores of a network's joints.
    own = dataclasses.replace(settings, pose_denoiser=NONE)
    detector = Detector(refine=weights, settings=settings) if again else Detector(weights, settings=own)
    people: list[Judged] = []
    joints: list[Judged] = []
    labelled = 0
    for source in config.sources:
        _, held = read_source(source, Path(config.data), detector.skeleton)
        for photo in held:
            of_people, of_joints = _judge_photo(detector(photo.path), photo)
            people.append(of_people)
            joints.append(of_joints)
            labelled += len(photo.keypoints)
    return Judgement(Reliability(Judged.join(people), Judged.join(joints)), labelled)


def best_threshold(scores: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], labelled: int) -> float:
    """The lowest threshold, in hundredths, whose F1 score is within 0.005 of the best.

    scores, right: (N,) of the people who were found, and whether each is one of the `labelled` people there are.
    """
    thresholds = np.arange(round(100 * _LOWEST), 96) / 100
    kept = scores >= thresholds[:, None]
    f1 = 2 * (kept & right).sum(1) / np.maximum(kept.sum(1) + labelled, 1)
    return float(thresholds[np.argmax(f1 >= f1.max() - _ALIKE)])


def _judge_photo(people: People, photo: PhotoLabels) -> tuple[Judged, Judged]:
    """Which people and joints of a photo are right, of those that count."""
    sigmas = np.array(people.skeleton.sigmas)
    holds, counts = _judge(people.keypoints, people.scores, photo, sigmas)
    scores, right, known = (
        people.keypoint_scores,
        np.zeros(people.keypoint_scores.shape, bool),
        people.keypoint_scores > 0,
    )
    (held,) = np.nonzero(holds >= 0)
    right[held] = joint_similarity(people.keypoints[held], photo, sigmas)[np.arange(len(held)), holds[held]] >= _OKS
    known[held] &= photo.visible[holds[held]]
    known &= counts[:, None]
    return (
        Judged(people.scores[counts].astype(float), holds[counts] >= 0),
        Judged(scores[known].astype(float), right[known]),
    )


def joint_similarity(keypoints: npt.NDArray[np.float32], photo: PhotoLabels, sigmas: Floats) -> Floats:
    """(P, N, K) of the joints of P people with those of N who are labelled, 0 where either is missing."""
    sides = photo.boxes[:, 2:] - photo.boxes[:, :2]
    spread = 2 * np.maximum(0.53 * sides.prod(axis=1), 1.0)[:, None] * (2 * sigmas) ** 2
    distance2 = ((keypoints[:, None] - photo.keypoints) ** 2).sum(-1)
    return np.asarray(np.nan_to_num(np.exp(-distance2 / spread)), np.float64)


def _judge(
    keypoints: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], photo: PhotoLabels, sigmas: Floats
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """(N,) the labelled person that each one is, -1 for none, and (N,) whether it counts."""
    holds, counts = np.full(len(scores), -1), np.ones(len(scores), bool)
    free = np.ones(len(photo.keypoints), bool)
    all_similarities = joint_similarity(keypoints, photo, sigmas).sum(-1) / np.maximum(photo.visible.sum(1), 1)
    for person in np.argsort(-scores, kind="stable"):
        similarity = np.where(free, all_similarities[person], -1.0)
        if len(similarity) and similarity.max() >= _OKS:
            holds[person] = similarity.argmax()
            free[holds[person]] = False
        else:
            seen = keypoints[person][np.isfinite(keypoints[person][:, 0])]
            inside = (seen[:, None] >= photo.ignore[:, :2]) & (seen[:, None] <= photo.ignore[:, 2:])
            counts[person] = not (inside.all(-1).mean(axis=0) >= 0.5).any() if len(photo.ignore) else True
    return holds, counts
