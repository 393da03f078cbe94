"""Shares of correct joints: PCK, PCKh and PDJ. They differ in the length that a distance is compared with.

- PCK (Yang and Ramanan, Articulated human detection with flexible mixtures of parts, TPAMI 2013): a joint is correct
  within alpha max(h, w) of its label, h and w of the person's box. On Leeds Sports Pose it is customary to take the
  torso instead, with alpha 0.2.
- PCKh (Andriluka, Pishchulin, Gehler, Schiele: 2D human pose estimation, CVPR 2014): within half of the head's length,
  which MPII's own evaluation takes as 0.6 of the diagonal of the head's box.
- PDJ (Sapp and Taskar, MODEC, CVPR 2013; Toshev and Szegedy, DeepPose, CVPR 2014): within a fraction of the torso's
  diameter, from the left shoulder to the right hip.

A joint that is labelled but was not found is wrong, and so are all joints of a person whom nobody found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.datasets.photo import FloatArray, PhotoLabels
from bottomup.skeleton import Skeleton

HEAD_OF_DIAGONAL = 0.6
"""MPII's boxes of heads are larger than the heads; its evaluation shortens their diagonals by this factor."""

# For each reference the pairs of joints whose distance it is; the first pair that is labelled counts.
_SEGMENTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "torso": (("left_shoulder", "right_hip"), ("right_shoulder", "left_hip")),
    "head": (("head_top", "upper_neck"), ("head_top", "neck"), ("head", "neck")),
}
REFERENCES = ("box", "torso", "head")
NOT_IN_MEAN = {"head": ("pelvis", "thorax")}
"""By reference, joints without a say in the mean: MPII's evaluation counts 14 of the 16 joints."""


@dataclass(frozen=True)
class JointRates:
    """Correct joints over all photos.

    joints: K names.
    thresholds: T fractions of the reference length.
    correct: (T, K) counts.
    labelled: (K,) counts.
    not_in_mean: names of joints that the mean leaves out.
    unmeasurable: labelled people without a reference length, who are left out.
    """

    joints: tuple[str, ...]
    thresholds: tuple[float, ...]
    correct: npt.NDArray[np.int64]
    labelled: npt.NDArray[np.int64]
    not_in_mean: tuple[str, ...]
    unmeasurable: int

    def rates(self) -> FloatArray:
        """(T, K) shares in 0..1, NaN for a joint that is nowhere labelled."""
        return np.asarray(_share(self.correct, self.labelled))

    def mean(self) -> FloatArray:
        """(T,) shares of all labelled joints, however they are spread over the kinds; NaN if there are none."""
        counted = [k for k, joint in enumerate(self.joints) if joint not in self.not_in_mean]
        return np.asarray(_share(self.correct[:, counted].sum(axis=1), self.labelled[counted].sum()))


def reference_lengths(reference: str, labels: PhotoLabels, skeleton: Skeleton) -> FloatArray:
    """(N,) pixels, NaN for a person of whom it is not known.

    box: the longer side of the person's box. torso: from the left shoulder to the right hip, or the other way across
    where one of them is not labelled. head: 0.6 of the diagonal of the head's box (`head_box` in the file), or,
    without a box, from the top of the head to the neck.

    Raises ValueError if there is no such reference or the skeleton does not have its joints.
    """
    if reference not in REFERENCES:
        raise ValueError(f"reference must be one of {list(REFERENCES)} but is {reference!r}")
    if reference == "box":
        return np.asarray(_positive(labels.sides.max(axis=1, initial=0)))
    lengths = np.full(len(labels.areas), np.nan)
    if reference == "head":
        lengths = HEAD_OF_DIAGONAL * np.hypot(*(labels.heads[:, 2:] - labels.heads[:, :2]).T)
    pairs = [ends for ends in _SEGMENTS[reference] if set(ends) <= set(skeleton.joints)]
    if not pairs and not np.isfinite(lengths).any() and len(lengths):
        wanted = " or ".join(" and ".join(ends) for ends in _SEGMENTS[reference])
        raise ValueError(f"reference {reference!r} needs labels of {wanted}, which {skeleton.name} has not")
    for a, b in pairs:
        ends = labels.keypoints[:, skeleton.index(a)] - labels.keypoints[:, skeleton.index(b)]
        lengths = np.where(np.isfinite(lengths), lengths, np.hypot(ends[:, 0], ends[:, 1]))
    return np.asarray(_positive(lengths))


def correct_joints(
    found: FloatArray, truth: FloatArray, lengths: FloatArray, threshold: float
) -> npt.NDArray[np.bool_]:
    """(N, K), True where a joint lies within `threshold` times its person's length of its label.

    found, truth: (N, K, 2) pixels, NaN where missing. lengths: (N,) pixels.
    """
    difference = found - truth
    return np.asarray(np.hypot(difference[..., 0], difference[..., 1]) <= threshold * lengths[:, None])


def joint_rates(
    photos: Sequence[tuple[FloatArray, PhotoLabels, FloatArray]],
    skeleton: Skeleton,
    *,
    reference: str,
    thresholds: Sequence[float],
) -> JointRates:
    """Count correct joints.

    Parameters
    ----------
    photos:
        Of each photo the joints that were found for its labelled people, (N, K, 2) pixels with NaN where there is
        none, these N people, and the lengths to compare with, (N,) from `reference_lengths`. All people count, so
        leave out the ignored ones (`PhotoLabels.scored`).
    skeleton:
        The K joints.
    reference, thresholds:
        Which lengths these are, and the fractions of them.
    """
    correct = np.zeros((len(thresholds), skeleton.num_joints), np.int64)
    labelled = np.zeros(skeleton.num_joints, np.int64)
    unmeasurable = 0
    for found, labels, lengths in photos:
        known = np.isfinite(lengths)
        unmeasurable += int((~known).sum())
        labelled += labels.visible[known].sum(axis=0)
        for row, threshold in zip(correct, thresholds, strict=True):
            row += correct_joints(found[known], labels.keypoints[known], lengths[known], threshold).sum(axis=0)
    left_out = tuple(joint for joint in NOT_IN_MEAN.get(reference, ()) if joint in skeleton.joints)
    return JointRates(skeleton.joints, tuple(thresholds), correct, labelled, left_out, unmeasurable)


def _positive(lengths: FloatArray) -> FloatArray:
    return np.asarray(np.where(lengths > 0, lengths, np.nan))


def _share(part: npt.NDArray[np.int64], whole: npt.NDArray[np.int64]) -> FloatArray:
    return np.asarray(np.where(whole > 0, part / np.maximum(whole, 1), np.nan))
