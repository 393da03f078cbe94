"""Heights of people, as far as the limbs that they have tell."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.grouping.reference.state import ReferenceGraph

Bools = npt.NDArray[np.bool_]


def measure(graph: ReferenceGraph, which: Bools | None = None) -> None:
    """Tell each person's height, or those of some (P,); see `PersonJointGraph.measure`."""
    heights = np.full(graph.num_people, np.nan)
    max_length, pairs = graph.model.max_limb_length, graph.pairs
    mine = graph.person_of[pairs.own]
    inside = (mine >= 0) & (mine == graph.person_of[pairs.other]) & np.isfinite(max_length[pairs.limb])
    person, height = mine[inside], pairs.length[inside] / max_length[pairs.limb[inside]]
    order = np.lexsort((-height, person))
    person, height = person[order], height[order]
    first = np.flatnonzero(np.diff(person, prepend=-1))
    count = np.diff(np.append(first, len(person)))
    median = height[first + count - 1 - count // 2]
    most = np.where(count >= 3, graph.settings.grouping.height_ratio * median, np.inf)
    heights[person[first]] = np.minimum(height[first + (count >= 3)], most)
    graph.heights = heights if which is None else np.where(which, heights, graph.heights)
