"""From a grouped graph to People: which of them are sure enough, their scores, and their places in the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.options import DEFAULT_PERSON_THRESHOLD
from bottomup.people import People

if TYPE_CHECKING:
    from bottomup.settings import Settings

Bools = npt.NDArray[np.bool_]


def to_people(graph: PersonJointGraph, stride: float, longest: int, sure: Bools | None = None) -> People:
    """The people of a grouped graph, best first, in pixels.

    The score of a person, 0..1, is the root mean square of the responses of all joints, 0 for those that are missing,
    times a power of the person's size as a share of the picture's longer side. The square lets a few clear joints count
    for more than many faint ones, and the joints of large people are surer. Joints that were found where a limb ends,
    or within another person's peak, are marked as traced.

    Parameters
    ----------
    graph:
        Its settings say what is left out.
    stride:
        Pixels per cell.
    longest:
        The field's longer side in cells.
    sure:
        (P,) people for which `min_best_keypoint` is waived; None for none.
    """
    settings = graph.settings
    keypoints, keypoint_scores, traced, scores, right = graph.compiled.read_people(
        sure, stride, longest, settings.joint_threshold, lowest_score(settings), settings.peak_threshold,
        settings.min_joints, settings.results,
    )  # fmt: skip
    make = People.unchecked if right else People  # which says what is wrong
    return make(graph.skeleton, keypoints, keypoint_scores, scores, traced=traced)


def lowest_score(settings: Settings) -> float:
    """The score below which people are left out."""
    return DEFAULT_PERSON_THRESHOLD if settings.person_threshold is None else settings.person_threshold
