"""Anthropometry: how long the limbs of a body can be, as shares of its height."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from bottomup.grouping.paths import shortest_paths
from bottomup.skeleton import Skeleton

# Segment lengths as fractions of body height: Drillis and Contini, "Body segment parameters" (1966), as tabulated
# in Winter, "Biomechanics and Motor Control of Human Movement". A body is a tree of such segments; the distance of
# two joints along the tree is the farthest apart that they can be. The face, hands and feet are rough measures.
_SEGMENTS: tuple[tuple[str, str, float], ...] = (
    ("neck", "left_shoulder", 0.129), ("neck", "right_shoulder", 0.129),
    ("left_shoulder", "left_elbow", 0.186), ("right_shoulder", "right_elbow", 0.186),
    ("left_elbow", "left_wrist", 0.146), ("right_elbow", "right_wrist", 0.146),
    ("neck", "mid_hip", 0.288), ("mid_hip", "left_hip", 0.0955), ("mid_hip", "right_hip", 0.0955),
    ("left_hip", "left_knee", 0.245), ("right_hip", "right_knee", 0.245),
    ("left_knee", "left_ankle", 0.246), ("right_knee", "right_ankle", 0.246),
    ("neck", "head", 0.182), ("neck", "nose", 0.12),
    ("nose", "left_eye", 0.03), ("nose", "right_eye", 0.03),
    ("left_eye", "left_ear", 0.06), ("right_eye", "right_ear", 0.06),
    ("left_ankle", "left_heel", 0.05), ("right_ankle", "right_heel", 0.05),
    ("left_ankle", "left_big_toe", 0.13), ("right_ankle", "right_big_toe", 0.13),
    ("left_big_toe", "left_small_toe", 0.04), ("right_big_toe", "right_small_toe", 0.04),
)  # fmt: skip
_SAME = {"head_top": "head", "upper_neck": "neck", "thorax": "neck", "pelvis": "mid_hip"}
# Shortcuts across the torso, where the way along the tree is longer than the straight one.
_SHORTCUTS = tuple((f"{a}_shoulder", f"{b}_hip", 0.30) for a in ("left", "right") for b in ("left", "right"))
_SHORTCUTS += tuple(("neck", f"{a}_hip", 0.31) for a in ("left", "right"))


@lru_cache(maxsize=64)
def max_limb_lengths(skeleton: Skeleton) -> npt.NDArray[np.float32]:
    """Greatest distances (K, K) of two joints of one body, as fractions of its height.

    Joints whose names no table has are NaN: for a skeleton of one's own nothing is assumed.
    """
    segments = _SEGMENTS + _SHORTCUTS
    places = {name: place for place, name in enumerate(dict.fromkeys(end for a, b, _ in segments for end in (a, b)))}
    lengths = shortest_paths(len(places), ((places[a], places[b], length) for a, b, length in segments))
    known = [
        (i, places[name]) for i, joint in enumerate(skeleton.joints) if (name := _SAME.get(joint, joint)) in places
    ]
    table = np.full((skeleton.num_joints, skeleton.num_joints), np.nan, np.float32)
    for i, a in known:
        for j, b in known:
            table[i, j] = max(lengths[a, b], 0.05)
    table.flags.writeable = False
    return table
