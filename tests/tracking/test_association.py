"""The assignment of people to tracks: the best one, also where only what is contested is solved."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from bottomup.tracking.association import assign


@pytest.mark.parametrize("density", [0.0, 0.02, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (1, 1), (30, 20), (20, 30)])
def test_the_assignment_is_the_one_of_the_whole_matrix(shape: tuple[int, int], density: float) -> None:
    """Certain pairs and a solved rest are what the solver makes of all weights at once."""
    rng = np.random.default_rng(round(100 * density))
    weights = np.where(rng.random(shape) < density, rng.uniform(0.1, 1, shape), 0).astype(np.float32)
    rows, columns = assign(weights)
    expected_rows, expected_columns = linear_sum_assignment(weights, maximize=True)
    real = weights[expected_rows, expected_columns] > 0
    assert np.array_equal(rows, expected_rows[real])
    assert np.array_equal(columns, expected_columns[real])
