"""The compiled objective and heights against the reference, from any state of random graphs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping.reference.heights import measure
from bottomup.grouping.reference.held_limbs import objective
from tests.makers.crowds import dealt


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
def test_objective_and_heights(seed: int) -> None:
    graph, reference = dealt(seed)
    assert graph.objective() == pytest.approx(objective(reference), abs=1e-9)
    graph.measure()
    measure(reference)
    np.testing.assert_array_equal(graph.heights, reference.heights)
    assert graph.objective() == pytest.approx(objective(reference), abs=1e-9)
