"""Share of correct parts (PCP): the limbs, the torso and the head as sticks, judged by their two ends.

Ferrari, Marin-Jimenez, Zisserman (Progressive search space reduction for human pose estimation, CVPR 2008): a part is
correct if both its ends lie within half of the labelled part's length of their labels. That is the strict reading;
the loose one, of the authors' own code, asks it of the mean of the two distances (Pishchulin et al., Articulated
people detection and pose estimation: reshaping the future, CVPR 2012, tell them apart). Of people who were not found
all parts count as wrong; Ferrari et al. report the share of detected people apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bottomup.datasets.photo import FloatArray, PhotoLabels
from bottomup.skeleton import Skeleton

End = tuple[str, ...]  # a joint, or several whose middle it is


def _sides(part: str, a: str, b: str) -> dict[str, tuple[tuple[End, ...], tuple[End, ...]]]:
    return {f"{side}_{part}": (((f"{side}_{a}",),), ((f"{side}_{b}",),)) for side in ("left", "right")}


# Each part's two ends; where several joints will do, the first that the skeleton has.
PARTS: Mapping[str, tuple[tuple[End, ...], tuple[End, ...]]] = {
    "torso": ((("left_shoulder", "right_shoulder"),), (("left_hip", "right_hip"),)),
    "head": ((("head_top",), ("head",)), (("upper_neck",), ("neck",))),
    **_sides("upper_arm", "shoulder", "elbow"),
    **_sides("forearm", "elbow", "wrist"),
    **_sides("thigh", "hip", "knee"),
    **_sides("lower_leg", "knee", "ankle"),
}


@dataclass(frozen=True)
class PartRates:
    """Correct parts over all photos.

    parts: Q names, of the parts that the skeleton has.
    strict, loose: (Q,) counts of correct ones.
    labelled: (Q,) counts.
    """

    parts: tuple[str, ...]
    strict: npt.NDArray[np.int64]
    loose: npt.NDArray[np.int64]
    labelled: npt.NDArray[np.int64]


def correct_parts(found: FloatArray, truth: FloatArray, threshold: float) -> npt.NDArray[np.bool_]:
    """(2, N): whether each part is correct by the strict and by the loose rule.

    found, truth: (N, 2, 2) pixels, the two ends of a part, NaN where missing.
    """
    length = np.hypot(*(truth[:, 1] - truth[:, 0]).T)
    distance = np.hypot(*np.moveaxis(found - truth, -1, 0))
    return np.stack([distance.max(axis=1) <= threshold * length, distance.mean(axis=1) <= threshold * length])


def part_rates(
    photos: Sequence[tuple[FloatArray, PhotoLabels]], skeleton: Skeleton, *, threshold: float = 0.5
) -> PartRates:
    """Count correct parts.

    Parameters
    ----------
    photos:
        Of each photo the joints that were found for its labelled people, (N, K, 2) pixels with NaN where there is
        none, and these N people, without the ignored ones.
    skeleton:
        The K joints.
    threshold:
        How far off an end may be, as a share of the labelled part's length.

    Raises ValueError if the skeleton has no part at all.
    """
    ends = {name: part_ends for name in PARTS if (part_ends := _ends(name, skeleton))}
    if not ends:
        raise ValueError(
            f"labels must have both ends of some body part but {skeleton.name} has {list(skeleton.joints)}"
        )
    strict, loose, labelled = np.zeros((3, len(ends)), np.int64)
    for found, labels in photos:
        for number, pair in enumerate(ends.values()):
            truth = _stick(labels.keypoints, pair)
            known = np.isfinite(truth).all(axis=(1, 2)) & (truth[:, 0] != truth[:, 1]).any(axis=1)
            right = correct_parts(_stick(found, pair)[known], truth[known], threshold).sum(axis=1)
            labelled[number] += known.sum()
            strict[number] += right[0]
            loose[number] += right[1]
    return PartRates(tuple(ends), strict, loose, labelled)


def _ends(part: str, skeleton: Skeleton) -> tuple[list[int], list[int]] | None:
    chosen = [next((end for end in ends if set(end) <= set(skeleton.joints)), None) for ends in PARTS[part]]
    if chosen[0] is None or chosen[1] is None:
        return None
    return [skeleton.index(joint) for joint in chosen[0]], [skeleton.index(joint) for joint in chosen[1]]


def _stick(keypoints: FloatArray, ends: tuple[list[int], list[int]]) -> FloatArray:
    """(N, 2, 2) the ends of one part of N people."""
    return np.stack([keypoints[:, joints].mean(axis=1) for joints in ends], axis=1)
