"""A short run of the fuzzer; `python -m tests.kernels.fuzz --fields 1000000` is the long one."""

from __future__ import annotations

import pytest

from tests.kernels.fuzz import fuzz


@pytest.mark.parametrize("seed", range(4))
def test_a_few_thousand_small_fields(seed: int) -> None:
    assert fuzz(2000, seed) >= 2000
