"""What a skeleton and the settings mean for the grouping, worked out once for each of them."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from bottomup import _C
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.pose_prior import whole_body
from bottomup.grouping.skeleton_tree import branches, sweep_order
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.settings import Settings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Tables(NamedTuple):
    """Shared by all graphs of a skeleton and settings, so nobody may change them."""

    rule: _C.GroupingRule  # all of it, for the compiled steps
    reach: Floats  # (K, K) see `anthropometry.max_limb_lengths`
    limb_reach: Floats  # (L,) the same of the limbs' ends
    body: _C.WholeBody  # see `whole_body`
    neighbours: tuple[Ints, ...]  # of each joint type those that a limb joins it to


def tables(skeleton: Skeleton, settings: Settings) -> Tables:
    """The tables of a skeleton under the settings that they depend on."""
    costs = settings.person_cost, settings.missing_limb_cost
    return _tables(skeleton, *costs, settings.length_tolerance, settings.height_ratio)


@lru_cache(maxsize=64)
def _tables(
    skeleton: Skeleton, person_cost: float, missing_limb_cost: float, length_tolerance: float, height_ratio: float
) -> Tables:
    lengths = max_limb_lengths(skeleton).astype(np.float64)
    limbs = skeleton.limb_array
    limb_reach = lengths[limbs[:, 0], limbs[:, 1]]
    lengths.flags.writeable = limb_reach.flags.writeable = False
    order = np.array(sweep_order(skeleton), np.int32)
    rule = _C.GroupingRule(
        limbs, lengths, order, branches(skeleton), person_cost, missing_limb_cost, length_tolerance, height_ratio
    )
    neighbours = tuple(
        np.array([b if a == joint else a for a, b in skeleton.limbs if joint in (a, b)], np.int64)
        for joint in range(skeleton.num_joints)
    )
    body = _C.WholeBody(*whole_body(skeleton))
    return Tables(rule, lengths, limb_reach, body, neighbours)
