"""Associative embeddings in plain NumPy; see `bottomup.kernels.tags`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from bottomup.kernels.field import Field, as_floats, check_finite, cpu_values
from bottomup.kernels.limbs import LimbPairs
from bottomup.kernels.options import TagOptions
from bottomup.kernels.peaks import Candidates
from bottomup.kernels.tags import TagField, TagPeople
from bottomup.skeleton import Skeleton

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]

_NEAREST = np.float32(2.0)
_LEAST_WEIGHT = np.float32(0.3)
_OWN_TAG = np.float32(2.0)


def _values(tags: TagField) -> Floats:
    """(B, K, D, h, w)."""
    field = as_floats(cpu_values(tags.field))
    batch, channels, height, width = field.shape
    return field.reshape(batch, channels // tags.depth, tags.depth, height, width)


def read_tags(tags: TagField, images: Ints, joints: Ints, xy: Floats) -> Floats:
    """The tags of joints; see `bottomup.kernels.read_tags`."""
    values = _values(tags)
    size = np.array([values.shape[4], values.shape[3]])
    cells = np.clip(np.floor(xy + np.float32(0.5)), 0, size - 1).astype(int)
    read = values[images, joints, :, cells[:, 1], cells[:, 0]]
    for n, d in zip(*np.nonzero(~np.isfinite(read)), strict=True):
        check_finite("tags", (int(images[n]), int(joints[n]) * tags.depth + int(d), int(cells[n, 1]), int(cells[n, 0])))
    return read


def score_tags(
    tags: Floats,
    candidates: Candidates,
    skeleton: Skeleton,
    *,
    skeleton_limbs: int | None = None,
    longer_side: float = np.inf,
    options: TagOptions = TagOptions(),
) -> tuple[LimbPairs, Floats]:
    """Pair the candidates whose tags agree; see `bottomup.kernels.score_tags`."""
    own = skeleton.num_limbs if skeleton_limbs is None else skeleton_limbs
    offsets, tolerances = [0], []
    rows: list[tuple[int, int, float]] = []
    for image in range(candidates.batch):
        tolerance = _tolerance(tags, candidates, skeleton.limbs[:own], image, options)
        tolerances.append(tolerance)
        for limb in skeleton.limbs:
            rows += _pairs(tags, candidates, limb, image, tolerance, longer_side, options)
            offsets.append(len(rows))
    first, second, score = (np.array([row[n] for row in rows]) for n in range(3))
    pairs = LimbPairs(
        np.array(offsets, np.int64), first.astype(np.int32), second.astype(np.int32), score.astype(np.float32)
    )
    return pairs, np.array(tolerances, np.float32)


def _of_type(candidates: Candidates, image: int, joint: int) -> npt.NDArray[np.int64]:
    place = image * candidates.joints + joint
    return np.arange(candidates.offsets[place], candidates.offsets[place + 1])


def _distances(tags: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Floats:
    apart = tags[first][:, None] - tags[second][None]
    with np.errstate(over="ignore"):  # infinitely far apart
        distances: Floats = np.sqrt(np.square(apart).sum(axis=2, dtype=np.float32))
    return distances


def _clear(candidates: Candidates, image: int, options: TagOptions) -> npt.NDArray[np.bool_]:
    """(n,) which candidates of all images are clear, as far as those of one image are concerned."""
    joints = candidates.joints
    mine = candidates.scores[candidates.offsets[image * joints] : candidates.offsets[(image + 1) * joints]]
    clear: npt.NDArray[np.bool_] = candidates.scores >= min(np.float32(options.clear_response), mine.max(initial=0) / 2)
    return clear


def _tolerance(
    tags: Floats, candidates: Candidates, limbs: tuple[tuple[int, int], ...], image: int, options: TagOptions
) -> np.float32:
    clear = _clear(candidates, image, options)
    found: list[np.float32] = []
    for a, b in limbs:
        first, second = (_of_type(candidates, image, joint) for joint in (a, b))
        first, second = first[clear[first]], second[clear[second]]
        if not (len(first) and len(second)):
            continue
        distances = _distances(tags, first, second)
        there, back = distances.argmin(axis=1), distances.argmin(axis=0)
        mutual = np.flatnonzero(back[there] == np.arange(len(first)))
        nearest = distances[mutual, there[mutual]]
        found += list(nearest[np.isfinite(nearest)])
    median = sorted(found)[(len(found) - 1) // 2] if found else np.float32(0)
    with np.errstate(over="ignore"):
        most = min(np.float32(options.tolerance_factor) * median, np.float32(options.max_tolerance))
    return np.float32(max(most, np.float32(options.min_tolerance)))


def _pairs(
    tags: Floats,
    candidates: Candidates,
    limb: tuple[int, int],
    image: int,
    tolerance: np.float32,
    longer_side: float,
    options: TagOptions,
) -> list[tuple[int, int, float]]:
    first, second = (_of_type(candidates, image, joint) for joint in limb)
    if not (len(first) and len(second)):
        return []
    with np.errstate(over="ignore"):
        agreement = np.exp(np.float32(-0.5) * np.square(_distances(tags, first, second) / tolerance))
    apart = candidates.xy[first][:, None] - candidates.xy[second][None]
    length = np.sqrt(np.square(apart).sum(axis=2, dtype=np.float32))
    clear = _clear(candidates, image, options)
    pairs = clear[first][:, None] | clear[second][None]
    pairs &= (agreement >= options.min_agreement) & (length <= options.max_limb_length * longer_side)
    length = np.where(pairs, np.maximum(length, _NEAREST), np.float32(np.inf))
    least = np.minimum(length.min(axis=1)[:, None], length.min(axis=0)[None])
    i, j = np.nonzero(pairs)
    weight = np.maximum(1 - np.float32(options.distance_weight) * np.log(length[i, j] / least[i, j]), _LEAST_WEIGHT)
    score = agreement[i, j] * np.where(length[i, j] > least[i, j], weight, 1)
    return list(zip(first[i].tolist(), second[j].tolist(), score.tolist(), strict=True))


def find_missing_joints(
    heatmaps: Field,
    tags: TagField,
    people: TagPeople,
    skeleton: Skeleton,
    lengths: Floats,
    *,
    options: TagOptions = TagOptions(),
    threads: int = 1,
) -> tuple[Ints, Ints, Floats, Floats]:
    """Find joints that only tags show; see `bottomup.kernels.find_missing_joints`."""
    del threads
    heat, values = as_floats(cpu_values(heatmaps)), _values(tags)
    means = _mean_tags(people)
    rows: list[tuple[int, int, float, float, float]] = []
    for person, image in enumerate(people.images.tolist()):
        held = np.flatnonzero(people.scores[person] > 0)
        xy = people.xy[person, held].astype(np.float64)
        wide = max((float(np.hypot(*(a - b))) for a in xy for b in xy), default=0.0)
        if wide == 0:
            continue
        height = _height(people, person, skeleton, lengths)
        within = np.float32(options.search_tolerance) * people.tolerances[person]
        others = (people.images == image) & (people.scores > 0).any(axis=1) & (np.arange(len(means)) != person)
        apart = np.sqrt(np.square(means[others] - means[person]).sum(axis=1))
        own_tag = bool((apart > _OWN_TAG * people.tolerances[person]).all())
        for joint in np.flatnonzero(people.scores[person] <= 0):
            share = np.nan_to_num(lengths[held, joint])
            reach = options.search_reach * np.where((share > 0) & (height > 0), share * height, wide)
            maps = heat[image, joint], values[image, joint]
            found = _highest(*maps, means[person], within, xy, reach, options.min_response)
            if own_tag and options.far_reach > 0 and (found is None or found[2] < options.clear_response):
                reach = reach + options.far_reach * (height or wide)
                found = _highest(*maps, means[person], within, xy, reach, options.clear_response) or found
            if found is not None:
                rows.append((person, int(joint), *found))
    table = np.array(rows, np.float32).reshape(-1, 5)
    return (
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2:4].copy(), table[:, 4].copy()
    )  # fmt: skip


def _mean_tags(people: TagPeople) -> Floats:
    """(P, D) of each person's joints, weighted by their scores; 0 for a person of none."""
    weights = np.maximum(people.scores, 0).astype(np.float64)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    tags = np.where(weights[..., None] > 0, people.tags, 0.0)
    return np.asarray((tags * weights[..., None]).sum(axis=1) / total[:, None], np.float32)


def _height(people: TagPeople, person: int, skeleton: Skeleton, lengths: Floats) -> float:
    """As limbs tell it: the longest for its kind, of three or more the second longest; 0 if none of known length is
    there."""
    xy, scores = people.xy[person].astype(np.float64), people.scores[person]
    known = [(a, b) for a, b in skeleton.limbs if scores[a] > 0 < scores[b] and lengths[a, b] > 0]
    heights = sorted(float(np.hypot(*(xy[a] - xy[b])) / lengths[a, b]) for a, b in known)
    return heights[-2] if len(heights) > 2 else heights[-1] if heights else 0.0


def _highest(
    heat: Floats, values: Floats, mean: Floats, within: np.float32, held: npt.NDArray[np.float64],
    reach: npt.NDArray[np.float64], least: float,
) -> tuple[float, float, float] | None:  # fmt: skip
    """Column, row and height of the highest cell from `least` on within reach of all held places whose tag agrees."""
    size = np.array([heat.shape[1], heat.shape[0]])
    low = np.ceil(np.maximum((held - reach[:, None]).max(axis=0), 0)).astype(int)
    high = np.floor(np.minimum((held + reach[:, None]).min(axis=0), size - 1)).astype(int)
    if (low > high).any():
        return None
    window = (slice(low[1], high[1] + 1), slice(low[0], high[0] + 1))
    scores = heat[window]
    apart = np.square(values[(slice(None), *window)] - mean[:, None, None]).sum(axis=0)
    right = (scores >= least) & np.isfinite(scores) & (apart <= within * within)
    best = np.where(right, scores, 0)
    row, column = np.unravel_index(int(best.argmax()), best.shape)
    return (float(low[0] + column), float(low[1] + row), float(best[row, column])) if best[row, column] > 0 else None
