"""The tree of a skeleton's limbs: the order of the sweep, and the branches that two people may exchange."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bottomup.grouping.paths import count_limbs
from bottomup.skeleton import Skeleton


@lru_cache(maxsize=64)
def sweep_order(skeleton: Skeleton) -> tuple[int, ...]:
    """Joint types from the torso outward: by their distance from the skeleton's most central joint, then by degree."""
    hops = count_limbs(skeleton.num_joints, skeleton.limbs)
    degree = [len(each) for each in _neighbours(skeleton)]
    order: list[int] = []
    for part in sorted(_parts(skeleton), key=lambda part: (-len(part), min(part))):
        # Closeness centrality: the inverse of the mean distance to the others.
        closeness = {joint: (len(part) - 1) / max(hops[joint, part].sum(), 1) for joint in part}
        centre = max(part, key=lambda joint: (round(closeness[joint], 9), degree[joint]))
        order += sorted(part, key=lambda joint: (hops[centre, joint], -degree[joint], joint))
    return tuple(order)


@lru_cache(maxsize=64)
def branches(skeleton: Skeleton) -> npt.NDArray[np.bool_]:
    """(M, K) the patterns of exchange: each branch of the skeleton's tree, and each two of them together."""
    single = []
    for part in _parts(skeleton):
        centre = next(joint for joint in sweep_order(skeleton) if joint in part)
        below = {joint: {joint} for joint in part}
        for joint, parent in reversed(_breadth_first(skeleton, centre)):
            below[parent] |= below[joint]
        for joint in part:
            mask = np.zeros(skeleton.num_joints, bool)
            mask[sorted(below[joint])] = True
            single.append(mask)
    patterns = {tuple(a ^ b) for i, a in enumerate(single) for b in single[:i]} | {tuple(a) for a in single}
    table = np.array(sorted(patterns), bool)
    return table[table.any(axis=1) & ~table.all(axis=1)]


def _neighbours(skeleton: Skeleton) -> list[list[int]]:
    """The joints to which limbs lead from each joint, in the limbs' order."""
    neighbours: list[dict[int, None]] = [{} for _ in range(skeleton.num_joints)]
    for a, b in skeleton.limbs:
        neighbours[a][b] = neighbours[b][a] = None
    return [list(each) for each in neighbours]


def _parts(skeleton: Skeleton) -> list[list[int]]:
    """The joints of each part that limbs hold together, in order; parts by their first joint."""
    together = np.isfinite(count_limbs(skeleton.num_joints, skeleton.limbs))
    return [np.flatnonzero(row).tolist() for joint, row in enumerate(together) if not row[:joint].any()]


def _breadth_first(skeleton: Skeleton, start: int) -> list[tuple[int, int]]:
    """Each joint that limbs lead to from `start`, nearest first, and the one from which it is reached first."""
    neighbours, reached, found = _neighbours(skeleton), {start}, []
    queue = [start]
    for parent in queue:
        for joint in neighbours[parent]:
            if joint not in reached:
                reached.add(joint)
                queue.append(joint)
                found.append((joint, parent))
    return found
