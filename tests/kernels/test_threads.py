"""The threads that kernels run on, which are kept from call to call."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from bottomup.kernels import find_peaks
from tests.makers.fields import make_field

FIELD = make_field("blobs", 5, (3, 7, 40, 50))


def running_threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts threads as Linux lists them")
def test_threads_are_kept_and_one_thread_needs_none() -> None:
    code = """
import sys
from tests.kernels.test_threads import FIELD, find_peaks, running_threads

before = running_threads()
find_peaks(FIELD)
assert running_threads() == before
for _ in range(5):
    find_peaks(FIELD, threads=4)
assert running_threads() == before + 3, (before, running_threads())
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system does not fork")
def test_a_forked_process_has_threads_of_its_own() -> None:
    code = """
import os, sys
from tests.kernels.test_threads import FIELD, find_peaks

expected = find_peaks(FIELD, threads=4)
child = os.fork()
same = (find_peaks(FIELD, threads=4).xy == expected.xy).all()
if child == 0:
    os._exit(0 if same else 3)
assert same
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=60)


def test_calls_from_several_threads_at_once() -> None:
    expected = find_peaks(FIELD)
    together = threading.Barrier(4)

    def call(number: int) -> None:
        together.wait()
        for _ in range(50):
            np.testing.assert_array_equal(find_peaks(FIELD, threads=1 + number).xy, expected.xy)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(call, range(4)))


def test_a_failure_on_another_thread_is_reported_and_the_next_call_works() -> None:
    bad = FIELD.copy()
    bad[:, 3] = np.nan
    for _ in range(20):
        with pytest.raises(ValueError, match="batch 0, channel 3, row 0, column 0"):
            find_peaks(bad, threads=4)
    np.testing.assert_array_equal(find_peaks(FIELD, threads=4).xy, find_peaks(FIELD).xy)
