"""Which limbs of a pose to draw; see `bottomup.drawing.limbs`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.drawing.limbs import BRIDGE, DETOUR, limb_turns
from bottomup.skeleton import Skeleton


def choose_limbs(
    skeleton: Skeleton, keypoints: npt.NDArray[np.floating], seen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """(N, L) which limbs of N poses to draw; see `readable_limbs`. keypoints (N, K, 2), seen (N, K)."""
    people, count = len(keypoints), skeleton.num_limbs
    taken = np.zeros((people, count), bool)
    if not people or not count:
        return taken
    first, second = np.array(skeleton.limbs).T
    turns = np.array(limb_turns(skeleton))
    there = seen[:, first] & seen[:, second]
    lengths = np.linalg.norm(np.where(there[..., None], keypoints[:, first] - keypoints[:, second], 0), axis=2)
    order = np.lexsort((lengths, np.broadcast_to(turns, lengths.shape), ~there), axis=1)
    way = np.full((people, skeleton.num_joints, skeleton.num_joints), np.inf)
    way[:, range(skeleton.num_joints), range(skeleton.num_joints)] = 0.0
    for limbs in order[:, : there.sum(axis=1).max()].T:  # each person's next limb, all people at once
        each = np.arange(people)
        a, b, length = first[limbs], second[limbs], lengths[each, limbs]
        known = way[each, a, b]
        takes = there[each, limbs] & (known > DETOUR * length) & ((turns[limbs] < BRIDGE) | np.isinf(known))
        (who,) = np.nonzero(takes)
        taken[who, limbs[who]] = True
        to_a, to_b = way[who, a[who]], way[who, b[who]]  # ways are the same in both directions
        through = to_a[:, :, None] + length[who, None, None] + to_b[:, None, :]
        way[who] = np.minimum(way[who], np.minimum(through, through.transpose(0, 2, 1)))
    return taken
