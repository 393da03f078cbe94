"""The compiled kernels: joint candidates from heatmaps, scored candidate pairs from part affinity fields.

Each has one public function that checks its input and picks the device, and a twin in plain NumPy
(`find_peaks_numpy`, `score_limbs_numpy`) that says the same thing slowly and is what the tests compare with.
"""

from bottomup.kernels.both import find_peaks_and_limbs
from bottomup.kernels.limbs import LimbPairs, score_limbs, score_limbs_numpy
from bottomup.kernels.peaks import Candidates, find_peaks, find_peaks_numpy
from bottomup.kernels.traces import TraceRule, trace_limbs, trace_limbs_numpy

__all__ = [
    "Candidates",
    "LimbPairs",
    "TraceRule",
    "find_peaks",
    "find_peaks_and_limbs",
    "find_peaks_numpy",
    "score_limbs",
    "score_limbs_numpy",
    "trace_limbs",
    "trace_limbs_numpy",
]
