"""How well people seen now fit the people that are tracked."""

from __future__ import annotations

import numpy as np

from bottomup.tracking.tracks import Bools, Doubles, Floats, Ints

_LONELY = 1.0  # joints without evidence that each comparison starts with: few joints in common prove little
_GRACE = 0.15  # seconds after which the uncertainty of a joint's place has doubled
_WIDEST = 6.0  # times the labels' own spread; beyond, being near means nothing
_SHAPE = 0.7  # worth of the same pose at another place
_LEAP = 0.35, 1.2  # body sizes, and body sizes a second, that a person may be off the prediction


def similarities(
    past: Floats, sizes: Floats, unseen: Doubles, keypoints: Floats, sigmas: Floats
) -> tuple[Ints, Ints, Floats]:
    """Pairs of tracks and people that may be the same, and how similar they are.

    A past pose, carried to now, is compared with a person by object keypoint similarity (OKS): the mean over joints of
    exp(-d^2 / (2 (2 sigma size)^2)), whose spread grows with the time since the track was last seen. The same pose at
    some distance is taken for a leap that the motion model did not foresee: the OKS after the mean offset is taken
    away, times a Gaussian of that offset. The best past pose counts.

    Parameters
    ----------
    past:
        (T, H, K, 2) pixels, NaN where a joint was not seen.
    sizes:
        (T,) body sizes, pixels.
    unseen:
        (T,) seconds since each track was seen.
    keypoints:
        (N, K, 2) people seen now.
    sigmas:
        (K,) of the skeleton.

    Returns
    -------
    (P,) tracks, (P,) people and (P,) similarities from 0 to 1 of all pairs within reach.
    """
    spread = np.minimum(1 + unseen / _GRACE, _WIDEST).astype(np.float32)
    leap = (sizes * (_LEAP[0] + _LEAP[1] * np.minimum(unseen, 1.0))).astype(np.float32)
    tracks, people = _within_reach(past, keypoints, 3 * leap + sizes)
    seen = np.isfinite(keypoints[people, :, 0])[:, None] & np.isfinite(past[tracks, ..., 0])  # (P, H, K)
    offset = np.where(seen[..., None], keypoints[people][:, None] - past[tracks], 0)
    scale = (2 * sigmas * sizes[tracks, None] * spread[tracks, None]) ** 2
    precision = (0.5 / np.maximum(scale, 1e-6))[:, None]
    count = seen.sum(axis=2)
    oks = (np.exp(-(offset**2).sum(axis=3) * precision) * seen).sum(axis=2) / (count + _LONELY)
    mean = offset.sum(axis=2) / np.maximum(count, 1)[..., None]
    rest = ((offset - mean[:, :, None]) ** 2).sum(axis=3)
    shape = (np.exp(-rest * precision) * seen).sum(axis=2) / (count + _LONELY)
    near = np.exp(-0.5 * (mean**2).sum(axis=2) / leap[tracks, None] ** 2)
    best: Floats = np.maximum(oks, _SHAPE * shape * near).max(axis=1, initial=0).astype(np.float32)
    return tracks, people, best


def _within_reach(past: Floats, keypoints: Floats, reach: Floats) -> tuple[Ints, Ints]:
    """Indices of tracks and people whose middles are not farther apart than the track's reach."""
    middles = _middles(keypoints)
    poses = past.reshape(-1, *past.shape[2:])
    homes = _middles(poses).reshape(*past.shape[:2], 2)[:, :, None]  # (T, H, 1, 2)
    with np.errstate(invalid="ignore"):
        near: Bools = (((homes - middles) ** 2).sum(axis=3) <= (reach**2)[:, None, None]).any(axis=1)
    tracks, people = np.nonzero(near)
    return tracks, people


def _middles(keypoints: Floats) -> Floats:
    """(N, 2) means of the joints that are there, NaN where none is."""
    seen = np.isfinite(keypoints[..., 0])
    count = seen.sum(axis=1)[:, None]
    total = np.where(seen[..., None], keypoints, 0).sum(axis=1)
    middles: Floats = np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
    return middles
