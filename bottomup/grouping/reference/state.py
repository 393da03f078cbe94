"""Assignment state: candidate -> person and (person, joint type) -> candidate, as plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bottomup.grouping.edges import Pairs
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.model import GroupingModel
from bottomup.skeleton import Skeleton

if TYPE_CHECKING:
    from bottomup.settings import Settings

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass
class ReferenceGraph:
    """A `PersonJointGraph` whose arrays are its own, of the same names and meaning.

    Sums may differ in the last bits from the compiled graph's, so where two choices are worth the same the two may
    choose differently.
    """

    skeleton: Skeleton
    settings: Settings
    model: GroupingModel
    types: Ints
    xy: Floats
    responses: Floats
    scores: Floats
    pairs: Pairs
    person_of: Ints
    members: Ints
    heights: Floats

    @classmethod
    def of(cls, graph: PersonJointGraph) -> ReferenceGraph:
        """An independent copy of a graph."""
        return cls(
            graph.skeleton, graph.settings, graph.model, graph.types, graph.xy, graph.responses, graph.scores,
            graph.pairs, graph.person_of, graph.members, graph.heights,
        )  # fmt: skip

    @property
    def num_people(self) -> int:
        """How many people there are, those without candidates included."""
        return len(self.members)

    def candidates_of(self, joint: int) -> Ints:
        """Indices of the candidates of a type."""
        return np.flatnonzero(self.types == joint)

    def copy(self) -> ReferenceGraph:
        """An independent copy of the state."""
        return replace(self, person_of=self.person_of.copy(), members=self.members.copy(), heights=self.heights.copy())

    def set_state(self, person_of: Ints, members: Ints, heights: Floats) -> None:
        """Set `person_of`, `members` and `heights`."""
        self.person_of, self.members, self.heights = person_of.copy(), members.copy(), heights.copy()

    def unassign(self, joint: int) -> Ints:
        """Take the candidates of one type away from all people. Returns whose they were, -1 for no person's."""
        before: Ints = self.person_of[self.types == joint]
        self.members[:, joint] = -1
        self.person_of[self.types == joint] = -1
        return before

    def assign(self, joint: int, person: Ints, candidate: Ints, before: Ints | None = None) -> None:
        """Give people candidates of a type; those that are left open new people where that pays.

        A candidate whose person `before`, as `unassign` returns it, has nothing now becomes that person again.
        """
        self.members[person, joint] = candidate
        self.person_of[candidate] = person
        mine = self.candidates_of(joint)
        lone = (self.person_of[mine] < 0) & (self.responses[mine] > self.settings.grouping.person_cost)
        number = np.full(len(mine), -1, np.int64) if before is None else before.copy()
        something = np.append((self.members >= 0).any(axis=1), True)  # the last for no person
        number[something[number]] = -1
        mine, number = mine[lone], number[lone]
        fresh = int((number < 0).sum())
        number[number < 0] = self.num_people + np.arange(fresh)
        self.members = np.concatenate([self.members, np.full((fresh, self.skeleton.num_joints), -1, np.int64)])
        self.heights = np.concatenate([self.heights, np.full(fresh, np.nan)])
        self.members[number, joint] = mine
        self.person_of[mine] = number
        self.heights[number] = np.nan

    def merge_people(self, person: int | Ints, other: int | Ints) -> None:
        """Give one person, or each of several, all that another one, with which it shares no joint type, has."""
        person, other = np.atleast_1d(person), np.atleast_1d(other)
        joined = self.members[other]
        self.members[person] = np.where(joined >= 0, joined, self.members[person])
        self.members[other] = -1
        row, joint = np.nonzero(joined >= 0)
        self.person_of[joined[row, joint]] = person[row]

    def exchange(self, first: Ints, second: Ints, exchanged: Bools) -> None:
        """Swap the members of the types at which `exchanged` (n, K) is true between n pairs of people."""
        one, other = self.members[first], self.members[second]
        self.members[first] = np.where(exchanged, other, one)
        self.members[second] = np.where(exchanged, one, other)
        for people in (first, second):
            row, joint = np.nonzero(self.members[people] >= 0)
            self.person_of[self.members[people[row], joint]] = people[row]

    def merge_groups(self, numbers: Ints) -> Bools:
        """Merge people that have the same of these numbers (P,), 0 to P - 1. Returns (P,) those that changed."""
        changed = (np.bincount(numbers, minlength=self.num_people) != 1) | (numbers != np.arange(self.num_people))
        before, self.members = self.members, np.full_like(self.members, -1)
        np.maximum.at(self.members, numbers, before)
        self.person_of = np.where(self.person_of >= 0, numbers[self.person_of], -1)
        return np.asarray(changed, bool)

    def compact(self) -> None:
        """Drop people without candidates and number the others anew."""
        some = (self.members >= 0).any(axis=1)
        if some.all():
            return
        number = np.append(np.cumsum(some) - 1, -1)
        self.person_of = number[self.person_of]
        self.members, self.heights = self.members[some], self.heights[some]

    def set_people(self, people: Sequence[Ints]) -> None:
        """Let the people be these; heights are unknown."""
        self.members = np.full((len(people), self.skeleton.num_joints), -1, np.int64)
        self.person_of = np.full(len(self.types), -1, np.int64)
        for person, candidates in enumerate(people):
            self.members[person, self.types[candidates]] = candidates
            self.person_of[candidates] = person
        self.heights = np.full(len(people), np.nan)
