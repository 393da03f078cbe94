"""The best grouping there is, by integer programming: what the sweep is measured against.

Joint partitioning and labelling as in DeepCut (Pishchulin et al., CVPR 2016, sec. 3): which candidates are joints at
all, and which of them belong to one person. Here a peak's heatmap already says what type of joint it is.

The maximum is over all groupings in which every person

* hangs together: from each of its joints scored pairs lead to each other one. Without this F would gain the cost of a
  person by calling any two fragments one, wherever they are in the picture;
* has a joint that is worth a person by itself, a response above `person_cost`, as in the sweep. Otherwise any two
  ripples of a noisy field with a faint limb between them would be a person.

A candidate serves one person; that two people share a peak (`bottomup.grouping.reference.shared_peaks`) is decided
afterwards, in a step of its own. Nothing is held fixed, neither heights nor the number of people. The integer program
is in `bottomup.grouping.exact.integer_program`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bottomup.grouping.exact.integer_program import TOLERANCE, Program, hanging_together
from bottomup.grouping.graph import PersonJointGraph

Ints = npt.NDArray[np.int64]


class Optimum(NamedTuple):
    """What the exact solver found."""

    value: float  # F of the grouping that the graph now has
    bound: float  # no other grouping has more than this; equal to value unless the time was up


def group_exactly(graph: PersonJointGraph, *, time_limit: float | None = None) -> Optimum:
    """Group the graph's candidates so that F is as high as it can be, in place.

    Which groupings there are, the module says. Time grows steeply with the number of people who touch each other and
    with the number of false candidates; it is meant for pictures of up to some six people.

    Parameters
    ----------
    graph:
        The people that it has are where the search starts (and what is left if the time is up at once).
    time_limit:
        Seconds for each group of people in contact, None for no limit. When it is up, the best grouping found so far
        is taken, and `bound` says how much better another could be.

    Returns
    -------
    The value of F, which is `graph.objective()`, and an upper bound of it.

    Raises
    ------
    ValueError
        If `time_limit` is not positive.
    """
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be a positive number of seconds but is {time_limit}")
    start = _allowed(graph, graph.people())
    people: list[Ints] = []
    bound = 0.0
    for members in _components(graph):
        inside = [person for person in start if np.isin(person[0], members)]
        found, limit = _solve(graph, members, inside, time_limit)
        people += found
        bound += limit
    graph.set_people(people)
    return Optimum(graph.objective(), bound)


def largest_group(graph: PersonJointGraph) -> int:
    """How many candidates there are in the largest group that scored pairs join."""
    return max(map(len, _components(graph)), default=0)


def _components(graph: PersonJointGraph) -> list[Ints]:
    """The candidates in groups that no scored pair joins."""
    size, pairs = len(graph.types), graph.pairs
    links = coo_array((np.ones(len(pairs.own)), (pairs.own, pairs.other)), shape=(size, size))
    label = connected_components(links, directed=False)[1]
    order = np.argsort(label, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if size else []


def _solve(
    graph: PersonJointGraph, members: Ints, start: list[Ints], time_limit: float | None
) -> tuple[list[Ints], float]:
    """The best people of one group of candidates, and a bound of their F."""
    may_be_alone = graph.responses[members] > graph.settings.grouping.person_cost
    if not may_be_alone.any():
        return [], 0.0
    if len(members) == 1:
        return [members], float(graph.responses[members[0]] - graph.settings.grouping.person_cost)
    trial = graph.copy()
    trial.set_people(start)
    best, value, bound = start, trial.objective(), np.inf
    program = Program(trial, members)
    end = None if time_limit is None else time.monotonic() + time_limit
    while end is None or time.monotonic() < end:
        people, limit = program.solve(None if end is None else max(end - time.monotonic(), 1e-3))
        bound = min(bound, limit)
        parts = _allowed(trial, people)
        trial.set_people(parts)
        if trial.objective() > value:
            best, value = parts, trial.objective()
        if value >= bound - TOLERANCE:
            return best, value
        trial.set_people(people)
        if not program.refine(people):
            break  # the time was up while solving, or what is left is rounding
    return best, max(bound, value)


def _allowed(graph: PersonJointGraph, people: Sequence[Ints]) -> list[Ints]:
    """The parts of people that hang together and have a joint that is worth a person by itself."""
    parts = [part for person in people for part in hanging_together(graph, person)]
    return [part for part in parts if (graph.responses[part] > graph.settings.grouping.person_cost).any()]
