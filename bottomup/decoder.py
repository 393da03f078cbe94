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
from bottomup.grouping.proposals import adopt, check_proposal_lists
from bottomup.grouping.to_people import to_people
from bottomup.kernels import (
    Candidates,
    LimbPairs,
    TraceRule,
    find_peaks,
    find_peaks_and_limbs,
    score_limbs,
    trace_limbs,
)
from bottomup.kernels.arrays import check_field, check_finite, find_non_finite
from bottomup.kernels.gpu_arrays import is_on_gpu
from bottomup.people import People
from bottomup.pose_nms import pose_nms
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

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
        finite (`Settings(validate=True)` looks at all of them); or if a peak is above the settings'
        `highest_peak`, as in heatmaps that were not scaled to 0..1.
    """
    settings = Settings() if settings is None else settings
    _check(heatmaps, pafs, skeleton, stride, settings)
    _check_candidates(candidates, skeleton, 1 if len(heatmaps.shape) == 3 else heatmaps.shape[0])
    single = len(heatmaps.shape) == 3
    boxes = check_proposal_lists([proposals] if single else proposals, 1 if single else heatmaps.shape[0], single)
    people = decode_steps(heatmaps, pafs, skeleton, stride, settings, proposals=boxes, candidates=candidates)
    return people if len(heatmaps.shape) == 4 else people[0]


def decode_steps(
    heatmaps: Any,
    pafs: Any,
    skeleton: Skeleton,
    stride: float,
    settings: Settings,
    done: Callable[[str, Any], None] = lambda step, result: None,
    proposals: Sequence[npt.NDArray[np.float64] | None] = (),
    candidates: Candidates | None = None,
) -> list[People]:
    """What `decode_fields` does once its arguments are checked; the people of each image of a batch.

    `done` is told the name and result of each of `STEPS` as soon as it is finished.
    """
    if candidates is None and is_on_gpu(heatmaps) and is_on_gpu(pafs):  # in one go, timed as that of the peaks
        candidates, pairs = find_peaks_and_limbs(
            heatmaps, pafs, skeleton, peak_threshold=settings.peak_threshold, **_limb_rule(pafs, settings)
        )
        done("peaks", candidates)
    else:
        candidates = find_candidates(heatmaps, settings) if candidates is None else candidates
        done("peaks", candidates)
        pairs = find_pairs(pafs, candidates, skeleton, settings)
    _check_scale(candidates, settings)
    done("limbs", pairs)
    if settings.trace:
        candidates, pairs = add_limb_ends(pafs, candidates, pairs, skeleton, settings)
    done("traces", candidates)
    graphs = group_images(candidates, pairs, skeleton, settings)
    spoken_for: list[npt.NDArray[np.bool_] | None] = [None] * len(graphs)
    for image, boxes in enumerate(proposals):
        if boxes is not None:
            spoken_for[image] = adopt(graphs[image], (boxes + 0.5) / stride - 0.5)
    done("grouping", graphs)
    longest = max(heatmaps.shape[-2:])
    people = [to_people(graph, stride, longest, sure) for graph, sure in zip(graphs, spoken_for, strict=True)]
    if settings.nms:
        people = [leave_out_redundant(one, settings) for one in people]
    done("people", people)
    return people


def find_candidates(heatmaps: Any, settings: Settings) -> Candidates:
    """The joint candidates of a batch; see `find_peaks`."""
    return find_peaks(heatmaps, threshold=settings.peak_threshold, threads=settings.threads)


def find_pairs(pafs: Any, candidates: Candidates, skeleton: Skeleton, settings: Settings) -> LimbPairs:
    """The scored candidate pairs of a batch; see `score_limbs`."""
    return score_limbs(pafs, candidates, skeleton, **_limb_rule(pafs, settings))


def _limb_rule(pafs: Any, settings: Settings) -> dict[str, Any]:
    return {
        "threshold": settings.limb_threshold,
        "coverage": settings.limb_coverage,
        "sample_threshold": settings.sample_threshold,
        "max_length": settings.max_limb_length * max(pafs.shape[-2:]),
        "max_samples": settings.max_samples,
        "good": settings.limb_good,
        "response": settings.limb_response,
        "reach": settings.limb_reach,
        "span": settings.limb_span,
        "threads": settings.threads,
    }


def add_limb_ends(
    pafs: Any, candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton, settings: Settings
) -> tuple[Candidates, LimbPairs]:
    """Candidates and pairs together with the joints that only limbs show; see `trace_limbs`."""
    rule = TraceRule(
        response=settings.trace_response,
        weak=settings.trace_weak,
        sample=settings.trace_sample,
        sample_threshold=settings.sample_threshold,
        support=settings.trace_support,
        shortest=settings.trace_length,
        clear=settings.trace_clear,
        merge=settings.trace_merge,
        # Such a joint is as uncertain as the faintest peak.
        score=settings.peak_threshold,
        # Twice the longer side is beyond every limb, also where the setting is infinite.
        max_steps=int(min(settings.max_limb_length, 2.0) * max(pafs.shape[-2:])),
    )
    typical = typical_affinity(candidates, pairs, skeleton, settings).astype(np.float32)
    return trace_limbs(pafs, candidates, pairs, skeleton, typical, rule, threads=settings.threads)


def group_images(
    candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton, settings: Settings
) -> list[PersonJointGraph]:
    """The grouped person-joint graph of each image of a batch."""

    def one(image: int) -> PersonJointGraph:
        return group_image(candidates, pairs, image, skeleton, settings)

    workers = min(settings.threads, candidates.batch)
    if workers <= 1:
        return [one(image) for image in range(candidates.batch)]
    with ThreadPoolExecutor(workers) as pool:  # nearly all of it is compiled and leaves Python to the others
        return list(pool.map(one, range(candidates.batch)))


def group_image(
    candidates: Candidates, pairs: LimbPairs, image: int, skeleton: Skeleton, settings: Settings
) -> PersonJointGraph:
    """The grouped person-joint graph of one image of a batch."""
    graph = build_graph(candidates, pairs, image, skeleton, settings)
    group(graph)
    return graph


def _check(heatmaps: Any, pafs: Any, skeleton: Skeleton, stride: float, settings: Settings) -> None:
    if not isinstance(skeleton, Skeleton):
        by_name = ": get_skeleton finds a built-in one by its name" if isinstance(skeleton, str) else ""
        raise TypeError(f"skeleton must be a Skeleton but is a {type(skeleton).__name__}{by_name}")
    if not isinstance(settings, Settings):
        raise TypeError(f"settings must be a Settings but is a {type(settings).__name__}")
    if isinstance(stride, bool) or not isinstance(stride, numbers.Real):
        raise TypeError(f"stride must be a positive number of pixels but is {stride!r}")
    if not (math.isfinite(stride) and stride > 0):
        raise ValueError(f"stride must be a positive number of pixels but is {stride}")
    first = check_field("heatmaps", heatmaps, skeleton.num_joints)
    second = check_field("pafs", pafs, 2 * skeleton.num_limbs)
    if (
        len(heatmaps.shape) != len(pafs.shape)
        or first.shape[0] != second.shape[0]
        or first.shape[2:] != second.shape[2:]
    ):
        raise ValueError(
            f"heatmaps and pafs must have the same batch and size but have shapes {tuple(heatmaps.shape)} "
            f"and {tuple(pafs.shape)}"
        )
    if settings.validate and isinstance(second, np.ndarray):
        check_finite("pafs", find_non_finite(second))


def _check_scale(candidates: Candidates, settings: Settings) -> None:
    """ValueError if the peaks show that the heatmaps are on another scale than scores."""
    highest = float(candidates.scores.max(initial=0.0))
    if highest > settings.highest_peak:
        raise ValueError(
            f"heatmaps must be scores in 0..1, so neither logits nor 0..255, but have a peak of {highest:g} "
            f"(Settings.highest_peak is {settings.highest_peak:g})"
        )


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


def leave_out_redundant(people: People, settings: Settings) -> People:
    """Parametric pose NMS with the settings' parameters; see `pose_nms`."""
    return pose_nms(
        people,
        sigma1=settings.nms_sigma1,
        sigma2=settings.nms_sigma2,
        weight=settings.nms_weight,
        threshold=settings.nms_threshold,
        radius=settings.nms_radius,
    )
