"""The reference implementation of bottomup/kernels/limb_tracing.py, one limb at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bottomup.kernels.field import as_floats, check_finite, cpu_values
from bottomup.kernels.limbs import LimbPairs, check_limb_call
from bottomup.kernels.options import PEAK_THRESHOLD, LimbOptions, TraceOptions
from bottomup.kernels.peaks import Candidates
from bottomup.kernels.reference.limbs import bilinear
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float32]

# The same as kTraceGap in csrc/limb_tracing.h and kOvershoot in csrc/cpu/limb_tracing.cpp.
_GAP, _OVERSHOOT = 2, np.float32(0.5)


class LimbEnds(NamedTuple):
    """Joints at which traces end, and the pairs that they are part of.

    types (m,) counts image * K + joint; xy (m, 2) in cells; scores, extents (m,); limbs (t,) counts image * L + limb;
    first, second (t,) index the candidates, from their number on these joints; affinities (t,).
    """

    types: npt.NDArray[np.int32]
    xy: Floats
    scores: Floats
    extents: Floats
    limbs: npt.NDArray[np.int32]
    first: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]
    affinities: Floats


def insert_ends(candidates: Candidates, pairs: LimbPairs, ends: LimbEnds) -> tuple[Candidates, LimbPairs]:
    """Candidates and pairs with those of `ends`, sorted as they were; in plain NumPy."""
    if not len(ends.types):
        return candidates, pairs
    types = np.concatenate([np.repeat(np.arange(len(candidates.offsets) - 1), np.diff(candidates.offsets)), ends.types])
    scores = np.concatenate([candidates.scores, ends.scores])
    order = np.lexsort((-scores, types))
    number = np.empty(len(order), np.int32)
    number[order] = np.arange(len(order), dtype=np.int32)
    more = Candidates(
        candidates.batch,
        candidates.joints,
        _offsets(types, len(candidates.offsets)),
        np.concatenate([candidates.xy, ends.xy])[order],
        scores[order],
        np.concatenate([candidates.extents, ends.extents])[order],
    )
    limbs = np.concatenate([np.repeat(np.arange(len(pairs.offsets) - 1), np.diff(pairs.offsets)), ends.limbs])
    first = number[np.concatenate([pairs.first, ends.first])]
    second = number[np.concatenate([pairs.second, ends.second])]
    order = np.lexsort((second, first, limbs))
    affinities = np.concatenate([pairs.scores, ends.affinities])
    return more, LimbPairs(_offsets(limbs, len(pairs.offsets)), first[order], second[order], affinities[order])


def _offsets(group: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.bincount(group, minlength=count - 1))]).astype(np.int64)


def trace_limbs(
    pafs: Any,
    candidates: Candidates,
    pairs: LimbPairs,
    skeleton: Skeleton,
    typical: Floats,
    *,
    score: float = PEAK_THRESHOLD,
    limbs: LimbOptions = LimbOptions(),
    options: TraceOptions = TraceOptions(),
) -> tuple[Candidates, LimbPairs]:
    """See `bottomup.kernels.trace_limbs`; the fields must be in CPU memory."""
    field = cpu_values(check_limb_call(pafs, candidates, skeleton))
    max_steps = int(min(limbs.max_limb_length, 2.0) * max(field.shape[2:]))
    joints: list[tuple[int, Floats, float, float]] = []
    links: list[tuple[int, int, int, float]] = []
    for image in range(candidates.batch):
        ends: list[_End] = []
        for start in _starts(candidates, pairs, skeleton, image, options, float(typical[image])):
            paf = as_floats(field[image, 2 * start.limb : 2 * start.limb + 2])
            threshold = max(np.float32(options.min_sample) * typical[image], np.float32(limbs.sample_threshold))
            trace = _walk(paf, candidates.xy[start.candidate], start.sign, threshold, max_steps)
            if trace is None:
                check_finite("pafs", (image, 2 * start.limb, -1, -1))
            else:
                ends += _end(candidates, image, start, *trace, options, float(typical[image]))
        for group in _merge(ends, options.merge_radius * _unit(candidates, image, options)):
            index = len(candidates) + len(joints)
            weight = np.array([end.support for end in group])
            place = (weight[:, None] * np.array([end.xy for end in group])).sum(axis=0) / weight.sum()
            strength = score * min(float(weight.max()) / float(typical[image]), 1.0)
            kind = image * candidates.joints + group[0].joint
            joints.append((kind, place.astype(np.float32), strength, _unit(candidates, image, options)))
            for end in group:
                own = end.start.candidate
                a, b = (own, index) if end.start.sign > 0 else (index, own)
                links.append((image * skeleton.num_limbs + end.start.limb, a, b, end.support))
    types, xy, scores, extents = zip(*joints, strict=True) if joints else ((), np.zeros((0, 2)), (), ())
    limb, first, second, affinity = zip(*links, strict=True) if links else ((), (), (), ())
    return insert_ends(
        candidates,
        pairs,
        LimbEnds(
            np.array(types, np.int32),
            np.array(xy, np.float32),
            np.array(scores, np.float32),
            np.array(extents, np.float32),
            np.array(limb, np.int32),
            np.array(first, np.int32),
            np.array(second, np.int32),
            np.array(affinity, np.float32),
        ),
    )


class _Start(NamedTuple):
    candidate: int
    limb: int
    sign: int  # 1 from where the limb leaves, -1 from where it ends
    joint: int  # at the other end


class _End(NamedTuple):
    start: _Start
    joint: int
    xy: Floats
    support: float


def _members(candidates: Candidates, image: int, joint: int) -> slice:
    return slice(*map(int, candidates.offsets[image * candidates.joints + joint :][:2]))


def _unit(candidates: Candidates, image: int, options: TraceOptions) -> float:
    """Median width of the joints that are seen well (the lower of two in the middle)."""
    mine = slice(*map(int, candidates.offsets[[image * candidates.joints, (image + 1) * candidates.joints]]))
    seen = np.sort(candidates.extents[mine][candidates.scores[mine] >= np.float32(options.min_response)])
    return float(seen[(len(seen) - 1) // 2]) if len(seen) else 0.0


def _starts(
    candidates: Candidates, pairs: LimbPairs, skeleton: Skeleton, image: int, options: TraceOptions, typical: float
) -> Iterator[_Start]:
    for limb, ends in enumerate(skeleton.limbs):
        block = slice(*map(int, pairs.offsets[image * skeleton.num_limbs + limb :][:2]))
        for end, own in enumerate((pairs.first[block], pairs.second[block])):
            mine = _members(candidates, image, ends[end])
            for i in range(mine.start, mine.stop):
                best = pairs.scores[block][own == i].max(initial=-np.inf)
                if candidates.scores[i] >= np.float32(options.min_response) and best < np.float32(
                    options.max_pair_affinity * typical
                ):
                    yield _Start(i, limb, 1 - 2 * end, ends[1 - end])


@np.errstate(over="ignore", invalid="ignore")
def _walk(
    paf: Floats, start: Floats, sign: int, threshold: np.float32, max_steps: int
) -> tuple[Floats, float, int] | None:
    """Where a limb ends, its support and its length in steps; None if the field is not finite there."""
    height, width = paf.shape[1:]
    xy, end, steps, missed, total = start.copy(), start, 0, 0, np.float32(0)
    run = sign * bilinear(paf, xy[:1], xy[1:])[:, 0]
    if not np.isfinite(_norm(run)):
        return None
    if not _norm(run) > threshold:
        return end, 0.0, 0
    for step in range(1, max_steps + 1):
        unit = run / _norm(run)
        xy = xy + unit
        if not (np.all(xy >= 0) and xy[0] <= width - 1 and xy[1] <= height - 1):
            break
        value = sign * bilinear(paf, xy[:1], xy[1:])[:, 0]
        along = value[0] * unit[0] + value[1] * unit[1]
        if not np.isfinite(along):
            return None
        if along > threshold:
            total, run, end, steps, missed = total + along, run + value, xy, step, 0
        else:
            missed += 1
            if missed == _GAP:
                break
    support = float(total / max(steps, 1))
    return (end, support, steps) if np.isfinite(support) else None


def _norm(vector: Floats) -> np.float32:
    norm: np.float32 = np.sqrt(vector[0] * vector[0] + vector[1] * vector[1])
    return norm


def _end(
    candidates: Candidates,
    image: int,
    start: _Start,
    xy: Floats,
    support: float,
    steps: int,
    options: TraceOptions,
    typical: float,
) -> list[_End]:
    """The joint at a trace's end, none if the trace is too short or faint or ends at a candidate."""
    unit = _unit(candidates, image, options)
    if steps == 0 or steps < options.min_length * unit or support < options.min_support * typical:
        return []
    way = xy - candidates.xy[start.candidate]
    length = np.hypot(*way)
    # Fields are drawn a little beyond a limb's ends.
    xy = xy - (min(_OVERSHOOT * unit / length, 1.0) * way if length > 0 else 0)
    mine = _members(candidates, image, start.joint)
    near = (
        np.where(candidates.scores[mine] >= np.float32(options.min_response), options.clearance, options.clearance / 2)
        * unit
    )
    if (np.hypot(*(candidates.xy[mine] - xy).T) < near).any():
        return []
    return [_End(start, start.joint, xy, support)]


def _merge(ends: list[_End], radius: float) -> list[list[_End]]:
    """Ends of one type within a radius of the mean of those before them are one group."""
    groups: list[list[_End]] = []
    for end in ends:
        for group in groups:
            weight = np.array([one.support for one in group])
            mean = (weight[:, None] * np.array([one.xy for one in group])).sum(axis=0) / weight.sum()
            if group[0].joint == end.joint and np.hypot(*(mean - end.xy)) < radius:
                group.append(end)
                break
        else:
            groups.append([end])
    return groups
