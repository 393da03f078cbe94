"""The joints between which tags speak: more than those of limbs, since the tags of all joints of a person are alike."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from bottomup.grouping.paths import count_limbs
from bottomup.skeleton import Skeleton

# How many limbs lie between two joints at most. With 1 an arm whose elbow is hidden falls off; beyond 3 hardly a joint
# is left to join, and the grouping takes longer.
MAX_HOPS = 3


@lru_cache(maxsize=64)
def tag_skeleton(skeleton: Skeleton) -> Skeleton:
    """The skeleton whose limbs are first the given one's, then the pairs of joints up to `MAX_HOPS` limbs apart."""
    hops = count_limbs(skeleton.num_joints, skeleton.limbs)
    pairs = np.argwhere(np.triu((hops > 1) & (hops <= MAX_HOPS)))
    more = tuple((int(a), int(b)) for a, b in pairs)
    return Skeleton(skeleton.name, skeleton.joints, skeleton.limbs + more, skeleton.sigmas, skeleton.flip)
