"""Showing a network the same photo several times, at several scales and mirrored, and joining what it sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bottomup.fields import Fields, cell_centres
from bottomup.kernels import Candidates, find_peaks
from bottomup.letterbox import Letterbox
from bottomup.settings import DEFAULT_INPUT_HEIGHT, HIGHEST_INPUT, Settings
from bottomup.skeleton import Skeleton

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Pass:
    """One look at a photo: how it lies in the network's input, and whether it is mirrored there."""

    letterbox: Letterbox
    mirrored: bool = False


def check_scales(settings: Settings) -> int:
    """The height that the scales are factors of; ValueError if one asks for a picture that no memory holds."""
    reference_height = settings.input_height or DEFAULT_INPUT_HEIGHT
    if (largest := max(settings.scales)) * reference_height > HIGHEST_INPUT:
        raise ValueError(
            f"scales must be at most {HIGHEST_INPUT / reference_height:g} for an input_height of {reference_height} "
            f"but has {largest:g}"
        )
    return reference_height


def plan_passes(height: int, width: int, settings: Settings, alignment: int, y_offset: float = 0.0) -> tuple[Pass, ...]:
    """The looks that the settings ask for at a photo of `height` x `width` pixels, the reference first.

    That is the largest one, in whatever order the scales are named: the fields of all are brought to its grid, and on a
    coarser one peaks that it tells apart would run into each other. `alignment` and `y_offset` are those of the
    network's `NetworkInfo`. ValueError as `check_scales`.
    """
    looks = []
    reference_height = check_scales(settings)
    for scale in sorted(settings.scales, reverse=True):
        letterbox = Letterbox.fit(
            height,
            width,
            input_height=max(1, round(reference_height * scale)),
            max_aspect=settings.max_aspect,
            alignment=alignment,
            y_offset=y_offset,
        )
        looks += [Pass(letterbox, mirrored) for mirrored in ((False, True) if settings.flip else (False,))]
    return tuple(looks)


def average_fields(
    passes: Sequence[Pass], outputs: Sequence[tuple[FloatArray, FloatArray]], skeleton: Skeleton, stride: int
) -> Fields:
    """The mean of the fields of all passes, on the grid of the first.

    Parameters
    ----------
    passes:
        What was shown.
    outputs:
        What the network made of each: heatmaps (K, h, w) and pafs (2L, h, w), as large as its padded input.
    skeleton, stride:
        Of the outputs.

    Returns
    -------
    Fields in the network pixels of the first pass, without the cells that hold padding only.
    """
    reference = passes[0].letterbox
    total: list[FloatArray] = []
    for look, (heatmaps, pafs) in zip(passes, outputs, strict=True):
        fields = [_on_grid(field, look, reference, stride) for field in (heatmaps, pafs)]
        if look.mirrored:
            channels, signs = skeleton.paf_flip
            fields = [fields[0][skeleton.flip_permutation], fields[1][channels] * signs]
        total = [sum_ + field for sum_, field in zip(total, fields, strict=True)] if total else fields
    heatmaps, pafs = (np.ascontiguousarray(field / np.float32(len(passes)), np.float32) for field in total)
    return Fields(heatmaps, pafs, stride, skeleton)


def average_tags(
    passes: Sequence[Pass], outputs: Sequence[tuple[FloatArray, FloatArray]], skeleton: Skeleton, stride: int
) -> tuple[FloatArray, FloatArray]:
    """The heatmaps (K, h, w) averaged over all passes, and the tags (K, D, h, w) of the D passes at the largest scale.

    Tags of different passes mean different things, so each is a value of its own, of the photo and of its mirror image;
    those of smaller scales say nothing more (Cheng et al., CVPR 2020). Parameters as those of `average_fields`, with
    tags (K, h, w) in place of the pafs.
    """
    reference = passes[0].letterbox
    heatmaps: FloatArray = np.zeros(1, np.float32)
    tags = []
    for look, fields in zip(passes, outputs, strict=True):
        heat, embeddings = (_on_grid(field, look, reference, stride) for field in fields)
        order = skeleton.flip_permutation if look.mirrored else slice(None)
        heatmaps = heatmaps + heat[order]
        if look.letterbox == reference:
            tags.append(embeddings[order])
    return np.ascontiguousarray(heatmaps / np.float32(len(passes)), np.float32), np.stack(tags, axis=1)


def pass_candidates(
    passes: Sequence[Pass],
    outputs: Sequence[tuple[FloatArray, FloatArray]],
    skeleton: Skeleton,
    stride: int,
    settings: Settings,
) -> list[Candidates]:
    """The joint candidates of each pass, as `find_peaks` finds them there, in cells of the first pass's grid.

    The parameters are those of `average_fields`; the settings give the peaks' threshold.
    """
    reference = passes[0].letterbox
    found = []
    for look, (heatmaps, _) in zip(passes, outputs, strict=True):
        height, width = look.letterbox.resized_size
        heatmaps = heatmaps[:, : -(-height // stride), : -(-width // stride)]  # no peaks in the padding
        if look.mirrored:
            heatmaps = heatmaps[skeleton.flip_permutation]
        peaks = find_peaks(
            np.ascontiguousarray(heatmaps),
            threshold=settings.peak_threshold,
            options=settings.peaks,
            threads=settings.threads,
        )
        pixels = (peaks.xy + 0.5) * stride - 0.5
        if look.mirrored:
            pixels[:, 0] = width - 1 - pixels[:, 0]
        xy = (reference.to_network(look.letterbox.to_image(pixels)) + 0.5) / stride - 0.5
        smaller = float(np.sqrt(np.prod(reference.resized_size) / np.prod(look.letterbox.resized_size)))
        extents = peaks.extents * np.float32(smaller)
        found.append(replace(peaks, xy=xy.astype(np.float32), extents=extents))
    return found


def _on_grid(field: FloatArray, look: Pass, reference: Letterbox, stride: int) -> FloatArray:
    """A field (C, h, w) seen in one pass, resampled bilinearly at the cells of the reference.

    Both grids are followed back to the photo, so the half-pixel rule holds whatever the sizes were rounded to.
    """
    height, width = (-(-side // stride) for side in reference.resized_size)
    if look == Pass(reference):
        return field[:, :height, :width]
    cells = np.zeros((max(height, width), 2))
    cells[:width, 0], cells[:height, 1] = cell_centres(width, stride), cell_centres(height, stride)
    x, y = look.letterbox.to_network(reference.to_image(cells)).T
    if look.mirrored:
        x = look.letterbox.resized_size[1] - 1 - x
    rows = _interpolation((y[:height] + 0.5) / stride - 0.5, field.shape[1])
    columns = _interpolation((x[:width] + 0.5) / stride - 0.5, field.shape[2])
    return np.asarray(rows @ field @ columns.T, np.float32)


def _interpolation(positions: npt.NDArray[np.float64], size: int) -> FloatArray:
    """(n, size) matrix that interpolates `size` values linearly at n positions, holding the ends beyond them."""
    positions = np.clip(positions, 0, size - 1)
    low = np.minimum(positions.astype(int), max(size - 2, 0))
    matrix = np.zeros((len(positions), size), np.float32)
    here = np.arange(len(positions))
    matrix[here, low] += 1 - (positions - low)
    matrix[here, np.minimum(low + 1, size - 1)] += positions - low
    return matrix
