"""What the kernels compute, in plain NumPy: one file for each of bottomup/kernels, with functions of the same names."""

from bottomup.kernels.reference.fused import find_peaks_and_limbs
from bottomup.kernels.reference.limb_tracing import trace_limbs
from bottomup.kernels.reference.limbs import score_limbs
from bottomup.kernels.reference.peaks import find_peaks
from bottomup.kernels.reference.tags import find_missing_joints, read_tags, score_tags
from bottomup.kernels.reference.upsample import upsample_maps

__all__ = [
    "find_missing_joints",
    "find_peaks",
    "find_peaks_and_limbs",
    "read_tags",
    "score_limbs",
    "score_tags",
    "trace_limbs",
    "upsample_maps",
]
