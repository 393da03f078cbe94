"""The integer program of `bottomup.grouping.exact`.

Every person is named after its root: of its joints whose response alone pays for a person the earliest in sweep order.
So no grouping has two descriptions (asymmetric representatives: Campêlo, Campos and Corrêa, "On the asymmetric
representatives formulation for the vertex coloring problem", 2008). x[r, c] = 1 if the person of root r holds
candidate c, y[r, p] = 1 if it holds both ends of the scored pair p, e[r, l] = 1 if it has both joints of limb l:

    maximise  sum response_c x[r, c] + sum (affinity_p + missing_limb_cost) y[r, p]
              - missing_limb_cost sum e[r, l] - person_cost sum x[r, r] - sum loss[r, p]

with one person for each candidate, one candidate of a type for each person, y at most x at either end and e at least
1 where x holds both types. Two things would take too many rows to write down at first, and are added where a solution
breaks them, until none does:

* People hang together: from each of a person's joints, scored pairs lead to its root. Without this F would gain the
  cost of a person by calling any two fragments one, wherever they are in the picture.
* The length prior. F measures a person's height from the limbs it holds. Mostly only its longest limb (for its kind)
  can be too long, and only beside two others. loss[r, p] is at least what pair p then loses at height t, unless the
  person holds another limb that asks for more than t or fewer than three in all. Where it is the median limb that
  keeps the height low, loss[r, p] is at least that unless the person holds any other limbs than it does now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.graph import PersonJointGraph
from bottomup.grouping.skeleton_tree import sweep_order

Ints = npt.NDArray[np.int64]

TOLERANCE = 1e-6  # of HiGHS, in F


def hanging_together(graph: PersonJointGraph, person: Ints) -> list[Ints]:
    """The parts of a person that scored pairs join, that of its root first."""
    pairs = graph.pairs
    inside = np.isin(pairs.own, person) & np.isin(pairs.other, person)
    place = np.full(len(graph.types), -1)
    place[person] = np.arange(len(person))
    ends = place[graph.pairs.own[inside]], place[graph.pairs.other[inside]]
    links = coo_array((np.ones(inside.sum()), ends), shape=(len(person),) * 2)
    count, label = connected_components(links, directed=False)
    return [person[label == part] for part in sorted(range(count), key=lambda part: int(label[0] != part))]


@dataclass
class Root:
    """The variables of the person that is named after one candidate."""

    held: dict[int, int]  # candidate -> x, the root's own first
    pairs: dict[int, int]  # row of the graph's pairs -> y
    loss: dict[int, int] = field(default_factory=dict)  # row of the pairs -> loss
    few: int = -1  # whether the person shows fewer than three limbs


class Program:
    """The integer program of one group of candidates."""

    def __init__(self, graph: PersonJointGraph, members: Ints) -> None:
        self.graph, self.options = graph, graph.settings.grouping
        self.types, self.responses, self.pairs = graph.types, graph.responses, graph.pairs
        rank = np.empty(graph.skeleton.num_joints, np.int64)
        rank[list(sweep_order(graph.skeleton))] = np.arange(graph.skeleton.num_joints)
        self.rank = rank[self.types]
        self.may_be_alone = self.responses > self.options.person_cost
        self.rows = np.flatnonzero(np.isin(self.pairs.own, members))  # of the graph's pairs
        self.beside: dict[int, set[int]] = {int(c): set() for c in members}
        for a, b in zip(self.pairs.own[self.rows].tolist(), self.pairs.other[self.rows].tolist(), strict=True):
            self.beside[a].add(b)
            self.beside[b].add(a)
        ends = tuple(graph.skeleton.limb_array[self.pairs.limb].T)
        with np.errstate(invalid="ignore"):
            self.heights = self.pairs.length / max_limb_lengths(graph.skeleton).astype(np.float64)[ends]
        self.cost: list[float] = []
        self.whole: list[bool] = []
        self.entries: list[tuple[int, int, float]] = []  # row, column, coefficient of: sum <= limit
        self.limits: list[float] = []
        self._lost: set[tuple[int, int, float]] = set()
        self.roots = {int(root): self._add_root(int(root)) for root in members[self.may_be_alone[members]]}
        for candidate in members.tolist():
            holders = [(root.held[candidate], 1.0) for root in self.roots.values() if candidate in root.held]
            if len(holders) > 1:
                self._row(holders, 1.0)

    # -- variables and rows ------------------------------------------------------------------------------------

    def _variable(self, gain: float, *, whole: bool = False) -> int:
        self.cost.append(-gain)
        self.whole.append(whole)
        return len(self.cost) - 1

    def _row(self, terms: Sequence[tuple[int, float]], limit: float) -> None:
        self.entries += [(len(self.limits), column, coefficient) for column, coefficient in terms]
        self.limits.append(limit)

    def _add_root(self, root: int) -> Root:
        graph = self.graph
        reached, fringe = {root}, [root]
        while fringe:
            for other in self.beside[fringe.pop()]:
                if other not in reached and self._may_hold(root, other):
                    reached.add(other)
                    fringe.append(other)
        members = [root, *sorted(reached - {root})]
        held = {c: self._variable(float(self.responses[c]), whole=True) for c in members}
        self.cost[held[root]] += self.options.person_cost
        inside = [
            int(n) for n in self.rows if int(self.pairs.own[n]) in reached and int(self.pairs.other[n]) in reached
        ]
        gains = self.pairs.affinity + self.options.missing_limb_cost
        variables = Root(held, {n: self._variable(float(gains[n])) for n in inside})
        for candidate in members[1:]:
            if root not in self.beside[candidate]:
                self._hang(variables, [candidate])
        by_type: dict[int, list[int]] = {}
        for candidate in members:
            by_type.setdefault(int(self.types[candidate]), []).append(held[candidate])
        for columns in by_type.values():
            if columns != [held[root]]:
                self._row([(column, 1.0) for column in columns] + [(held[root], -1.0)], 0.0)
        for limb, (a, b) in enumerate(graph.skeleton.limbs):
            if a in by_type and b in by_type:
                self._add_limb(variables, limb, by_type[a] + by_type[b], held[root])
        return variables

    def _may_hold(self, root: int, other: int) -> bool:
        if self.may_be_alone[other]:
            return bool(self.rank[other] > self.rank[root])  # or the person would be named after the other
        return bool(self.rank[other] != self.rank[root])

    def _add_limb(self, variables: Root, limb: int, ends: list[int], root: int) -> None:
        """Both joints of a limb need it to be shown, and each end shows it once."""
        expected = self._variable(-self.options.missing_limb_cost)
        self._row([(column, 1.0) for column in ends] + [(expected, -1.0), (root, -1.0)], 0.0)
        for side in (self.pairs.own, self.pairs.other):
            shown: dict[int, list[int]] = {}
            for n, column in variables.pairs.items():
                if self.pairs.limb[n] == limb:
                    shown.setdefault(int(side[n]), []).append(column)
            for candidate, columns in shown.items():
                self._row([(column, 1.0) for column in columns] + [(variables.held[candidate], -1.0)], 0.0)

    def _hang(self, variables: Root, part: list[int]) -> None:
        """Candidates that a person holds need one beside them that it holds, too."""
        around = set().union(*(self.beside[c] for c in part)) - set(part)
        beside = [(variables.held[c], -1.0) for c in sorted(around) if c in variables.held]
        for candidate in part:
            self._row([(variables.held[candidate], 1.0), *beside], 0.0)

    # -- solving ----------------------------------------------------------------------------------------------

    def solve(self, time_limit: float | None) -> tuple[list[Ints], float]:
        """The best people under the rows so far, each with its root first, and a bound of F."""
        row, column, coefficient = zip(*self.entries, strict=True)
        matrix = coo_array((coefficient, (row, column)), shape=(len(self.limits), len(self.cost))).tocsr()
        options = {"mip_rel_gap": 0.0} | ({} if time_limit is None else {"time_limit": time_limit})
        result = milp(
            self.cost,
            integrality=np.array(self.whole, int),
            bounds=Bounds(0, np.where(self.whole, 1, np.inf)),
            constraints=LinearConstraint(matrix, ub=self.limits),
            options=options,
        )
        bound = np.inf if result.mip_dual_bound is None else -float(result.mip_dual_bound)
        if result.x is None:
            return [], bound
        people = []
        for root in self.roots.values():
            people.append(np.array([c for c, column in root.held.items() if result.x[column] > 0.5], np.int64))
        return [person for person in people if len(person)], bound

    def refine(self, people: Sequence[Ints]) -> bool:
        """Add the rows that this solution breaks. Returns whether it broke any."""
        before = len(self.limits)
        for number, person in enumerate(people):
            for part in hanging_together(self.graph, person)[1:]:
                self._hang(self.roots[int(person[0])], part.tolist())
            self._add_loss(number, int(person[0]))
        return len(self.limits) > before

    def _add_loss(self, person: int, root: int) -> None:
        """If one of a person's limbs is too long for it, let it lose as much with every person it could belong to."""
        graph = self.graph
        person_of, height = graph.person_of, float(graph.heights[person])
        mine = self.rows[person_of[self.pairs.own[self.rows]] == person]
        mine = mine[person_of[self.pairs.other[mine]] == person]
        links = self.pairs.where(mine)
        lost = links.affinity - graph.limb_gain(links, np.full(len(mine), height))
        telling = np.sort(self.heights[mine][np.isfinite(self.heights[mine])])
        by_median = len(telling) >= 3 and telling[-2] > height
        for n in mine[lost > TOLERANCE / 10]:
            if by_median:
                self._lose_among(self.roots[root], int(n), height, mine)
                continue
            for variables in self.roots.values():
                if int(n) in variables.pairs:
                    self._lose(variables, int(n), height)

    def _lose(self, variables: Root, long: int, height: float) -> None:
        """Let a long limb lose what it does at a height, unless the person's other limbs ask for a greater one."""
        if (key := (id(variables), long, height)) in self._lost:
            return
        self._lost.add(key)
        loss, most = self._loss_of(variables, long, height)
        spared = [column for n, column in variables.pairs.items() if n != long and self.heights[n] > height]
        terms = [(column, -most) for column in [*spared, variables.few]]
        self._row([(variables.pairs[long], most), *terms, (loss, -1.0)], 0.0)

    def _lose_among(self, variables: Root, long: int, height: float, mine: Ints) -> None:
        """Let a long limb lose what it does at a height, unless the person holds other limbs than these."""
        loss, most = self._loss_of(variables, long, height)
        telling = {n: column for n, column in variables.pairs.items() if np.isfinite(self.heights[n])}
        inside = set(mine.tolist()) & set(telling)
        terms = [(column, most if n in inside else -most) for n, column in telling.items()]
        self._row([*terms, (loss, -1.0)], most * (len(inside) - 1))

    def _loss_of(self, variables: Root, long: int, height: float) -> tuple[int, float]:
        """The variable of what a long limb loses, and how much that is at a height."""
        if variables.few < 0:
            self._count_limbs(variables)
        loss = variables.loss.setdefault(long, -1)
        if loss < 0:
            loss = variables.loss[long] = self._variable(-1.0)
        links = self.pairs.where(np.array([long]))
        return loss, float((links.affinity - self.graph.limb_gain(links, np.array([height])))[0])

    def _count_limbs(self, variables: Root) -> None:
        """Tell whether a person shows fewer than three limbs that speak of its height."""
        telling = {n: column for n, column in variables.pairs.items() if np.isfinite(self.heights[n])}
        variables.few = self._variable(0.0, whole=True)
        root = next(iter(variables.held.values()))
        for n, column in telling.items():  # a limb cannot be overlooked to make them fewer
            ends = (self.pairs.own[n], self.pairs.other[n])
            terms = [(variables.held[int(end)], 1.0) for end in ends if variables.held[int(end)] != root]
            # Both ends held: 1 + 1 - root = 1. One end is the root itself: then the other alone tells.
            self._row([*terms, (column, -1.0)] + ([(root, -1.0)] if len(terms) == 2 else []), 0.0)
        most = self.graph.skeleton.num_limbs
        self._row([(column, 1.0) for column in telling.values()] + [(variables.few, most - 2.0)], float(most))
