"""A short run of the fuzzer; `python -m tests.grouping.fuzz --graphs 100000` is the long one."""

from __future__ import annotations

import pytest

from tests.grouping.fuzz import fuzz


def test_some_small_graphs() -> None:
    assert fuzz(20, 0) > 200


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_hundred_small_graphs(seed: int) -> None:
    assert fuzz(100, seed) > 1000


@pytest.mark.slow
def test_a_graph_of_ten_thousand_candidates() -> None:
    assert fuzz(2, 5, most=10_000) > 1000
