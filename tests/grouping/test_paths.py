"""Shortest paths: those of a graph library, to the last bit."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from bottomup.grouping.paths import count_limbs, shortest_paths
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from tests.makers.graphs import LOOSE, SQUARE


@pytest.mark.parametrize("seed", range(20))
def test_paths_are_those_of_dijkstra(seed: int) -> None:
    """Graphs with and without a way between all nodes."""
    rng = np.random.default_rng(seed)
    graph = nx.gnp_random_graph(12, 0.1 + 0.02 * seed, seed=seed)
    edges = [(a, b, float(rng.uniform(0.01, 1))) for a, b in graph.edges]
    graph.add_weighted_edges_from(edges)
    lengths = shortest_paths(12, edges)
    expected = dict(nx.all_pairs_dijkstra_path_length(graph))
    for a in range(12):
        for b in range(12):
            assert lengths[a, b] == expected[a].get(b, np.inf)


@pytest.mark.parametrize("skeleton", [COCO_17, OPENPOSE_COCO_18, SQUARE, LOOSE], ids=lambda s: s.name)
def test_limbs_are_counted(skeleton: Skeleton) -> None:
    """Ways of whole limbs, and none between parts that no limb joins."""
    graph = nx.Graph(skeleton.limbs)
    graph.add_nodes_from(range(skeleton.num_joints))
    expected = dict(nx.all_pairs_shortest_path_length(graph))
    counted = count_limbs(skeleton.num_joints, skeleton.limbs)
    for a in range(skeleton.num_joints):
        for b in range(skeleton.num_joints):
            assert counted[a, b] == expected[a].get(b, np.inf)


def test_no_nodes_are_no_paths() -> None:
    """An empty graph."""
    assert shortest_paths(0, []).shape == (0, 0)
