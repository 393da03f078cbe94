"""How well people seen now fit the people that are tracked."""

from __future__ import annotations

import numpy as np

from bottomup.tracking.tracks import Doubles, Floats, Ints

_LONELY = 1.0  # joints without evidence that each comparison starts with: few joints in common prove little
_GRACE = 0.15  # seconds after which the uncertainty of a joint's place has doubled
_WIDEST = 6.0  # times the labels' own spread; beyond, being near means nothing
_FRAGMENTS = 0.5  # power of the share of joints that can be compared
_SHAPE = 0.7  # worth of the same pose at another place
_REACH = 2.5  # leaps beyond which two are not compared
_LEAP = 0.35, 1.2  # body sizes, and body sizes a second, that a person may be off the prediction


def similarities(
    past: Floats, sizes: Floats, unseen: Doubles, points: Floats, sigmas: Floats
) -> tuple[Ints, Ints, Floats]:
    """Pairs of tracks and people that may be the same, and how similar they are.

    A past pose, carried to now, is compared with a person by object keypoint similarity (OKS): the mean over joints of
    exp(-d^2 / (2 (2 sigma size)^2)), whose spread grows with the time since the track was last seen. The best past pose
    counts. The latest pose at some distance is taken for a leap that the motion model did not foresee: the OKS after
    the mean offset is taken away, times a Gaussian of that offset. Either is worth less the fewer of the joints can be
    compared: otherwise the largest sum would be had by giving a track's person away and a fragment to the track.

    Parameters
    ----------
    past:
        (T, H, 2, K) pixels, NaN where a joint was not seen.
    sizes:
        (T,) body sizes, pixels.
    unseen:
        (T,) seconds since each track was seen.
    points:
        (N, 2, K) people seen now.
    sigmas:
        (K,) of the skeleton.

    Returns
    -------
    (P,) tracks, (P,) people and (P,) similarities from 0 to 1 of all pairs within reach.
    """
    spread = np.minimum(1 + unseen / _GRACE, _WIDEST).astype(np.float32)
    leap = (sizes * (_LEAP[0] + _LEAP[1] * np.minimum(unseen, 1.0))).astype(np.float32)
    there, here = np.isfinite(past[:, :, 0]), np.isfinite(points[:, 0])
    # Sums are over zeros where a joint is missing, and as products with ones: short axes are slow to reduce.
    ones = np.ones(len(sigmas), np.float32)
    old, new = np.where(there[:, :, None], past, 0), np.where(here[:, None], points, 0)
    joints_then, joints_now = there.astype(np.float32) @ ones, here.astype(np.float32) @ ones
    reach = _REACH * leap + 0.5 * sizes
    tracks, people = _within_reach(_middles(old[:, 0], joints_then[:, 0]), _middles(new, joints_now), reach, joints_now)
    both = (there[tracks] & here[people][:, None]).astype(np.float32)  # (P, H, K)
    apart = (new[people][:, None] - old[tracks]) * both[:, :, None]  # (P, H, 2, K)
    dx, dy = apart[:, :, 0], apart[:, :, 1]
    scale = (2 * sigmas * sizes[tracks, None] * spread[tracks, None]) ** 2
    precision = 0.5 / np.maximum(scale, 1e-6)  # (P, K)
    seen = count = both @ ones
    oks = ((np.exp((dx * dx + dy * dy) * -precision[:, None]) * both) @ ones / (count + _LONELY)).max(axis=1, initial=0)
    # The latest pose may have leapt.
    dx, dy, both, count = dx[:, 0], dy[:, 0], both[:, 0], count[:, 0]
    mx, my = (each @ ones / np.maximum(count, 1) for each in (dx, dy))
    rest = (dx - mx[:, None]) ** 2 + (dy - my[:, None]) ** 2
    shape = (np.exp(rest * -precision) * both) @ ones / (count + _LONELY)
    near = np.exp(-0.5 * (mx**2 + my**2) / leap[tracks] ** 2)
    # Of two that fit a track equally, the one with more of its joints is the person and the other a fragment.
    whole = np.maximum(joints_then.max(axis=1, initial=1)[tracks], joints_now[people])
    share = (seen.max(axis=1, initial=0) / whole) ** _FRAGMENTS
    best: Floats = (np.maximum(oks, _SHAPE * shape * near) * share).astype(np.float32)
    return tracks, people, best


def _within_reach(homes: Floats, middles: Floats, reach: Floats, joints: Floats) -> tuple[Ints, Ints]:
    """Indices of tracks and of people with joints whose middles are not farther apart than the track's reach."""
    x = homes[:, None, 0] - middles[None, :, 0]
    y = homes[:, None, 1] - middles[None, :, 1]
    near = x * x + y * y <= (reach * reach)[:, None]
    tracks, people = np.nonzero(near & (joints > 0))
    return tracks, people


def _middles(points: Floats, joints: Floats) -> Floats:
    """(N, 2) means over the joints of (N, 2, K) points that are 0 where one is missing, of which there are (N,)."""
    middles: Floats = points.sum(axis=2) / np.maximum(joints, 1)[:, None]
    return middles
