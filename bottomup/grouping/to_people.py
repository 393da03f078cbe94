"""From a grouped graph to People: who is sure enough, how sure, and where in the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.grouping.graph import PersonJointGraph
from bottomup.people import People
from bottomup.settings import DEFAULT_PERSON_THRESHOLD, Settings

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def to_people(graph: PersonJointGraph, stride: float, longest: int, sure: Bools | None = None) -> People:
    """The people of a grouped graph, best first, in pixels.

    The score of a person, 0..1, is the root mean square of the responses of all joints, 0 for those that are missing,
    times a power of the person's size as a share of the picture's longer side. The square lets a few clear joints count
    for more than many faint ones, and the joints of large people are surer.

    Parameters
    ----------
    graph:
        Its settings say who and what is left out.
    stride:
        Pixels per cell.
    longest:
        The field's longer side in cells.
    sure:
        (P,) for whom `core_threshold` is waived; None for nobody.
    """
    settings = graph.settings
    keypoints, keypoint_scores, scores, right = _C.read_people(
        graph.slots, graph.xy, graph.scores, sure, stride, longest, settings.size_weight, settings.joint_threshold,
        _lowest(settings), settings.core_threshold, settings.min_joints,
    )  # fmt: skip
    make = People.unchecked if right else People  # which says what is wrong
    return make(graph.skeleton, keypoints, keypoint_scores, scores)


def to_people_numpy(graph: PersonJointGraph, stride: float, longest: int, sure: Bools | None = None) -> People:
    """`to_people` in plain NumPy: the reference that the compiled step is held to."""
    settings = graph.settings
    held = graph.slots >= 0
    responses = np.where(held, graph.scores[graph.slots], 0.0)
    held &= responses >= settings.joint_threshold
    xy = np.where(held[..., None], graph.xy[graph.slots], np.nan)
    responses[~held] = 0.0
    scores = _scores(xy, responses, longest, settings)
    keep = (held.sum(axis=1) >= settings.min_joints) & (scores >= _lowest(settings))
    clear = responses.max(axis=1, initial=0.0) >= settings.core_threshold
    keep &= clear if sure is None else clear | sure
    order = np.flatnonzero(keep)[np.argsort(-scores[keep], kind="stable")]
    return People(
        graph.skeleton,
        ((xy[order] + 0.5) * stride - 0.5).astype(np.float32),
        responses[order].astype(np.float32),
        scores[order].astype(np.float32),
    )


def _scores(xy: Floats, responses: Floats, longest: int, settings: Settings) -> Floats:
    """(P,) from xy (P, K, 2) in cells, NaN where missing, and responses (P, K), 0 where missing."""
    low, high = np.where(np.isnan(xy), np.inf, xy), np.where(np.isnan(xy), -np.inf, xy)
    # The box reaches half a cell beyond the joints, so that a single joint has a size.
    sides = np.maximum(high.max(axis=1, initial=-np.inf) - low.min(axis=1, initial=np.inf) + 1, 1)
    size = np.minimum(np.sqrt(sides.prod(axis=1)) / longest, 1)
    scores: Floats = np.sqrt(np.square(responses).mean(axis=1)) * size**settings.size_weight
    return scores


def _lowest(settings: Settings) -> float:
    return DEFAULT_PERSON_THRESHOLD if settings.person_threshold is None else settings.person_threshold
