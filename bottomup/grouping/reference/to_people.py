"""From a grouped graph to People."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.grouping.to_people import lowest_score
from bottomup.people import People

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def to_people(
    graph: PersonJointGraph | ReferenceGraph, stride: float, longest: int, sure: Bools | None = None
) -> People:
    """The people of a grouped graph, best first, in pixels; see `bottomup.grouping.to_people.to_people`."""
    settings, members, places = graph.settings, graph.members, graph.xy
    held = members >= 0
    responses = np.where(held, graph.scores[members], 0.0)
    held &= responses >= settings.joint_threshold
    traced = held & ((responses <= np.float32(settings.peak_threshold)) | (members >= first_duplicate(graph.types)))
    xy = np.where(held[..., None], places[members], np.nan)
    responses[~held] = 0.0
    scores = _scores(xy, responses, longest, settings.results.size_exponent)
    keep = (held.sum(axis=1) >= settings.min_joints) & (scores >= lowest_score(settings))
    clear = responses.max(axis=1, initial=0.0) >= settings.results.min_best_keypoint
    keep &= clear if sure is None else clear | sure
    order = np.flatnonzero(keep)[np.argsort(-scores[keep], kind="stable")]
    return People(
        graph.skeleton,
        ((xy[order] + 0.5) * stride - 0.5).astype(np.float32),
        responses[order].astype(np.float32),
        scores[order].astype(np.float32),
        traced=traced[order],
    )


def first_duplicate(types: npt.NDArray[np.int64]) -> int:
    """From which candidate on they are duplicates, which come after all others and have types (n,) that begin anew."""
    falls = np.flatnonzero(np.diff(types) < 0)
    return int(falls[0]) + 1 if len(falls) else len(types)


def _scores(xy: Floats, responses: Floats, longest: int, size_exponent: float) -> Floats:
    """(P,) from xy (P, K, 2) in cells, NaN where missing, and responses (P, K), 0 where missing."""
    low, high = np.where(np.isnan(xy), np.inf, xy), np.where(np.isnan(xy), -np.inf, xy)
    # The box reaches half a cell beyond the joints, so that a single joint has a size.
    sides = np.maximum(high.max(axis=1, initial=-np.inf) - low.min(axis=1, initial=np.inf) + 1, 1)
    size = np.minimum(np.sqrt(sides.prod(axis=1)) / longest, 1)
    scores: Floats = np.sqrt(np.square(responses).mean(axis=1)) * size**size_exponent
    return scores
