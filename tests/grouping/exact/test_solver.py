"""The exact solver against brute force, and the sweep against the exact solver."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bottomup.grouping import PersonJointGraph, group
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.exact.solver import group_exactly
from bottomup.skeleton import Skeleton
from tests.makers.examples import examples
from tests.makers.graphs import (
    LOOSE,
    POINT,
    SQUARE,
    check_consistent,
    deal,
    make_graph,
    random_graphs,
    slow_objective,
)

# Four limbs that hang together, a triangle among them, and lengths that are known: the length prior has a say.
BODY = Skeleton(
    "body",
    ("left_hip", "left_shoulder", "left_elbow", "left_knee"),
    ((1, 0), (1, 2), (0, 3), (0, 2)),
    (0.1,) * 4,
)
# Seven limbs, so that more than one may be too long and the median limb tells the height.
FRAME = Skeleton(
    "frame",
    ("left_hip", "right_hip", "left_shoulder", "right_shoulder", "neck"),
    ((0, 1), (2, 0), (3, 1), (4, 2), (4, 3), (4, 0), (4, 1)),
    (0.1,) * 5,
)
MOST = 7  # candidates that brute force can deal with


def allowed(graph: PersonJointGraph, person: tuple[int, ...]) -> bool:
    """Whether a set of candidates may be a person: it hangs together, and one joint is worth a person by itself."""
    whole = nx.Graph(list(zip(graph.pairs.own.tolist(), graph.pairs.other.tolist(), strict=True)))
    whole.add_nodes_from(person)
    worth = max(graph.responses[list(person)]) > graph.settings.grouping.person_cost
    return bool(worth) and nx.is_connected(whole.subgraph(person))


def groupings(graph: PersonJointGraph, first: int = 0) -> Iterator[list[tuple[int, ...]]]:
    """All ways to divide the candidates from the first on into people with one joint of a type each, some unused."""
    if first == len(graph.types):
        yield []
        return
    for people in groupings(graph, first + 1):
        yield people
        yield [(first,), *people]
        for number, person in enumerate(people):
            if graph.types[first] not in graph.types[list(person)]:
                yield [*people[:number], (first, *person), *people[number + 1 :]]


def brute_force(graph: PersonJointGraph) -> float:
    best = 0.0
    trial = graph.copy()
    for people in groupings(graph):
        trial.set_people([np.array(person) for person in people])
        if (value := trial.objective()) > best and all(allowed(graph, person) for person in people):
            best = value
    return best


def people_of(graph: PersonJointGraph) -> list[tuple[int, ...]]:
    return sorted(tuple(row[row >= 0].tolist()) for row in graph.members)


@pytest.mark.slow
@examples(0.6)
@given(random_graphs((SQUARE, BODY, LOOSE)))
def test_no_grouping_is_better(graph: PersonJointGraph) -> None:
    assume(len(graph.types) <= MOST)
    optimum = group_exactly(graph)
    check_consistent(graph)
    assert all(allowed(graph, person) for person in people_of(graph))
    assert optimum.value == pytest.approx(graph.objective(), abs=1e-9)
    assert optimum.value == pytest.approx(slow_objective(graph), abs=1e-9)
    assert optimum.value == pytest.approx(brute_force(graph), abs=1e-5)
    assert optimum.bound == pytest.approx(optimum.value, abs=1e-5)


@pytest.mark.slow
@examples(0.6)
@given(
    skeleton=st.sampled_from([BODY, FRAME]),
    places=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=6, max_size=6),
    supports=st.lists(st.integers(1, 4), min_size=11, max_size=11),
)
@example(skeleton=BODY, places=[(0, 0), (0, 40), (0, 10), (9, 10), (0, 19), (0, 20)], supports=[4] * 11)
@example(skeleton=FRAME, places=[(0, 40), (3, 40), (0, 0), (3, 0), (1, 1), (1, 30)], supports=[4] * 11)
def test_no_grouping_is_better_where_limbs_are_too_long(
    skeleton: Skeleton, places: list[tuple[int, int]], supports: list[int]
) -> None:
    """Everything is joined to everything, and far apart: mostly one limb of a person, or more, is too long for it."""
    kinds = [0, 1, 1, 2, 3, 3] if skeleton is BODY else [0, 1, 2, 3, 4, 4]
    points = [(kind, *place, 1.0) for kind, place in zip(kinds, places, strict=True)]
    pairs = [
        (limb, i, j)
        for limb, (a, b) in enumerate(skeleton.limbs)
        for i in range(6)
        for j in range(6)
        if (kinds[i], kinds[j]) == (a, b)
    ]
    affinities = {pair: step / 4 for pair, step in zip(pairs, supports, strict=False)}
    graph = make_graph(skeleton, points, affinities)
    optimum = group_exactly(graph)
    assert optimum.value == pytest.approx(brute_force(graph), abs=1e-5)
    assert optimum.bound == pytest.approx(optimum.value, abs=1e-5)


def test_no_limb_is_overlooked_to_make_another_seem_short() -> None:
    """The limb to the hip is far too long beside the others; with one of those left out it would set the height."""
    points = [(0, 0, 30, 1), (1, 0, 0, 1), (2, 0, 1, 1)]
    affinities = {(0, 1, 0): 1.0, (1, 1, 2): 0.625, (3, 0, 2): 1.0}
    graph = make_graph(
        BODY,
        points,
        affinities,
        grouping__min_affinity_scale=1.0,
        grouping__neutral_affinity=0.5,
        grouping__length_tolerance=0.15,
    )
    optimum = group_exactly(graph)
    assert graph.pairs.affinity == pytest.approx([1, 0.25, 1], abs=1e-6)
    excess = 30 / (graph.heights[0] * max_limb_lengths(BODY)[1, 0]) - 1
    possible = np.exp(-0.5 * (excess / (2 * graph.settings.grouping.length_tolerance)) ** 2)
    costs = graph.settings.grouping.person_cost + graph.settings.grouping.missing_limb_cost * (1 - possible)
    assert optimum.value == pytest.approx(3 + 0.25 + 1 - costs, abs=1e-3)
    assert optimum.value == pytest.approx(brute_force(graph), abs=1e-5)
    assert optimum.bound == pytest.approx(optimum.value, abs=1e-5)


@pytest.mark.slow
@given(random_graphs((SQUARE, BODY, POINT, LOOSE)))
def test_the_sweep_is_never_better(graph: PersonJointGraph) -> None:
    swept = graph.copy()
    swept.optimize()
    assume(all(allowed(swept, person) for person in people_of(swept)))
    optimum = group_exactly(graph)
    assert swept.objective() <= optimum.value + 1e-5
    again = group_exactly(swept)  # from there it comes as far as from nothing
    assert again.value == pytest.approx(optimum.value, abs=1e-5)


@pytest.mark.slow
@given(random_graphs((SQUARE, BODY)), st.integers(0, 2**32 - 1))
def test_when_the_time_is_up_it_is_no_worse_than_before(graph: PersonJointGraph, seed: int) -> None:
    deal(graph, seed)
    before = graph.objective()
    lawful = all(allowed(graph, person) for person in people_of(graph))
    optimum = group_exactly(graph, time_limit=1e-9)
    check_consistent(graph)
    assert optimum.bound >= optimum.value - 1e-9
    assert optimum.value == pytest.approx(graph.objective(), abs=1e-9)
    if lawful:
        assert optimum.value >= before - 1e-9


def test_a_move_that_the_sweep_does_not_see() -> None:
    """Two joints that are strong together move between people; one by one neither does."""
    points = [(0, 0, 0, 1), (1, 0, 5, 1), (1, 20, 5, 1), (2, 20, 9, 1), (3, 20, 12, 1)]
    graph = make_graph(SQUARE, points, {(0, 0, 1): 1.0, (1, 2, 3): 1.0, (3, 4, 3): 1.0})
    optimum = group_exactly(graph)
    assert people_of(graph) == [(0, 1), (2, 3, 4)]
    assert optimum.value == pytest.approx(5 + 3 - 2 * graph.settings.grouping.person_cost)


def test_fragments_that_no_pair_joins_stay_apart_although_one_person_costs_less_than_two() -> None:
    """The first a and the first d touch the other person's c only, which is nobody by itself."""
    points = [(0, 0, 0, 1), (0, 20, 0, 1), (1, 20, 5, 1), (2, 20, 9, 0.2), (3, 0, 12, 1), (3, 20, 12, 1)]
    strong = {(0, 1, 2): 1.0, (1, 2, 3): 1.0, (2, 3, 1): 1.0, (3, 5, 3): 1.0}
    graph = make_graph(SQUARE, points, {**strong, (2, 3, 0): 0.25, (3, 4, 3): 0.25}, grouping__full_response=0.2)
    optimum = group_exactly(graph)
    assert people_of(graph) == [(0,), (1, 2, 3, 5), (4,)]
    assert optimum.value == pytest.approx(5.2 + 4 - 3 * graph.settings.grouping.person_cost)
    assert optimum.bound == pytest.approx(optimum.value, abs=1e-5)


def test_nobody_in_an_empty_picture() -> None:
    graph = make_graph(SQUARE, [], {})
    assert group_exactly(graph) == (0.0, 0.0)
    assert graph.num_people == 0


def test_two_ripples_are_nobody() -> None:
    graph = make_graph(SQUARE, [(0, 0, 0, 0.2), (1, 0, 5, 0.2)], {(0, 0, 1): 1.0})
    assert group_exactly(graph) == (0.0, 0.0)


@pytest.mark.parametrize("limit", [0, -1.0, float("nan")])
def test_the_time_limit_is_checked(limit: float) -> None:
    with pytest.raises(ValueError, match="time_limit must be a positive number of seconds but is"):
        group_exactly(make_graph(SQUARE, [], {}), time_limit=limit)


def test_groups_that_no_pair_joins_are_solved_apart() -> None:
    """Four squares far apart, the optimum of each by itself."""
    points = sorted((k, 50 * n + 3 * k, 0, 1.0) for n in range(4) for k in range(4))
    place = {(k, n): k * 4 + n for n in range(4) for k in range(4)}
    affinities = {(limb, place[a, n], place[b, n]): 1.0 for limb, (a, b) in enumerate(SQUARE.limbs) for n in range(4)}
    graph = make_graph(SQUARE, points, affinities)
    swept = graph.copy()
    group(swept)
    assert group_exactly(graph).value == pytest.approx(4 * (4 + 4 - graph.settings.grouping.person_cost))
    assert people_of(graph) == people_of(swept)
