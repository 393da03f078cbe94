"""Ctrl-C ends a long grouping, and what was interrupted is as it was."""

from __future__ import annotations

import ctypes
import math
import operator
import signal
from collections import deque

import numpy as np
import pytest

from bottomup import Settings
from bottomup.grouping.build import build_graph
from bottomup.grouping.options import GroupingOptions
from bottomup.kernels.fused import find_peaks_and_limbs
from bottomup.skeletons import CROWDPOSE_14


def test_an_interrupted_grouping_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    heatmaps = np.clip(rng.normal(0.5, 0.3, (14, 60, 60)), 0, 1).astype(np.float32)
    pafs = rng.normal(0, 0.5, (2 * CROWDPOSE_14.num_limbs, 60, 60)).astype(np.float32)
    settings = Settings(grouping=GroupingOptions(max_mean_pairs=math.inf))
    candidates, pairs = find_peaks_and_limbs(heatmaps, pafs, CROWDPOSE_14)
    graph = build_graph(candidates, pairs, 0, CROWDPOSE_14, settings)
    # The signal is there when the compiled code begins: between these calls no Python code runs, which would obey it.
    calls = [ctypes.pythonapi.PyErr_SetInterrupt, graph.compiled.group]
    # Programs that a shell starts in the background ignore Ctrl-C, and Python then leaves it so.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            deque(map(operator.methodcaller("__call__"), calls), maxlen=0)
    finally:
        signal.signal(signal.SIGINT, before)
    assert graph.num_people == 0
