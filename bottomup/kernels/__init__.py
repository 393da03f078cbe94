"""The compiled kernels: joint candidates from heatmaps, scored candidate pairs from part affinity
fields or associative embeddings.

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
    from bottomup.kernels.options import LimbOptions, PeakOptions, TagOptions, TraceOptions
    from bottomup.kernels.peaks import Candidates, find_peaks
    from bottomup.kernels.tags import find_missing_joints, read_tags, score_tags

__all__ = [
    "Candidates",
    "LimbOptions",
    "LimbPairs",
    "PeakOptions",
    "TagOptions",
    "TraceOptions",
    "find_missing_joints",
    "find_peaks",
    "find_peaks_and_limbs",
    "read_tags",
    "score_limbs",
    "score_tags",
    "trace_limbs",
]

_HOMES = {
    "Candidates": "peaks",
    "LimbOptions": "options",
    "LimbPairs": "limbs",
    "PeakOptions": "options",
    "TagOptions": "options",
    "TraceOptions": "options",
    "find_missing_joints": "tags",
    "find_peaks": "peaks",
    "find_peaks_and_limbs": "fused",
    "read_tags": "tags",
    "score_limbs": "limbs",
    "score_tags": "tags",
    "trace_limbs": "limb_tracing",
}


def __getattr__(name: str) -> Any:
    """Import a name when it is first used, so that the options alone need neither NumPy nor the extension."""
    if name not in _HOMES:
        raise AttributeError(f"module 'bottomup.kernels' has no attribute {name!r}")
    value = getattr(import_module(f"bottomup.kernels.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
