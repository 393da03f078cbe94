"""Shortest paths between all joints of a skeleton, or all ends of segments of a body.

In NumPy, since graphs of some twenty nodes are worth no import of a graph library: that takes longer than all of this.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def shortest_paths(num_nodes: int, edges: Iterable[tuple[int, int, float]]) -> Floats:
    """(M, M) lengths of the shortest paths of a graph of M nodes whose edges lead both ways, inf where there is none.

    Bellman and Ford's relaxation from all nodes at once. Lengths are summed from the path's start on, as by Dijkstra's
    algorithm, and equal to what that gives to the last bit.
    """
    steps = np.full((num_nodes, num_nodes), np.inf)
    for start, end, length in edges:
        steps[start, end] = steps[end, start] = length
    lengths = np.where(np.eye(num_nodes, dtype=bool), 0.0, np.inf)
    while True:
        longer = np.minimum(lengths, (lengths[:, :, None] + steps).min(axis=1, initial=np.inf))
        if np.array_equal(longer, lengths):
            return lengths
        lengths = longer


def count_limbs(num_joints: int, limbs: Iterable[tuple[int, int]]) -> Floats:
    """(K, K) how many limbs lie between two joints at least, inf where none lead from one to the other."""
    return shortest_paths(num_joints, ((a, b, 1.0) for a, b in limbs))
