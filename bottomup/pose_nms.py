"""Parametric pose non-maximum suppression: of several poses of one person the best stays (RMPE).

Fang, Xie, Tai, Lu: "RMPE: regional multi-person pose estimation", ICCV 2017, arXiv:1612.00137, sec. 3.3. The decoder's
own people do not need it: no two of them hold the same candidate. People from several decoders, crops or networks do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from bottomup.people import People
from bottomup.settings import Settings

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

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
_PAIRS = (("sigma1", "sigma2"), ("weight", "threshold"))


def pose_nms(
    people: People,
    *,
    sigma1: float = Settings.nms_sigma1,
    sigma2: float = Settings.nms_sigma2,
    weight: float = Settings.nms_weight,
    threshold: float = Settings.nms_threshold,
    radius: float = Settings.nms_radius,
) -> People:
    """Leave out people whom a better one makes redundant.

    The best person by score stays, everybody too similar to it goes, then the best of the rest stays, and so on.
    How similar person j is to the better person i is a mean over the joints n that j has, with weights 1 and `weight`,
    of two terms, so that it lies in 0..1:

        confidence  tanh(c_i^n / sigma1) tanh(c_j^n / sigma1) if the two are within the radius, else 0   (eq. 8)
        distance    exp(-(d^n)^2 / (2 sigma2^2))                                                         (eq. 9)

    RMPE sums over the joints and measures distances in pixels. Here they are shares of the size of person i, which is
    the longer side of the box around its joints, so that near and far people are treated alike, and a fragment of a
    few joints can be as redundant as a whole body.

    Parameters
    ----------
    people:
        Of one picture, in any order.
    sigma1:
        Scores well above this count as certain.
    sigma2:
        Distance, as a share of the person's size, at which two joints are still alike.
    weight:
        Of the distance term against the confidence term (lambda).
    threshold:
        Similarity, 0..1, from which on a person is redundant (eta). Above 1 nobody is.
    radius:
        Half the side of the square around a joint of i in which j's joint is the same, as a share of the size.

    Returns
    -------
    Those who stay, in their order.

    Raises
    ------
    TypeError
        If people is no People.
    ValueError
        If a parameter is not finite, is negative, or is 0 where it divides.
    """
    if not isinstance(people, People):
        raise TypeError(f"people must be People but is a {type(people).__name__}")
    _check(sigma1=sigma1, sigma2=sigma2, weight=weight, threshold=threshold, radius=radius)
    left = np.ones(len(people), bool)
    stays = np.zeros(len(people), bool)
    for best in np.argsort(-people.scores, kind="stable"):
        if left[best]:
            stays[best] = True
            left[best] = False
            others = np.flatnonzero(left)
            left[others] = _similarity(people, int(best), others, sigma1, sigma2, weight, radius) < threshold
    return people[stays]


def _check(**values: float) -> None:
    for name, value in values.items():
        positive = name in ("sigma1", "sigma2")
        if not (np.isfinite(value) and (value > 0 if positive else value >= 0)):
            wanted = "finite and positive" if positive else "finite and at least 0"
            raise ValueError(f"{name} must be {wanted} but is {value}")


def _similarity(
    people: People,
    best: int,
    others: npt.NDArray[np.int64],
    sigma1: float,
    sigma2: float,
    weight: float,
    radius: float,
) -> Floats:
    """(n,) how similar other people are to a better one, 0..1."""
    mine, theirs = people.keypoints[best].astype(np.float64), people.keypoints[others].astype(np.float64)
    seen = people.keypoint_scores[others] > 0
    both = seen & (people.keypoint_scores[best] > 0)
    if not both.any():
        return np.zeros(len(others))
    box = people.boxes[best].astype(np.float64)
    size = max(float((box[2:] - box[:2]).max()), 1.0)  # somebody of one joint is a pixel large
    apart = np.where(both[..., None], np.abs(theirs - mine), np.inf) / size
    certain = np.tanh(people.keypoint_scores[best] / sigma1) * np.tanh(people.keypoint_scores[others] / sigma1)
    confidence = certain * (apart.max(axis=2) <= radius)
    distance = np.exp(-(apart**2).sum(axis=2) / (2 * sigma2**2))
    similarity: Floats = (confidence + weight * distance).sum(axis=1) / ((1 + weight) * np.maximum(seen.sum(axis=1), 1))
    return similarity


def fit_pose_nms(
    people: Sequence[People],
    score: Callable[[list[People]], float],
    *,
    start: Mapping[str, float] | None = None,
    grid: Mapping[str, Sequence[float]] = GRID,
) -> dict[str, float]:
    """Learn the parameters of `pose_nms` on labelled pictures.

    As in RMPE, two parameters at a time are searched exhaustively while the other two stay, in turns, until the
    score grows no more.

    Parameters
    ----------
    people:
        What was found in each picture, redundant people among them.
    score:
        How good the people of all pictures are that are left, higher is better: average precision, mostly.
    start:
        Where to begin; `Settings`' values if None.
    grid:
        The values to try of sigma1, sigma2, weight and threshold. A parameter that is not named stays as it is.

    Returns
    -------
    The parameters, by name, for `pose_nms(people, **parameters)`. What scores no better than the start is the start.

    Raises
    ------
    ValueError
        If a parameter is unknown or its grid is empty.
    """
    best = {name: float(getattr(Settings, f"nms_{name}")) for name in GRID} | dict(start or {})
    for name in {*best, *grid}:
        if name not in GRID:
            raise ValueError(f"grid and start must name some of {list(GRID)} but have {name!r}")
        if name in grid and not len(grid[name]):
            raise ValueError(f"grid must have values to try but has none for {name!r}")

    def quality(parameters: Mapping[str, float]) -> float:
        return score([pose_nms(one, **parameters) for one in people])

    highest, grew = quality(best), True
    while grew:
        grew = False
        for pair in _PAIRS:
            for values in product(*(grid.get(name, (best[name],)) for name in pair)):
                trial = best | dict(zip(pair, map(float, values), strict=True))
                if trial != best and (value := quality(trial)) > highest:
                    best, highest, grew = trial, value, True
    return best
