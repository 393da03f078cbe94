"""Fragments that no limb joins to their person: who belongs together by what whole bodies look like.

Each person that the limbs have put together is a piece from now on, and pieces are grouped into people so that the sum
of `log_density` over all people is greatest. A person less saves the logarithm of the area in which it could be and of
the odds that a fragment is somebody's. Small pieces join others, but only people who lie nearby and lack both their
joints and those that limbs would join to them: a limb that the field does not show although both its ends are there
speaks against a pair.

First whole groups merge, the one that gains most first, since with each piece more is known of where the others
should be; then small pieces change places with those that others hold in their stead.

This is the plain twin of csrc/cpu/grouping_bodies.cpp.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup.grouping.pose_prior import log_density, whole_body

if TYPE_CHECKING:
    from bottomup.grouping.graph import PersonJointGraph

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_GAIN = 1e-9  # rounding alone is no reason
_MOST_ROUNDS = 3  # of swaps; hardly any are left for the third


def attach_numpy(graph: PersonJointGraph) -> Ints:
    """(P,) for each person the number of one, the same for those who are pieces of one person."""
    heights = np.sort(graph.scales[np.isfinite(graph.scales) & (graph.scales > 0)])
    if not len(heights):
        return np.arange(graph.num_people)
    pieces = _Pieces(graph, float(heights[(len(heights) - 1) // 2]))
    pieces.merge()
    for _ in range(_MOST_ROUNDS):
        if not pieces.swap():
            break
    return pieces.group


class _Pieces:
    def __init__(self, graph: PersonJointGraph, height: float) -> None:
        self.graph, self.height = graph, height
        self.body = whole_body(graph.skeleton)
        held = graph.slots >= 0
        held[~(held & self.body.known).any(axis=1)] = False  # nobody can say where these belong
        self.types = held
        self.barred = held.copy()  # joint types that keep others from being the same person
        for a, b in graph.skeleton.limbs:
            self.barred[:, a] |= held[:, b]
            self.barred[:, b] |= held[:, a]
        size = held.sum(axis=1)
        self.small = (size > 0) & (size <= graph.settings.orphan_joints)
        self.near = self._near()
        self.group = np.arange(graph.num_people)
        spanned = graph.xy[graph.owner >= 0]
        area = float((np.ptp(spanned, axis=0) + 1).prod()) if len(spanned) else 1.0
        self.bonus = math.log(graph.settings.orphan_odds * area)

    def _near(self) -> npt.NDArray[np.bool_]:
        """(P, P) pairs, at least one of them small, whose boxes are no farther apart than the taller one's height."""
        place = np.where(self.types[..., None], self.graph.xy[self.graph.slots], np.nan)
        low = np.where(np.isnan(place), np.inf, place).min(axis=1, initial=np.inf)
        high = np.where(np.isnan(place), -np.inf, place).max(axis=1, initial=-np.inf)
        gap = np.maximum(np.maximum(low[:, None] - high[None], low[None] - high[:, None]), 0.0)
        height = np.fmax(self.graph.scales, self.height)
        reach = np.maximum(height[:, None], height[None])
        near: npt.NDArray[np.bool_] = (gap**2).sum(axis=2) <= reach**2
        there = np.asarray(self.types.any(axis=1), bool)
        near &= (self.small[:, None] | self.small[None]) & there[:, None] & there[None]
        np.fill_diagonal(near, False)
        return near

    def row(self, pieces: list[int]) -> Ints:
        """(K,) the candidates that some pieces hold together, -1 for none."""
        row: Ints = np.where(self.types[pieces], self.graph.slots[pieces], -1).max(axis=0, initial=-1)
        return row

    def value(self, pieces: list[int]) -> float:
        row = self.row(pieces)
        joints = np.flatnonzero(row >= 0)
        place = self.graph.xy[row[joints]]
        return log_density(self.body, joints, place, self.height, self.graph.settings.height_spread)

    def members(self, group: int) -> list[int]:
        return np.flatnonzero(self.group == group).tolist()

    def fits(self, piece: int, others: list[int]) -> bool:
        return not (self.barred[piece] & self.types[others].any(axis=0)).any()

    def merge(self) -> None:
        """Merge whole groups, the greatest gain first, while there is any."""
        people = range(len(self.group))
        gains = {(a, b): gain for a in people for b in people if (gain := self._gain(a, b)) > _LEAST_GAIN}
        while gains:
            guest, host = min(gains, key=lambda pair: (-gains[pair], pair))
            self.group[self.group == guest] = host
            gains = {pair: gain for pair, gain in gains.items() if not {guest, host} & set(pair)}
            for other in people:
                for pair in ((host, other), (other, host)):
                    if (gain := self._gain(*pair)) > _LEAST_GAIN:
                        gains[pair] = gain

    def _gain(self, guest: int, host: int) -> float:
        """What merging two groups gains; nothing if they cannot."""
        small, large = self.members(guest), self.members(host)
        size, host_size = int(self.types[small].sum()), int(self.types[large].sum())
        if guest == host or not small or not large or not self.near[np.ix_(small, large)].any():
            return 0.0
        # Of equals, the later one joins the earlier.
        if size > self.graph.settings.orphan_joints or size > host_size or (size == host_size and host > guest):
            return 0.0
        if not all(self.fits(piece, large) for piece in small):
            return 0.0
        return self.value(small + large) - self.value(small) - self.value(large) + self.bonus

    def swap(self) -> bool:
        """Let small pieces change places with those that others have in their stead, in each group once."""
        gains = {}
        for piece in np.flatnonzero(self.small).tolist():
            for host in np.unique(self.group[self.near[piece]]).tolist():
                in_stead = [one for one in self.members(host) if not self.fits(piece, [one])]
                if host != self.group[piece] and len(in_stead) == 1 and self.small[in_stead[0]]:
                    # Rounded, so that swaps that lead to the same bodies stay equal in whatever order they are summed.
                    gain = round(self._swap_gain(piece, in_stead[0]), 9)
                    if gain > _LEAST_GAIN:
                        gains[piece, in_stead[0]] = gain
        touched: set[int] = set()
        for pair in sorted(gains, key=lambda pair: (-gains[pair], pair)):
            groups = set(self.group[list(pair)].tolist())
            if not groups & touched:
                touched |= groups
                self.group[list(pair)] = self.group[list(pair[::-1])]
        return bool(gains)

    def _swap_gain(self, piece: int, other: int) -> float:
        home, host = self.members(int(self.group[piece])), self.members(int(self.group[other]))
        rest, theirs = [one for one in home if one != piece], [one for one in host if one != other]
        if not self.fits(other, rest):
            return 0.0
        return self.value([*rest, other]) + self.value([*theirs, piece]) - self.value(home) - self.value(host)
