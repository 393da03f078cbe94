"""A few of the faults that `python -m tests.fuzz_runs` injects by the hundred."""

from __future__ import annotations

import sys

import pytest

pytest.importorskip("pycocotools")

if sys.platform == "linux":
    from tests import fuzz_runs


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit of files is the system's")
@pytest.mark.parametrize("seed", range(6))  # killed, interrupted, a full disk; detect and eval each
def test_nothing_is_lost_whatever_happens_to_a_run(seed: int) -> None:
    counts, wrong = fuzz_runs.fuzz(seed, 1)
    assert not wrong
    assert counts.total() == 1
