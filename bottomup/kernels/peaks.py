"""Joint candidates: the local maxima of heatmaps, between cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._extension import _C
from bottomup.kernels.field import as_field, check_finite, check_threshold
from bottomup.kernels.gpu_array import GpuArray
from bottomup.kernels.options import PEAK_THRESHOLD, PeakOptions


@dataclass(frozen=True)
class Candidates:
    """Joint candidates of a batch of B images and K joint types, sorted by image, type and falling score.

    Attributes
    ----------
    batch, joints:
        B and K.
    offsets:
        (B K + 1,) int64. The candidates of type k in image b are `offsets[b K + k] : offsets[b K + k + 1]`.
    xy:
        (n, 2) float32 position in cells: x = column, y = row, cell centres at integers.
    scores:
        (n,) float32, the heatmap's value at the peak.
    extents:
        (n,) float32, standard deviation in cells of the Gaussian that fits the peak (its spatial extent u).
    """

    batch: int
    joints: int
    offsets: npt.NDArray[np.int64]
    xy: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    extents: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.scores)


def find_peaks(
    heatmaps: Any, *, threshold: float = PEAK_THRESHOLD, options: PeakOptions = PeakOptions(), threads: int = 1
) -> Candidates:
    """Find every local maximum of every heatmap.

    A peak is a cell, or a plateau of touching equal cells, of at least `threshold` that none of the (8-connected)
    neighbours exceeds: one peak per plateau. Its position is refined by a parabola through the logarithm of the
    neighbouring values, which is exact for a Gaussian, and is the mean over the cells of a plateau. There is no
    cap on their number. Ties in score keep the order of the cells' indices.

    Parameters
    ----------
    heatmaps:
        (K, h, w) or (B, K, h, w), float32, float16 or bfloat16, in any memory order: NumPy or, through DLPack, whatever
        lies in CPU memory or (also through `__cuda_array_interface__`) on a GPU.
    threshold:
        Lowest value of a peak.
    options:
        With `upsample`, peaks are looked for on the upsampled heatmaps. On a GPU no upsampled map is ever written to
        memory. Positions and extents are in cells of the heatmaps all the same.
    threads:
        CPU threads; the work is split by channel.

    Raises TypeError for another dtype, ValueError for another shape or a value that is not finite.
    """
    field = as_field("heatmaps", heatmaps)
    check_threshold("threshold", threshold)
    if isinstance(field.values, GpuArray):
        result = _C.find_peaks_cuda(field.values.layout, threshold, options.upsample, field.values.stream)
    else:
        result = _C.find_peaks(field.values, threshold, options.upsample, threads)
    return candidates_of(field.shape[1], result)


def candidates_of(joints: int, result: tuple[Any, ...]) -> Candidates:
    """What a kernel found; ValueError if it met a value that is not finite."""
    offsets, xy, scores, extents, place = result
    check_finite("heatmaps", place)
    return Candidates((len(offsets) - 1) // joints, joints, offsets, xy.reshape(-1, 2), scores, extents)


def check_scale(candidates: Candidates, options: PeakOptions) -> None:
    """ValueError if the peaks show that the heatmaps are on another scale than scores."""
    highest = float(candidates.scores.max(initial=0.0))
    if highest > options.max_heatmap_value:
        raise ValueError(
            f"heatmaps must be scores in 0..1, so neither logits nor 0..255, but have a peak of {highest:g} "
            f"(PeakOptions.max_heatmap_value is {options.max_heatmap_value:g})"
        )
