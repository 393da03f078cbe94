"""The compiled graph of what the kernels found against the reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping import build_graph
from bottomup.grouping.build import typical_affinity
from bottomup.grouping.reference import build as reference
from bottomup.skeletons import COCO_17
from tests.makers.crowds import found
from tests.makers.graphs import SQUARE, make_graph
from tests.makers.settings import make_settings


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1), st.sampled_from([4, 10**6]))
def test_building_a_graph(seed: int, steps: int) -> None:
    candidates, pairs = found(seed, steps=steps)
    settings = make_settings(grouping__weak_factor=0.0, peak_threshold=0.3)
    typical = typical_affinity(candidates, pairs, COCO_17, settings)
    for image in range(candidates.batch):
        least = settings.grouping.min_affinity_scale
        assert typical[image] == max(reference.typical_affinity(candidates, pairs, image, COCO_17), least)
        graph = build_graph(candidates, pairs, image, COCO_17, settings)
        expected = reference.scored_pairs(candidates, pairs, image, COCO_17, settings)
        for mine, theirs in zip(graph.pairs, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)  # kept as float32


@pytest.mark.parametrize("steps", [3, 10**6])
def test_of_noise_each_joint_keeps_its_best_partners(steps: int) -> None:
    """Twenty joints of each type, each joined to all of the next: forty pairs a joint on average."""
    rng = np.random.default_rng(steps)
    points = [(k, *rng.uniform(0, 40, 2), 1.0) for k in range(4) for _ in range(20)]
    affinities = {
        (limb, 20 * a + i, 20 * b + j): float(rng.integers(1, steps + 1)) / steps
        for limb, (a, b) in enumerate(SQUARE.limbs)
        for i in range(20)
        for j in range(20)
    }
    graph = make_graph(SQUARE, points, affinities, grouping__min_affinity_scale=1.0, grouping__affinity_cap=10.0)
    pairs, number = graph.pairs, 20 * 4
    assert 0 < len(pairs.own) < len(affinities) / 2
    for end in (pairs.own, pairs.other):
        assert np.bincount(pairs.limb * number + end).max() <= graph.settings.grouping.max_partners
    best = max(affinities, key=lambda pair: affinities[pair])  # the first of the best, by index
    assert best[1:] in zip(pairs.own[pairs.limb == best[0]], pairs.other[pairs.limb == best[0]], strict=True)
