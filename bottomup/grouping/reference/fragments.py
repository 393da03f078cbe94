"""Fragments that no limb joins to their person: which of them are one person by the pose prior.

Each person that the limbs have put together is a fragment from now on, and fragments are grouped into people so that
the sum of `log_density` over all people is greatest. A person less saves the logarithm of the area in which it could be
and of the odds that a fragment belongs to a body. Small fragments join others, but only people that lie nearby and lack
both their joints and those that limbs would join to them: a limb that the field does not show although both its ends
are there speaks against a pair.

First whole groups merge, the one that gains most first, since with each fragment more is known of where the others
should be; then small fragments change places with those that others have in their stead.

The compiled step leaves fragments alone where there are hundreds near each of them, which are noise.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from bottomup.grouping.pose_prior import pose_prior
from bottomup.grouping.reference.heights import measure
from bottomup.grouping.reference.pose_prior import log_density
from bottomup.grouping.reference.state import ReferenceGraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_GAIN = 1e-9  # rounding alone is no reason
_MOST_ROUNDS = 3  # of swaps; hardly any are left for the third


def attach_fragments(graph: ReferenceGraph) -> bool:
    """Give small fragments that no limb joins to the people that they fit. Returns whether anything changed."""
    numbers = group_fragments(graph)
    if (numbers == np.arange(graph.num_people)).all():
        return False
    measure(graph, graph.merge_groups(numbers))
    graph.compact()
    return True


def group_fragments(graph: ReferenceGraph) -> Ints:
    """(P,) for each person the number of one, the same for those that are fragments of one person."""
    heights = np.sort(graph.heights[np.isfinite(graph.heights) & (graph.heights > 0)])
    if not len(heights):
        return np.arange(graph.num_people)
    fragments = _Fragments(graph, float(heights[(len(heights) - 1) // 2]))
    fragments.merge()
    for _ in range(_MOST_ROUNDS):
        if not fragments.swap():
            break
    return fragments.group


class _Fragments:
    def __init__(self, graph: ReferenceGraph, height: float) -> None:
        self.graph, self.height = graph, height
        self.prior = pose_prior(graph.skeleton)
        held = graph.members >= 0
        held[~(held & self.prior.known).any(axis=1)] = False  # nothing tells where these belong
        self.types = held
        self.barred = held.copy()  # joint types that keep others from being the same person
        for a, b in graph.skeleton.limbs:
            self.barred[:, a] |= held[:, b]
            self.barred[:, b] |= held[:, a]
        size = held.sum(axis=1)
        self.small = (size > 0) & (size <= graph.settings.fragments.max_joints)
        self.near = self._near()
        self.group = np.arange(graph.num_people)
        spanned = graph.xy[graph.person_of >= 0]
        area = float((np.ptp(spanned, axis=0) + 1).prod()) if len(spanned) else 1.0
        self.bonus = math.log(graph.settings.fragments.odds * area)

    def _near(self) -> npt.NDArray[np.bool_]:
        """(P, P) pairs, at least one of them small, whose boxes are no farther apart than the taller one's height."""
        place = np.where(self.types[..., None], self.graph.xy[self.graph.members], np.nan)
        low = np.where(np.isnan(place), np.inf, place).min(axis=1, initial=np.inf)
        high = np.where(np.isnan(place), -np.inf, place).max(axis=1, initial=-np.inf)
        gap = np.maximum(np.maximum(low[:, None] - high[None], low[None] - high[:, None]), 0.0)
        height = np.fmax(self.graph.heights, self.height)
        reach = np.maximum(height[:, None], height[None])
        near: npt.NDArray[np.bool_] = (gap**2).sum(axis=2) <= reach**2
        there = np.asarray(self.types.any(axis=1), bool)
        near &= (self.small[:, None] | self.small[None]) & there[:, None] & there[None]
        np.fill_diagonal(near, False)
        return near

    def row(self, fragments: list[int]) -> Ints:
        """(K,) the candidates that some fragments hold together, -1 for none."""
        row: Ints = np.where(self.types[fragments], self.graph.members[fragments], -1).max(axis=0, initial=-1)
        return row

    def value(self, fragments: list[int]) -> float:
        row = self.row(fragments)
        joints = np.flatnonzero(row >= 0)
        place = self.graph.xy[row[joints]]
        return log_density(self.prior, joints, place, self.height, self.graph.settings.fragments.height_spread)

    def members(self, group: int) -> list[int]:
        return np.flatnonzero(self.group == group).tolist()

    def fits(self, fragment: int, others: list[int]) -> bool:
        return not (self.barred[fragment] & self.types[others].any(axis=0)).any()

    def merge(self) -> None:
        """Merge whole groups, the greatest gain first, while there is any."""
        people = range(len(self.group))
        gains = {(a, b): gain for a in people for b in people if (gain := self._gain(a, b)) > _LEAST_GAIN}
        while gains:
            source, target = min(gains, key=lambda pair: (-gains[pair], pair))
            self.group[self.group == source] = target
            gains = {pair: gain for pair, gain in gains.items() if not {source, target} & set(pair)}
            for other in people:
                for pair in ((target, other), (other, target)):
                    if (gain := self._gain(*pair)) > _LEAST_GAIN:
                        gains[pair] = gain

    def _gain(self, source: int, target: int) -> float:
        """What merging two groups gains; nothing if they cannot."""
        small, large = self.members(source), self.members(target)
        size, target_size = int(self.types[small].sum()), int(self.types[large].sum())
        if source == target or not small or not large or not self.near[np.ix_(small, large)].any():
            return 0.0
        # Of equals, the later one joins the earlier.
        if (
            size > self.graph.settings.fragments.max_joints
            or size > target_size
            or (size == target_size and target > source)
        ):
            return 0.0
        if not all(self.fits(fragment, large) for fragment in small):
            return 0.0
        return self.value(small + large) - self.value(small) - self.value(large) + self.bonus

    def swap(self) -> bool:
        """Let small fragments change places with those that others have in their stead, in each group once."""
        gains = {}
        for fragment in np.flatnonzero(self.small).tolist():
            for target in np.unique(self.group[self.near[fragment]]).tolist():
                in_stead = [one for one in self.members(target) if not self.fits(fragment, [one])]
                if target != self.group[fragment] and len(in_stead) == 1 and self.small[in_stead[0]]:
                    # Rounded, so that swaps that lead to the same bodies stay equal in whatever order they are summed.
                    gain = round(self._swap_gain(fragment, in_stead[0]), 9)
                    if gain > _LEAST_GAIN:
                        gains[fragment, in_stead[0]] = gain
        touched: set[int] = set()
        for pair in sorted(gains, key=lambda pair: (-gains[pair], pair)):
            groups = set(self.group[list(pair)].tolist())
            if not groups & touched:
                touched |= groups
                self.group[list(pair)] = self.group[list(pair[::-1])]
        return bool(gains)

    def _swap_gain(self, fragment: int, other: int) -> float:
        home, target = self.members(int(self.group[fragment])), self.members(int(self.group[other]))
        rest, theirs = [one for one in home if one != fragment], [one for one in target if one != other]
        if not self.fits(other, rest):
            return 0.0
        return self.value([*rest, other]) + self.value([*theirs, fragment]) - self.value(home) - self.value(target)
