"""The compiled kernels: joint candidates from heatmaps, scored candidate pairs from part affinity fields.

Each module has one public function that checks its input and picks the device. What runs is in the files of the same
name in csrc/cpu and csrc/cuda; `bottomup.kernels.reference` says the same slowly in plain NumPy, and is what the tests
compare with.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bottomup.kernels.fused import find_peaks_and_limbs
    from bottomup.kernels.limb_tracing import trace_limbs
    from bottomup.kernels.limbs import LimbPairs, score_limbs
    from bottomup.kernels.options import LimbOptions, PeakOptions, TraceOptions
    from bottomup.kernels.peaks import Candidates, find_peaks

__all__ = [
    "Candidates",
    "LimbOptions",
    "LimbPairs",
    "PeakOptions",
    "TraceOptions",
    "find_peaks",
    "find_peaks_and_limbs",
    "score_limbs",
    "trace_limbs",
]

_HOMES = {
    "Candidates": "peaks",
    "LimbOptions": "options",
    "LimbPairs": "limbs",
    "PeakOptions": "options",
    "TraceOptions": "options",
    "find_peaks": "peaks",
    "find_peaks_and_limbs": "fused",
    "score_limbs": "limbs",
    "trace_limbs": "limb_tracing",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that the options alone need neither NumPy nor the extension."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bottomup.kernels' has no attribute {name!r}")
    value = getattr(import_module(f"bottomup.kernels.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
