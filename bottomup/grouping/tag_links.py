"""The joints between which tags speak: more than those of limbs, since the tags of all joints of a person are alike."""

from __future__ import annotations

from functools import lru_cache

import networkx as nx

from bottomup.skeleton import Skeleton

# How many limbs lie between two joints at most. With 1 an arm whose elbow is hidden falls off; beyond 3 hardly a joint
# is left to join, and the grouping takes longer.
MAX_HOPS = 3


@lru_cache(maxsize=64)
def tag_skeleton(skeleton: Skeleton) -> Skeleton:
    """The skeleton whose limbs are first the given one's, then the pairs of joints up to `MAX_HOPS` limbs apart."""
    graph = nx.Graph()
    graph.add_nodes_from(range(skeleton.num_joints))
    graph.add_edges_from(skeleton.limbs)
    hops = dict(nx.all_pairs_shortest_path_length(graph, cutoff=MAX_HOPS))
    more = tuple((a, b) for a in range(skeleton.num_joints) for b in sorted(hops[a]) if a < b and hops[a][b] > 1)
    return Skeleton(skeleton.name, skeleton.joints, skeleton.limbs + more, skeleton.sigmas, skeleton.flip)
