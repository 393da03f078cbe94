"""The assignment of one joint type against all matchings there are, and against one dense call of SciPy's."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from bottomup.grouping.assignment import solve_assignment
from bottomup.grouping.edges import Edges

# Quarters: sums are exact and ties abound. Person 7 and candidate 90 show that indices need not be dense.
WEIGHTS = st.integers(1, 12).map(lambda n: n / 4)
SPARSE = st.dictionaries(st.tuples(st.sampled_from([0, 1, 2, 7]), st.sampled_from([3, 4, 5, 90])), WEIGHTS, max_size=10)


def edges(table: dict[tuple[int, int], float]) -> Edges:
    pairs = np.array(list(table), np.int64).reshape(-1, 2)
    return Edges(pairs[:, 0], pairs[:, 1], np.array(list(table.values()), np.float64))


def total(table: dict[tuple[int, int], float], matching: tuple[np.ndarray, np.ndarray]) -> float:
    """The matching's weight; fails unless it is one-to-one and made of edges."""
    people, candidates = (side.tolist() for side in matching)
    assert len(set(people)) == len(people)
    assert len(set(candidates)) == len(candidates)
    return sum(table[pair] for pair in zip(people, candidates, strict=True))


def best_of_all(table: dict[tuple[int, int], float]) -> float:
    """The greatest weight of any matching, by trying every one."""
    people = sorted({person for person, _ in table})
    candidates = sorted({candidate for _, candidate in table})
    best = 0.0
    for size in range(1, min(len(people), len(candidates)) + 1):
        for some in combinations(people, size):
            for order in permutations(candidates, size):
                pairs = list(zip(some, order, strict=True))
                if all(pair in table for pair in pairs):
                    best = max(best, sum(table[pair] for pair in pairs))
    return best


@given(SPARSE)
def test_no_matching_is_better(table: dict[tuple[int, int], float]) -> None:
    assert total(table, solve_assignment(edges(table))) == best_of_all(table)


@given(st.integers(0, 2**32 - 1), st.floats(0.005, 0.3))
def test_components_together_equal_one_dense_call(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.integers(1, 40, (30, 25)) * (rng.random((30, 25)) < density)
    i, j = linear_sum_assignment(weights, maximize=True)
    table = {(int(p), int(c)): float(weights[p, c]) for p, c in np.argwhere(weights > 0)}
    assert total(table, solve_assignment(edges(table))) == weights[i, j].sum()


def test_an_edge_without_a_rival_is_matched() -> None:
    people, candidates = solve_assignment(edges({(5, 2): 0.1, (6, 8): 3.0}))
    assert dict(zip(people.tolist(), candidates.tolist(), strict=True)) == {5: 2, 6: 8}


def test_a_bad_pair_never_evicts_a_good_one() -> None:
    # Matching everybody would give 0.1 + 0.2; the one good pair is worth more, and then the others stay unmatched.
    people, candidates = solve_assignment(edges({(0, 0): 1.0, (0, 1): 0.1, (1, 0): 0.2}))
    assert (people.tolist(), candidates.tolist()) == ([0], [0])


def test_two_fair_pairs_beat_one_good_one() -> None:
    people, candidates = solve_assignment(edges({(0, 0): 1.0, (0, 1): 0.7, (1, 0): 0.7}))
    assert dict(zip(people.tolist(), candidates.tolist(), strict=True)) == {0: 1, 1: 0}


@pytest.mark.parametrize(("people", "candidates"), [(1, 6), (6, 1)])
def test_one_against_many(people: int, candidates: int) -> None:
    table = {(p, c): 1.0 + p + c for p in range(people) for c in range(candidates)}
    matched = solve_assignment(edges(table))
    assert total(table, matched) == 6.0
    assert len(matched[0]) == 1


def test_the_order_of_the_edges_does_not_change_the_weight() -> None:
    rng = np.random.default_rng(3)
    table = {(int(p), int(c)): float(rng.integers(1, 9)) for p, c in rng.integers(0, 12, (60, 2))}
    shuffled = [list(table.items())[n] for n in rng.permutation(len(table))]
    assert total(table, solve_assignment(edges(dict(shuffled)))) == total(table, solve_assignment(edges(table)))


def test_no_edges() -> None:
    people, candidates = solve_assignment(edges({}))
    assert people.shape == candidates.shape == (0,)
    assert people.dtype == candidates.dtype == np.int64
