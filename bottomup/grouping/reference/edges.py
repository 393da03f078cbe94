"""Edges of the person-joint graph for one joint type."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.edges import Edges, Pairs, limb_gain
from bottomup.grouping.reference.links import links_of
from bottomup.grouping.reference.state import ReferenceGraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def gain_of(graph: ReferenceGraph, pairs: Pairs, heights: Floats) -> Floats:
    """What each pair adds to F when a person of that height has both ends."""
    return limb_gain(pairs, heights, graph.model.max_limb_length, graph.settings.grouping)


def singleton_gain(graph: ReferenceGraph, candidates: Ints) -> Floats:
    """What a candidate adds to F by itself: as a person of one joint if that is worth it, else unused."""
    gain: Floats = np.maximum(graph.responses[candidates] - graph.settings.grouping.person_cost, 0.0)
    return gain


def find_edges(graph: ReferenceGraph, joint: int) -> Edges:
    """The edges that pass between people, of which none has the type, and candidates; see `PersonJointGraph.edges`."""
    links = links_of(graph.pairs)
    links = links.where((graph.types[links.own] == joint) & (graph.person_of[links.other] >= 0))
    person = graph.person_of[links.other]
    stride = max(len(graph.types), 1)
    key, inverse = np.unique(person * stride + links.own, return_inverse=True)
    gain = np.bincount(inverse, gain_of(graph, links, graph.heights[person]), len(key)).astype(np.float64)
    shown = np.bincount(inverse, minlength=len(key))
    person, candidate = key // stride, key % stride
    expected = (graph.members[:, graph.model.neighbours[joint]] >= 0).sum(axis=1)[person]
    gain -= graph.settings.grouping.missing_limb_cost * (expected - shown)
    gain += graph.responses[candidate] - singleton_gain(graph, candidate)
    keep = gain > 0
    return Edges(person[keep], candidate[keep], gain[keep])
