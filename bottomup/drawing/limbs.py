"""Which limbs of a pose to draw."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bottomup.skeleton import Skeleton

_DETOUR = 1.5  # a limb is left out if limbs already drawn lead from end to end on a way at most this much longer
_FACE = frozenset({"nose", "left_eye", "right_eye", "left_ear", "right_ear"})
_NECKS = frozenset({"neck", "upper_neck", "thorax"})
_MIDDLE, _SIDE, _BRIDGE = 0, 1, 2  # when a limb's turn comes: along the body's middle, elsewhere, from face to body


def readable_limbs(skeleton: Skeleton, keypoints: npt.ArrayLike, seen: npt.ArrayLike) -> list[int]:
    """Which limbs of one pose to draw: those that show something the others do not.

    Skeletons have redundant limbs, which help grouping but clutter a picture. As in the greedy construction of a
    graph spanner (Althöfer et al., "On sparse spanners of weighted graphs", 1993), limbs are taken from short to
    long, those along the body's middle first, and one is left out if the limbs already taken lead from its one end
    to its other on a way that is hardly longer. Limbs between face and body come last and only if nothing else
    joins the two. Where a joint is missing the way through it is missing, and the redundant limb stays.

    Parameters
    ----------
    skeleton:
        The skeleton, K joints.
    keypoints:
        (K, 2) pixels.
    seen:
        (K,) bool; limbs with an end that is not seen are left out.

    Returns
    -------
    Indices into `skeleton.limbs`, ascending.
    """
    points, is_seen = np.asarray(keypoints, np.float64), np.asarray(seen, bool)
    taken: list[int] = np.flatnonzero(choose_limbs(skeleton, points[None], is_seen[None])[0]).tolist()
    return taken


def choose_limbs(
    skeleton: Skeleton, keypoints: npt.NDArray[np.floating], seen: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """(N, L) which limbs of N poses to draw; see `readable_limbs`. keypoints (N, K, 2), seen (N, K)."""
    people, count = len(keypoints), skeleton.num_limbs
    taken = np.zeros((people, count), bool)
    if not people or not count:
        return taken
    first, second = np.array(skeleton.limbs).T
    turns = np.array(_turns(skeleton))
    there = seen[:, first] & seen[:, second]
    lengths = np.linalg.norm(np.where(there[..., None], keypoints[:, first] - keypoints[:, second], 0), axis=2)
    order = np.lexsort((lengths, np.broadcast_to(turns, lengths.shape), ~there), axis=1)
    way = np.full((people, skeleton.num_joints, skeleton.num_joints), np.inf)
    way[:, range(skeleton.num_joints), range(skeleton.num_joints)] = 0.0
    for limbs in order[:, : there.sum(axis=1).max()].T:  # each person's next limb, all people at once
        everyone = np.arange(people)
        a, b, length = first[limbs], second[limbs], lengths[everyone, limbs]
        known = way[everyone, a, b]
        takes = there[everyone, limbs] & (known > _DETOUR * length) & ((turns[limbs] < _BRIDGE) | np.isinf(known))
        (who,) = np.nonzero(takes)
        taken[who, limbs[who]] = True
        to_a, to_b = way[who, a[who]], way[who, b[who]]  # ways are the same in both directions
        through = to_a[:, :, None] + length[who, None, None] + to_b[:, None, :]
        way[who] = np.minimum(way[who], np.minimum(through, through.transpose(0, 2, 1)))
    return taken


@lru_cache(maxsize=64)
def _turns(skeleton: Skeleton) -> tuple[int, ...]:
    mirrored = {joint for pair in skeleton.flip or () for joint in pair}
    turns = []
    for a, b in skeleton.limbs:
        is_bridge = (skeleton.joints[a] in _FACE) != (skeleton.joints[b] in _FACE)
        turns.append(_MIDDLE if a not in mirrored and b not in mirrored else _BRIDGE if is_bridge else _SIDE)
    return tuple(turns)


@lru_cache(maxsize=64)
def with_neck(skeleton: Skeleton) -> Skeleton:
    """The skeleton plus a neck from the shoulders' middle to the nose, if it has a head like COCO's but no neck."""
    joints = skeleton.joints
    if _NECKS & set(joints) or not {"nose", "left_shoulder", "right_shoulder"} <= set(joints):
        return skeleton
    neck = skeleton.num_joints
    limbs = tuple((neck, joints.index(name)) for name in ("nose", "left_shoulder", "right_shoulder"))
    sigma = skeleton.sigmas[joints.index("left_shoulder")]
    return replace(skeleton, joints=(*joints, "neck"), limbs=skeleton.limbs + limbs, sigmas=(*skeleton.sigmas, sigma))
