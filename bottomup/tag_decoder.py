"""From heatmaps and tags (associative embeddings) to people: the path of `decode_fields`, with pairs from tags."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup._opencv import cv2
from bottomup.decoder import check_options, find_candidates, for_each_image
from bottomup.grouping import PersonJointGraph, build_graph, group
from bottomup.grouping.anthropometry import max_limb_lengths
from bottomup.grouping.match_by_tag import matched_people
from bottomup.grouping.tag_fragments import attach_by_tags
from bottomup.grouping.tag_links import tag_skeleton
from bottomup.grouping.to_people import to_people
from bottomup.kernels.field import Field, as_field, as_floats, check_finite, cpu_values, find_non_finite
from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.noise import score_bounded
from bottomup.kernels.peaks import Candidates, check_scale
from bottomup.kernels.tags import (
    TagField,
    TagPeople,
    as_tags,
    find_missing_joints,
    middle_of_tags,
    quarter_towards_higher,
    read_tags,
    score_tags,
)
from bottomup.people import People
from bottomup.pose_nms import pose_nms
from bottomup.settings import Settings, default_settings
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float32]

# Heatmaps hold values as far below 0, as a share of the highest one, only if cells that are no maxima were negated.
_NEGATED = 0.3


def decode_tags(
    heatmaps: Any, tags: Any, skeleton: Skeleton, *, stride: float, settings: Settings | None = None
) -> People | list[People]:
    """Group the joints that heatmaps show into people by their tags (associative embeddings, Newell et al., NIPS 2017).

    Peaks of the heatmaps are paired where their tags agree, with a tolerance that the picture tells (`score_tags`),
    and grouped by the same person-joint graph as `decode_fields` groups them. A person's missing joints are then sought
    where its tag shows, within the reach that the skeleton predicts (`find_missing_joints`). With
    `Settings(assignment="tags")` people are grouped as published decoders do (`match_by_tag`).

    Parameters
    ----------
    heatmaps:
        (K, h, w) or (B, K, h, w), float32, float16 or bfloat16, one channel per joint of the skeleton. Those of the
        Open Model Zoo's human-pose-estimation-0005 to 0007, in which all cells but the maxima are negated, are
        understood (in CPU memory).
    tags:
        (K, h, w); with several values a tag, as those of a picture and its mirror image, (K, D, h, w) or (K, h, w, D);
        or one of these for each image of a batch. Both may be in any memory order, NumPy arrays or CPU tensors, or live
        on a GPU.
    skeleton:
        Names the K joints; joints whose names the project knows have a reach.
    stride:
        Pixels per cell. Cell (r, c) is centred on pixel ((c + 0.5) stride - 0.5, (r + 0.5) stride - 0.5).
    settings:
        None for the defaults; `Settings.tags` and `Settings.matching` are for tags alone.

    Returns
    -------
    People in pixels of the network's input, best first; a list of them for a batch. A joint that a person has only
    by its tag scores the heatmap's value there; the people's scores do not count those.

    Raises
    ------
    TypeError
        If a field is not float32, float16 or bfloat16.
    ValueError
        If a shape does not fit the skeleton, a heatmap value or a tag that is read is not finite
        (`Settings(validate=True)` looks at all of them), or a peak is above `PeakOptions.max_heatmap_value`.
    """
    settings = default_settings() if settings is None else settings
    check_options(skeleton, stride, settings)
    first = _positive(as_field("heatmaps", heatmaps, skeleton.num_joints))
    second = as_tags(tags, first)
    if settings.validate and isinstance(second.field.values, np.ndarray):
        check_finite("tags", find_non_finite(second.field.values))
    if settings.assignment == "tags":
        people = _match(first, second, skeleton, stride, settings)
    else:
        people = _group(first, second, skeleton, stride, settings)
    if settings.nms:
        people = [pose_nms(one, options=settings.pose_nms) for one in people]
    return people[0] if first.single else people


def _positive(heatmaps: Field) -> Field:
    """The heatmaps with the cells that were negated for being no maxima as they were; those of a GPU as they are."""
    if not isinstance(heatmaps.values, np.ndarray) or not len(heatmaps.values):
        return heatmaps
    values = as_floats(heatmaps.values)
    lowest = float(values.min())
    if lowest >= 0 or not lowest < -_NEGATED * float(values.max()):  # NaN is found later, where it is
        return heatmaps
    return replace(heatmaps, values=np.abs(values))


def _group(heatmaps: Field, tags: TagField, skeleton: Skeleton, stride: float, settings: Settings) -> list[People]:
    """Peaks, pairs, graph and people of a batch, and their missing joints."""
    linked = tag_skeleton(skeleton)
    tolerances, read = np.zeros(0, np.float32), np.zeros((0, tags.depth), np.float32)

    def score(candidates: Candidates) -> LimbPairs:
        nonlocal tolerances, read
        counts = np.diff(candidates.offsets)
        kinds = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        read = read_tags(tags, kinds // candidates.joints, kinds % candidates.joints, candidates.xy)
        pairs, tolerances = score_tags(
            read, candidates, linked, skeleton_limbs=skeleton.num_limbs, longer_side=heatmaps.longer_side,
            options=settings.tags,
        )  # fmt: skip
        return pairs

    candidates = find_candidates(heatmaps, settings)
    check_scale(candidates, settings.peaks)
    candidates, pairs = score_bounded(
        candidates, linked, max_peaks=settings.peaks.max_noise_peaks,
        max_mean_pairs=settings.grouping.max_mean_pairs, score=score,
    )  # fmt: skip

    def group_one(image: int) -> PersonJointGraph:
        graph = build_graph(candidates, pairs, image, linked, settings)
        if settings.assignment != "sweep":
            group(graph)
            return graph
        graph.optimize()
        mine = slice(*candidates.offsets[[image * candidates.joints, (image + 1) * candidates.joints]].tolist())
        attach_by_tags(graph, read[mine], float(tolerances[image]))
        return graph

    graphs = for_each_image(group_one, candidates.batch, settings.threads)
    longest = heatmaps.longer_side
    people = [to_people(graph, stride, longest) for graph in graphs]
    return _complete(people, heatmaps, tags, tolerances, skeleton, stride, settings)


def _complete(
    people: list[People],
    heatmaps: Field,
    tags: TagField,
    tolerances: Floats,
    skeleton: Skeleton,
    stride: float,
    settings: Settings,
) -> list[People]:
    """The people of a batch in their own skeleton, with the missing joints that their tags show."""
    if not people:
        return []
    counts = [len(one) for one in people]
    images = np.repeat(np.arange(len(people), dtype=np.int32), counts)
    keypoints = np.concatenate([one.keypoints for one in people]).astype(np.float32)
    scores = np.concatenate([one.keypoint_scores for one in people]).astype(np.float32)
    cells = (keypoints + np.float32(0.5)) / np.float32(stride) - np.float32(0.5)
    owner, joint = (side.astype(np.int32) for side in np.nonzero(scores > 0))
    values = np.zeros((*scores.shape, tags.depth), np.float32)
    values[owner, joint] = read_tags(tags, images[owner], joint, cells[owner, joint])
    missing = TagPeople(images, cells, scores, values, tolerances[images])
    person, joint, places, found = find_missing_joints(
        heatmaps, tags, missing, skeleton, max_limb_lengths(skeleton), options=settings.tags, threads=settings.threads
    )
    clear, faint = (
        np.flatnonzero(side) for side in (found >= settings.peak_threshold, found < settings.peak_threshold)
    )
    at_clear = images[person[clear]], joint[clear], places[clear]
    places[clear] = quarter_towards_higher(heatmaps, *at_clear)
    # A faint one is no peak: the tag alone shows where it is.
    who = person[faint]
    weights = scores[who, :, None]
    wanted = (values[who] * weights).sum(axis=1) / weights.sum(axis=1)
    within = np.float32(settings.tags.search_tolerance) * tolerances[images[who]]
    places[faint] = middle_of_tags(tags, images[who], joint[faint], places[faint], wanted, within)
    sure = found >= settings.joint_threshold
    person, joint, places, found = person[sure], joint[sure], places[sure], found[sure]
    keypoints[person, joint] = (places + np.float32(0.5)) * np.float32(stride) - np.float32(0.5)
    scores[person, joint] = found
    traced = np.concatenate([one.traced for one in people])
    traced[person, joint] = True
    ends = np.cumsum(counts)[:-1]
    parts = zip(np.split(keypoints, ends), np.split(scores, ends), np.split(traced, ends), people, strict=True)
    return [
        People.unchecked(skeleton, xy.copy(), score.copy(), one.scores, traced=guess.copy())
        for xy, score, guess, one in parts
    ]


def _match(heatmaps: Field, tags: TagField, skeleton: Skeleton, stride: float, settings: Settings) -> list[People]:
    """The people of a batch, grouped as published decoders do."""
    heat, values = (as_floats(cpu_values(field)) for field in (heatmaps, tags.field))
    for name, array in (("heatmaps", heat), ("tags", values)):
        check_finite(name, find_non_finite(array))
    if settings.matching.enlarge:
        heat, values = (_enlarged(field, stride) for field in (heat, values))
        stride = 1.0
    batch, joints, *cells = heat.shape
    people = []
    for maps, embeddings in zip(heat, values.reshape(batch, joints, tags.depth, *cells), strict=True):
        poses, scores = matched_people(maps, embeddings, skeleton, settings.matching)
        order = np.argsort(-scores, kind="stable")
        pixels = (poses[order, :, :2] + 0.5) * stride - 0.5
        seen = poses[order, :, 2] > 0
        pixels = np.where(seen[..., None], pixels, np.nan).astype(np.float32)
        people.append(People(skeleton, pixels, poses[order, :, 2], scores[order]))
    return people


def _enlarged(field: Floats, stride: float) -> Floats:
    """(B, C, h, w) as large as the input, by bilinear interpolation with half-pixel centres."""
    height, width = (max(1, round(side * stride)) for side in field.shape[2:])
    planes = [
        cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)
        for plane in field.reshape(-1, *field.shape[2:])
    ]
    return np.asarray(planes, np.float32).reshape(*field.shape[:2], height, width)
