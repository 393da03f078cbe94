"""From fields to people: peaks, limbs, grouping."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup.grouping import PersonJointGraph, build_graph, group
from bottomup.grouping.build import typical_affinity
from bottomup.grouping.proposals import apply_proposals, check_proposal_lists
from bottomup.grouping.to_people import to_people
from bottomup.kernels.field import Field, as_field, check_finite, find_non_finite
from bottomup.kernels.fused import find_peaks_and_limbs
from bottomup.kernels.limb_tracing import trace_limbs
from bottomup.kernels.limbs import LimbPairs, score_limbs
from bottomup.kernels.peaks import Candidates, check_scale, find_peaks
from bottomup.people import People
from bottomup.pose_nms import pose_nms
from bottomup.settings import Settings, default_settings
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float64]

STEPS = ("peaks", "limbs", "traces", "grouping", "people")


def decode_fields(
    heatmaps: Any,
    pafs: Any,
    skeleton: Skeleton,
    *,
    stride: float,
    settings: Settings | None = None,
    proposals: Any = None,
    candidates: Candidates | None = None,
) -> People | list[People]:
    """Group the joints that a network's fields show into people.

    Parameters
    ----------
    heatmaps:
        (K, h, w) or (B, K, h, w), float32, float16 or bfloat16, 0..1, one channel per joint of the skeleton (no
        background).
    pafs:
        (2L, h, w) or (B, 2L, h, w), channels 2l and 2l+1 the x and y of the unit vector along limb l.
        Both may be in any memory order, NumPy arrays or CPU tensors, or live on a GPU.
    skeleton:
        Names the K joints and L limbs.
    stride:
        Pixels per cell. Cell (r, c) is centred on pixel ((c + 0.5) stride - 0.5, (r + 0.5) stride - 0.5).
    settings:
        None for the defaults.
    proposals:
        Boxes of people from elsewhere, (N, 4) floats x0, y0, x1, y1 in pixels of the network's input, or None; for a
        batch a list of one or the other for each image. They help where the fields leave in doubt that somebody is
        there or that fragments belong together; a wrong or redundant one changes nothing. See
        `bottomup.grouping.proposals`.
    candidates:
        Joint candidates of the same images, in cells, to take in place of the heatmaps' peaks.

    Returns
    -------
    People in pixels of the network's input, best first; a list of them for a batch.

    Raises
    ------
    TypeError
        If a field is not float32, float16 or bfloat16.
    ValueError
        If a shape does not fit the skeleton, a heatmap value is not finite, or a paf value that was sampled is not
        finite (`Settings(validate=True)` looks at all of them); or if a peak is above `PeakOptions.max_heatmap_value`,
        as in heatmaps that were not scaled to 0..1.

    Warns RuntimeWarning if the fields look like noise and only their highest peaks are kept
    (`PeakOptions.max_noise_peaks`).
    """
    settings = default_settings() if settings is None else settings
    check_options(skeleton, stride, settings)
    if settings.assignment == "tags":
        raise ValueError('assignment must not be "tags" for part affinity fields: see decode_tags')
    first = as_field("heatmaps", heatmaps, skeleton.num_joints)
    second = as_field("pafs", pafs, 2 * skeleton.num_limbs)
    _check_fields(first, second, settings)
    images = first.shape[0]
    _check_candidates(candidates, skeleton, images)
    boxes = check_proposal_lists([proposals] if first.single else proposals, images, first.single)
    people = decode_steps(first, second, skeleton, stride, settings, proposals=boxes, candidates=candidates)
    return people[0] if first.single else people


def decode_steps(
    heatmaps: Field,
    pafs: Field,
    skeleton: Skeleton,
    stride: float,
    settings: Settings,
    done: Callable[[str, Any], None] = lambda step, result: None,
    proposals: Sequence[Floats | None] = (),
    candidates: Candidates | None = None,
) -> list[People]:
    """What `decode_fields` does once its arguments are checked; the people of each image of a batch.

    `done` is told the name and result of each of `STEPS` as soon as it is finished.
    """
    if candidates is None:
        candidates, pairs = find_peaks_and_limbs(
            heatmaps,
            pafs,
            skeleton,
            peak_threshold=settings.peak_threshold,
            limb_threshold=settings.limb_threshold,
            peaks=settings.peaks,
            limbs=settings.limbs,
            max_mean_pairs=settings.grouping.max_mean_pairs,
            threads=settings.threads,
            found=lambda peaks: done("peaks", peaks),
        )
    else:
        done("peaks", candidates)
        pairs = find_pairs(pafs, candidates, skeleton, settings)
    check_scale(candidates, settings.peaks)
    done("limbs", pairs)
    typical = typical_affinity(candidates, pairs, skeleton, settings)
    if settings.trace:
        candidates, pairs, typical = add_limb_ends(pafs, candidates, pairs, typical, skeleton, settings)
    done("traces", candidates)
    graphs = group_images(candidates, pairs, typical, skeleton, settings)
    proposed: list[npt.NDArray[np.bool_] | None] = [None] * len(graphs)
    for image, boxes in enumerate(proposals):
        if boxes is not None:
            proposed[image] = apply_proposals(graphs[image], (boxes + 0.5) / stride - 0.5)
    done("grouping", graphs)
    longest = heatmaps.longer_side
    people = [to_people(graph, stride, longest, flags) for graph, flags in zip(graphs, proposed, strict=True)]
    if settings.nms:
        people = [pose_nms(one, options=settings.pose_nms) for one in people]
    done("people", people)
    return people


def find_candidates(heatmaps: Any, settings: Settings) -> Candidates:
    """The joint candidates of a batch; see `find_peaks`."""
    return find_peaks(heatmaps, threshold=settings.peak_threshold, options=settings.peaks, threads=settings.threads)


def find_pairs(pafs: Any, candidates: Candidates, skeleton: Skeleton, settings: Settings) -> LimbPairs:
    """The scored candidate pairs of a batch; see `score_limbs`."""
    return score_limbs(
        pafs,
        candidates,
        skeleton,
        threshold=settings.limb_threshold,
        options=settings.limbs,
        threads=settings.threads,
    )


def add_limb_ends(
    pafs: Any, candidates: Candidates, pairs: LimbPairs, typical: Floats, skeleton: Skeleton, settings: Settings
) -> tuple[Candidates, LimbPairs, Floats]:
    """Candidates and pairs together with the joints that only limbs show, and the typical affinity of all of these."""
    traced, more = trace_limbs(
        pafs,
        candidates,
        pairs,
        skeleton,
        typical.astype(np.float32),
        score=settings.peak_threshold,
        limbs=settings.limbs,
        options=settings.traces,
        threads=settings.threads,
    )
    return traced, more, typical if more is pairs else typical_affinity(traced, more, skeleton, settings)


def group_images(
    candidates: Candidates, pairs: LimbPairs, typical: Floats, skeleton: Skeleton, settings: Settings
) -> list[PersonJointGraph]:
    """The grouped person-joint graph of each image of a batch."""

    def one(image: int) -> PersonJointGraph:
        return group_image(candidates, pairs, image, float(typical[image]), skeleton, settings)

    return for_each_image(one, candidates.batch, settings.threads)


def for_each_image(group_one: Callable[[int], PersonJointGraph], images: int, threads: int) -> list[PersonJointGraph]:
    """The graphs of a batch, on so many threads."""
    workers = min(threads, images)
    if workers <= 1:
        return [group_one(image) for image in range(images)]
    with ThreadPoolExecutor(workers) as pool:  # nearly all of it is compiled and leaves Python to the others
        return list(pool.map(group_one, range(images)))


def group_image(
    candidates: Candidates, pairs: LimbPairs, image: int, typical: float, skeleton: Skeleton, settings: Settings
) -> PersonJointGraph:
    """The grouped person-joint graph of one image of a batch."""
    graph = build_graph(candidates, pairs, image, skeleton, settings, typical)
    group(graph)
    return graph


def check_options(skeleton: Skeleton, stride: float, settings: Settings) -> None:
    """TypeError or ValueError if one of them is none."""
    if not isinstance(skeleton, Skeleton):
        by_name = ": get_skeleton finds a built-in one by its name" if isinstance(skeleton, str) else ""
        raise TypeError(f"skeleton must be a Skeleton but is a {type(skeleton).__name__}{by_name}")
    if not isinstance(settings, Settings):
        raise TypeError(f"settings must be a Settings but is a {type(settings).__name__}")
    if isinstance(stride, bool) or not isinstance(stride, numbers.Real):
        raise TypeError(f"stride must be a positive number of pixels but is {stride!r}")
    if not (math.isfinite(stride) and stride > 0):
        raise ValueError(f"stride must be a positive number of pixels but is {stride}")


def _check_fields(heatmaps: Field, pafs: Field, settings: Settings) -> None:
    alike = heatmaps.single == pafs.single and heatmaps.shape[0] == pafs.shape[0]
    if not alike or heatmaps.shape[2:] != pafs.shape[2:]:
        shapes = [one.shape[1:] if one.single else one.shape for one in (heatmaps, pafs)]
        raise ValueError(
            f"heatmaps and pafs must have the same batch and size but have shapes {shapes[0]} and {shapes[1]}"
        )
    if settings.validate and isinstance(pafs.values, np.ndarray):
        check_finite("pafs", find_non_finite(pafs.values))


def _check_candidates(candidates: Candidates | None, skeleton: Skeleton, images: int) -> None:
    if candidates is None:
        return
    if not isinstance(candidates, Candidates):
        raise TypeError(f"candidates must be Candidates but is a {type(candidates).__name__}")
    if (candidates.batch, candidates.joints) != (images, skeleton.num_joints):
        raise ValueError(
            f"candidates must be of {images} images and {skeleton.num_joints} joints but are of {candidates.batch} "
            f"and {candidates.joints}"
        )
