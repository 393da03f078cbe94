"""Scored pairs of candidates seen from both ends, and those of duplicates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.edges import Pairs
from bottomup.grouping.reference.state import ReferenceGraph

Ints = npt.NDArray[np.int64]


def links_of(pairs: Pairs) -> Pairs:
    """Every pair twice, once from each of its ends, which is `own`."""
    return pairs.and_also(pairs._replace(own=pairs.other, other=pairs.own))


def duplicate(graph: ReferenceGraph, candidates: Ints) -> None:
    """Add a duplicate of candidates; see `PersonJointGraph.duplicate`."""
    number, sharing = len(graph.types), graph.settings.sharing
    copy = np.full(number, -1, np.int64)
    copy[candidates] = number + np.arange(len(candidates))
    for end in ("own", "other"):
        index = getattr(graph.pairs, end)
        copies = np.append(copy, np.full(len(candidates), -1))[index]
        again = graph.pairs.where(copies >= 0)
        graph.pairs = graph.pairs.and_also(again._replace(**{end: copies[copies >= 0]}))
    graph.types = np.concatenate([graph.types, graph.types[candidates]])
    graph.xy = np.concatenate([graph.xy, graph.xy[candidates]])
    graph.scores = np.concatenate([graph.scores, graph.scores[candidates] * sharing.score_factor])
    graph.responses = np.concatenate([graph.responses, graph.responses[candidates] - sharing.peak_cost])
    graph.person_of = np.concatenate([graph.person_of, np.full(len(candidates), -1)])
