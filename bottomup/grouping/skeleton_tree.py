"""The tree of a skeleton's limbs: the order of the sweep, and the branches that two people may exchange."""

from __future__ import annotations

from functools import lru_cache

import networkx as nx
import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton


@lru_cache(maxsize=64)
def sweep_order(skeleton: Skeleton) -> tuple[int, ...]:
    """Joint types from the torso outward: by their distance from the skeleton's most central joint, then by degree."""
    graph = nx.Graph()
    graph.add_nodes_from(range(skeleton.num_joints))
    graph.add_edges_from(skeleton.limbs)
    order: list[int] = []
    for part in sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part))):
        centrality = nx.closeness_centrality(graph.subgraph(part))
        centre = max(sorted(part), key=lambda joint: (round(centrality[joint], 9), graph.degree[joint]))
        depth = nx.single_source_shortest_path_length(graph.subgraph(part), centre)
        order += sorted(part, key=lambda joint: (depth[joint], -graph.degree[joint], joint))
    return tuple(order)


@lru_cache(maxsize=64)
def branches(skeleton: Skeleton) -> npt.NDArray[np.bool_]:
    """(M, K) the patterns of exchange: each branch of the skeleton's tree, and each two of them together."""
    graph = nx.Graph()
    graph.add_nodes_from(range(skeleton.num_joints))
    graph.add_edges_from(skeleton.limbs)
    single = []
    for part in nx.connected_components(graph):
        centre = next(joint for joint in sweep_order(skeleton) if joint in part)
        tree = nx.bfs_tree(graph, centre)
        for joint in sorted(part):
            mask = np.zeros(skeleton.num_joints, bool)
            mask[[joint, *nx.descendants(tree, joint)]] = True
            single.append(mask)
    patterns = {tuple(a ^ b) for i, a in enumerate(single) for b in single[:i]} | {tuple(a) for a in single}
    table = np.array(sorted(patterns), bool)
    return table[table.any(axis=1) & ~table.all(axis=1)]
