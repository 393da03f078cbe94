"""Parametric pose non-maximum suppression: of several poses of one person the best stays (RMPE).

Fang, Xie, Tai, Lu: "RMPE: regional multi-person pose estimation", ICCV 2017, arXiv:1612.00137, sec. 3.3. The decoder's
own people do not need it: no two of them hold the same candidate. People from several decoders, crops or networks do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bottomup.people import People
from bottomup.validation import Options, option

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class PoseNmsOptions(Options):
    """When a person is redundant beside a better one.

    `Settings.nms` is off: of the decoder's own people, who have no joint in common, hardly any are redundant, and in
    crowds some would be taken for it.
    """

    sigma1: float = option(0.1, "Scores well above this count as certain.", low=1e-6)
    sigma2: float = option(
        0.04, "Distance, as a share of the person's size, at which two joints are still alike.", low=1e-6
    )
    weight: float = option(1.0, "Of the distance term against the confidence term (RMPE's lambda).")
    threshold: float = option(
        0.5, "Similarity, 0..1, from which on a person is redundant (RMPE's eta). Above 1 none is."
    )
    radius: float = option(
        0.05,
        "Half the side of the square around a joint of the better person in which the other's joint is the same, as a "
        "share of the person's size; RMPE's tenth of the box.",
    )
    published: bool = option(
        False,
        "RMPE's similarity as published: a sum over the joints, distances in pixels, exp(-d^2 / sigma2) with sigma2 "
        "in square pixels, the box around a joint a tenth of the person's width and height.",
    )
    merge: bool = option(
        False, "Let the joints of redundant people move those of the better one, weighted by their scores."
    )


# What `fit_pose_nms` tries: the confidences and distances at which joints of one person and of two were seen to differ,
# each from where a term hardly tells anything to where it tells everything.
GRID: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {
        "sigma1": (0.05, 0.1, 0.2, 0.4, 0.8),
        "sigma2": (0.01, 0.02, 0.04, 0.08, 0.16),
        "weight": (0.0, 0.5, 1.0, 2.0, 4.0),
        "threshold": (0.2, 0.35, 0.5, 0.65, 0.8),
    }
)
MAX_OKS = 0.9
"""Poses more alike than this are of one person, as HRNet and Simple Baselines have it."""
BOX_AREA = 0.53
"""What a person covers, as a share of its box."""
_PAIRS = (("sigma1", "sigma2"), ("weight", "threshold"))


def pose_nms(people: People, *, options: PoseNmsOptions = PoseNmsOptions()) -> People:
    """Leave out people whom a better one makes redundant.

    The best person by score stays, everybody too similar to it goes, then the best of the rest stays, and so on.
    How similar person j is to the better person i is a mean over the joints n that j has, with weights 1 and `weight`,
    of two terms, so that it lies in 0..1:

        confidence  tanh(c_i^n / sigma1) tanh(c_j^n / sigma1) if the two are within the radius, else 0   (eq. 8)
        distance    exp(-(d^n)^2 / (2 sigma2^2))                                                         (eq. 9)

    RMPE sums over the joints and measures distances in pixels. Here they are shares of the size of person i, which is
    the longer side of the box around its joints, so that near and far people are treated alike, and a fragment of a
    few joints can be as redundant as a whole body. `PoseNmsOptions.published` has it as RMPE has it.

    Parameters
    ----------
    people:
        Of one picture, in any order.
    options:
        sigma1, sigma2, weight, threshold and radius; whether redundant people are merged into those who stay.

    Returns
    -------
    Those who stay, in their order. With `merge` a joint lies at the mean of those of all whom its person made
    redundant and who have it within the radius, weighted by the scores; their scores stay.

    Raises
    ------
    TypeError
        If people is no People.
    """
    if not isinstance(people, People):
        raise TypeError(f"people must be People but is a {type(people).__name__}")
    left = np.ones(len(people), bool)
    stays = np.zeros(len(people), bool)
    merged = people.keypoints.copy()
    for best in np.argsort(-people.scores, kind="stable"):
        if left[best]:
            stays[best] = True
            left[best] = False
            others = np.flatnonzero(left)
            left[others] = _similarity(people, int(best), others, options) < options.threshold
            if options.merge:
                merged[best] = _merged(people, int(best), others[~left[others]], options)
    kept = people[stays]
    return (
        kept
        if not options.merge
        else People(kept.skeleton, merged[stays], kept.keypoint_scores, kept.scores, kept.ids, kept.traced)
    )


def _similarity(people: People, best: int, others: npt.NDArray[np.int64], options: PoseNmsOptions) -> Floats:
    """(n,) how similar other people are to a better one, 0..1."""
    mine, theirs = people.keypoints[best].astype(np.float64), people.keypoints[others].astype(np.float64)
    seen = people.keypoint_scores[others] > 0
    both = seen & (people.keypoint_scores[best] > 0)
    if not both.any():
        return np.zeros(len(others))
    certain = np.tanh(people.keypoint_scores[[best]] / options.sigma1)
    certain = certain * np.tanh(people.keypoint_scores[others] / options.sigma1)
    if options.published:
        pixels = np.where(both[..., None], np.abs(theirs - mine), np.inf)
        near = (pixels <= _sides(people, best) / 20).all(axis=2)
        spatial = np.exp(-(pixels**2).sum(axis=2) / options.sigma2)
        summed: Floats = (certain * near + options.weight * spatial).sum(axis=1)
        return summed
    size = float(_sides(people, best).max())
    apart = np.where(both[..., None], np.abs(theirs - mine), np.inf) / size
    confidence = certain * (apart.max(axis=2) <= options.radius)
    distance = np.exp(-(apart**2).sum(axis=2) / (2 * options.sigma2**2))
    count = np.maximum(seen.sum(axis=1), 1)
    similarity: Floats = (confidence + options.weight * distance).sum(axis=1) / ((1 + options.weight) * count)
    return similarity


def _sides(people: People, person: int) -> Floats:
    """(2,) width and height of the box around a person's joints, at least a pixel: somebody may have one joint."""
    box = people.boxes[person].astype(np.float64)
    sides: Floats = np.maximum(box[2:] - box[:2], 1.0)
    return sides


def _merged(
    people: People, best: int, others: npt.NDArray[np.int64], options: PoseNmsOptions
) -> npt.NDArray[np.float32]:
    """(K, 2) the joints of a person and of those whom it makes redundant, at their means."""
    group = np.concatenate([[best], others])
    places = people.keypoints[group].astype(np.float64)
    reach = _sides(people, best) / 20 if options.published else options.radius * _sides(people, best).max()
    near = (np.abs(places - people.keypoints[best]) <= reach).all(axis=2)
    weights = np.where(near, people.keypoint_scores[group], 0.0)
    total = weights.sum(axis=0)[:, None]
    means = (np.where(weights[..., None] > 0, places, 0.0) * weights[..., None]).sum(axis=0) / np.maximum(total, 1e-12)
    return np.asarray(np.where(total > 0, means, people.keypoints[best]), np.float32)


def oks_nms(
    keypoints: Floats, keypoint_scores: Floats, boxes: Floats, sigmas: npt.ArrayLike, max_oks: float
) -> npt.NDArray[np.int64]:
    """Of poses that are more alike than `max_oks`, the best alone: what top-down methods do with redundant boxes.

    Papandreou et al., "Towards accurate multi-person pose estimation in the wild", CVPR 2017, sec. 3.2.2. Two poses are
    compared in the joints that both have, by their object keypoint similarity with the mean of both areas, 0.53 of
    their boxes. The better one has the higher mean of joint scores.

    Parameters
    ----------
    keypoints, keypoint_scores:
        (N, K, 2) pixels and (N, K), of one picture. A joint whose score is 0 is missing; its place is not read.
    boxes:
        (N, 4) xyxy, pixels.
    sigmas:
        (K,) of OKS.
    max_oks:
        0..1; 1 leaves all.

    Returns
    -------
    The indices of those who stay, rising.
    """
    seen = keypoint_scores > 0
    areas = BOX_AREA * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    left, kept = np.ones(len(boxes), bool), []
    for best in np.argsort(-keypoint_scores.mean(axis=1), kind="stable") if max_oks < 1 else range(len(boxes)):
        if not left[best]:
            continue
        kept.append(int(best))
        left[best] = False
        if max_oks < 1 and len(others := np.flatnonzero(left)):
            both = seen[others] & seen[best]
            alike = shared_oks(keypoints[others], keypoints[best], both, (areas[others] + areas[best]) / 2, sigmas)
            left[others] = (alike <= max_oks) | ~both.any(axis=1)
    return np.array(sorted(kept), np.int64)


def shared_oks(ones: npt.ArrayLike, others: npt.ArrayLike, both: Bools, areas: Floats, sigmas: npt.ArrayLike) -> Floats:
    """(N,) object keypoint similarity of poses (N, K, 2) in the joints that both have (N, K), 0 where they share none.

    areas: (N,) square pixels that the people cover; sigmas: (K,) of OKS.
    """
    apart = np.where(both[..., None], np.asarray(ones, np.float64) - np.asarray(others, np.float64), 0.0)
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2 * np.maximum(areas, 1.0)[:, None]
    alike = np.where(both, np.exp(-(apart**2).sum(axis=2) / (2 * variances)), 0.0)
    return np.asarray(alike.sum(axis=1) / np.maximum(both.sum(axis=1), 1))


def fit_pose_nms(
    people: Sequence[People],
    score: Callable[[list[People]], float],
    *,
    start: PoseNmsOptions = PoseNmsOptions(),
    grid: Mapping[str, Sequence[float]] = GRID,
) -> PoseNmsOptions:
    """Learn the options of `pose_nms` on labelled pictures.

    As in RMPE, two options at a time are searched exhaustively while the other two stay, in turns, until the score
    grows no more.

    Parameters
    ----------
    people:
        What was found in each picture, redundant people among them.
    score:
        How good the people of all pictures are that are left, higher is better: average precision, mostly.
    start:
        Where to begin.
    grid:
        The values to try of sigma1, sigma2, weight and threshold. An option that is not named stays as it is.

    Returns
    -------
    The best options. What scores no better than the start is the start.

    Raises
    ------
    ValueError
        If an option is unknown or its grid is empty.
    """
    for name, values in grid.items():
        if name not in GRID:
            raise ValueError(f"grid must name some of {list(GRID)} but has {name!r}")
        if not len(values):
            raise ValueError(f"grid must have values to try but has none for {name!r}")

    def quality(options: PoseNmsOptions) -> float:
        return score([pose_nms(one, options=options) for one in people])

    best, highest, grew = start, quality(start), True
    while grew:
        grew = False
        for pair in _PAIRS:
            for chosen in product(*(grid.get(name, (getattr(best, name),)) for name in pair)):
                trial = replace(best, **dict(zip(pair, chosen, strict=True)))
                if trial != best and (value := quality(trial)) > highest:
                    best, highest, grew = trial, value, True
    return best
