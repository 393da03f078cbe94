"""Grouping model: what a skeleton and the options mean for the grouping, worked out once for each of them."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.options import FragmentOptions, GroupingOptions, SharingOptions
from bottomup.grouping.pose_prior import pose_prior
from bottomup.grouping.skeleton_tree import branches, sweep_order
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class SkeletonArrays(NamedTuple):
    """What the compiled model is told of a skeleton of K joints and L limbs."""

    limbs: npt.NDArray[np.int32]  # (L, 2)
    max_lengths: Floats  # (K, K) of a limb between two joints as a share of the body's height, NaN if unknown
    order: npt.NDArray[np.int32]  # (K,) joint types in the order of the sweep
    patterns: npt.NDArray[np.bool_]  # (M, K) which joints are exchanged together


class GroupingModel(NamedTuple):
    """Shared by all graphs of a skeleton and options; not to be changed."""

    compiled: _C.GroupingModel  # all of it, for csrc/grouping
    max_limb_length: Floats  # (L,) of each limb as a share of the body's height, NaN if unknown
    neighbours: tuple[Ints, ...]  # of each joint type those that a limb joins it to


@lru_cache(maxsize=64)
def grouping_model(
    skeleton: Skeleton, grouping: GroupingOptions, fragments: FragmentOptions, sharing: SharingOptions
) -> GroupingModel:
    """The model of a skeleton under options."""
    lengths = max_limb_lengths(skeleton).astype(np.float64)
    limbs = skeleton.limb_array
    max_limb_length = lengths[limbs[:, 0], limbs[:, 1]]
    max_limb_length.flags.writeable = False
    order = np.array(sweep_order(skeleton), np.int32)
    arrays = SkeletonArrays(limbs, lengths, order, branches(skeleton))
    compiled = _C.GroupingModel(arrays, pose_prior(skeleton), grouping, fragments, sharing)
    neighbours = tuple(
        np.array([b if a == joint else a for a, b in skeleton.limbs if joint in (a, b)], np.int64)
        for joint in range(skeleton.num_joints)
    )
    return GroupingModel(compiled, max_limb_length, neighbours)
