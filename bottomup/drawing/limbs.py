"""Which limbs of a pose to draw."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.skeleton import Skeleton

DETOUR = 1.5  # a limb is left out if limbs already drawn lead from end to end on a way at most this much longer
_FACE = frozenset({"nose", "left_eye", "right_eye", "left_ear", "right_ear"})
_NECKS = frozenset({"neck", "upper_neck", "thorax"})
_MIDDLE, _SIDE, BRIDGE = 0, 1, 2  # when a limb's turn comes: along the body's middle, elsewhere, from face to body


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
    return _C.choose_limbs(
        np.ascontiguousarray(keypoints, np.float64),
        np.ascontiguousarray(seen, bool),
        np.array(skeleton.limbs, np.int32).reshape(-1, 2),
        np.array(limb_turns(skeleton), np.int32),
        BRIDGE,
        DETOUR,
    )


@lru_cache(maxsize=64)
def limb_turns(skeleton: Skeleton) -> tuple[int, ...]:
    """Of each limb when its turn comes."""
    mirrored = {joint for pair in skeleton.flip or () for joint in pair}
    turns = []
    for a, b in skeleton.limbs:
        is_bridge = (skeleton.joints[a] in _FACE) != (skeleton.joints[b] in _FACE)
        turns.append(_MIDDLE if a not in mirrored and b not in mirrored else BRIDGE if is_bridge else _SIDE)
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
