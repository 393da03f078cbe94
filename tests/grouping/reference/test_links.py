"""Duplicates of the compiled graph against the reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping.reference.links import duplicate
from tests.makers.crowds import dealt


@given(st.integers(0, 2**32 - 1))
def test_duplicates(seed: int) -> None:
    graph, reference = dealt(seed, shared=False)
    candidates = np.flatnonzero(np.random.default_rng(seed).random(len(graph.types)) < 0.3)
    graph.duplicate(candidates)
    duplicate(reference, candidates)
    for mine, theirs in zip(graph.pairs, reference.pairs, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    for name in ("types", "xy", "responses", "scores", "person_of"):
        np.testing.assert_array_equal(getattr(graph, name), getattr(reference, name))
