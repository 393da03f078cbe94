"""Random crowds that the compiled steps of the grouping are tested on."""

from __future__ import annotations

from typing import Any

import numpy as np

from bottomup.grouping import PersonJointGraph
from bottomup.grouping.reference.state import ReferenceGraph
from bottomup.kernels import Candidates, LimbPairs
from bottomup.skeletons import COCO_17, CROWDPOSE_14, OPENPOSE_COCO_18
from tests.makers.graphs import ARM_AND_LEG, LOOSE, POINT, SQUARE, deal, make_graph

SKELETONS = [SQUARE, ARM_AND_LEG, POINT, LOOSE, CROWDPOSE_14, COCO_17, OPENPOSE_COCO_18]


def crowd(seed: int, *, most: int = 8, **settings: Any) -> PersonJointGraph:
    """Candidates anywhere in a small field and pairs of any affinity, all different, so that nothing is tied."""
    # Else whatever is better than typical is worth the same, and so is whatever is far too long.
    settings = {"grouping__min_affinity_scale": 1.0, "grouping__length_tolerance": 3.0} | settings
    rng = np.random.default_rng(seed)
    skeleton = SKELETONS[rng.integers(len(SKELETONS))]
    kinds = np.repeat(np.arange(skeleton.num_joints), rng.integers(0, most, skeleton.num_joints))
    points = [(k, *rng.uniform(0, 40, 2), rng.uniform(0.1, 1)) for k in kinds]
    density = rng.uniform(0.1, 1)
    affinities = {
        (limb, int(i), int(j)): float(rng.uniform(0.05, 1))
        for limb, (a, b) in enumerate(skeleton.limbs)
        for i in np.flatnonzero(kinds == a)
        for j in np.flatnonzero(kinds == b)
        if rng.random() < density
    }
    return make_graph(skeleton, points, affinities, **settings)


def dealt(seed: int, *, shared: bool = True, **settings: Any) -> tuple[PersonJointGraph, ReferenceGraph]:
    """A crowd whose candidates are dealt to people at random, some of them perhaps shared, and its reference."""
    graph = crowd(seed, **settings)
    deal(graph, seed)
    if shared and seed % 2:
        graph.duplicate(np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.2))
    return graph, ReferenceGraph.of(graph)


def found(seed: int, *, steps: int, images: int = 3) -> tuple[Candidates, LimbPairs]:
    """What the kernels might have found of a batch, with values in so many steps."""
    rng, skeleton = np.random.default_rng(seed), COCO_17
    counts = rng.integers(0, 5, images * skeleton.num_joints)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    scores = (rng.integers(1, steps + 1, offsets[-1]) / steps).astype(np.float32)
    xy = rng.uniform(0, 40, (offsets[-1], 2)).astype(np.float32)
    candidates = Candidates(images, skeleton.num_joints, offsets, xy, scores, np.ones(len(scores), np.float32))
    first, second, ends = [], [], [0]
    for image in range(images):
        for a, b in skeleton.limbs:
            base = offsets[image * skeleton.num_joints :]
            possible = [(i, j) for i in range(base[a], base[a + 1]) for j in range(base[b], base[b + 1])]
            chosen = [pair for pair in possible if rng.random() < 0.6]
            first += [pair[0] for pair in chosen]
            second += [pair[1] for pair in chosen]
            ends.append(len(first))
    affinities = (rng.integers(1, steps + 1, len(first)) / steps).astype(np.float32)
    pairs = LimbPairs(np.array(ends, np.int64), np.array(first, np.int32), np.array(second, np.int32), affinities)
    return candidates, pairs
