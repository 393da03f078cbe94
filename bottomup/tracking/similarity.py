"""How well people seen now fit the people that are tracked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bottomup.tracking.tracks import Doubles, Floats, Ints

_LONELY = 1.0  # joints without evidence that each comparison starts with: few joints in common prove little
_GRACE = 0.15  # seconds after which the uncertainty of a joint's place has doubled
_WIDEST = 6.0  # times the labels' own spread; beyond, being near means nothing
_FRAGMENTS = 0.5  # power of the share of joints that can be compared
_SHAPE = 0.7  # weight of the same pose at another place
_REACH = 2.5  # leaps beyond which two are not compared
_LEAP = 0.35, 1.2  # body sizes, and body sizes a second, that a person may be off the prediction
_LOWEST = -60.0  # of exponents: what is smaller vanishes in every sum
_BLOCK = 30_000  # numbers at a time: what they need stays in the cache and in memory that the allocator keeps


def similarities(
    past: Floats, sizes: Floats, unseen: Doubles, points: Floats, sigmas: Floats, *, least: float = 0.0
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
    least:
        Similarity below which a pair is left out.

    Returns
    -------
    (P,) tracks, (P,) people and (P,) similarities from 0 to 1 of all pairs within reach, by track and person.
    """
    poses = _Poses.of(past, sizes, unseen, points, sigmas)
    tracks, people = _within_reach(poses)
    similar = np.empty(len(tracks), np.float32)
    pairs = max(1, _BLOCK // max(1, poses.there.shape[1]))
    for start in range(0, len(tracks), pairs):
        block = slice(start, start + pairs)
        similar[block] = _compare(poses, tracks[block], people[block], least)
    kept = np.flatnonzero(similar >= least)
    return tracks[kept], people[kept], similar[kept]


@dataclass
class _Poses:
    """What is compared: T tracks of H past poses, and N people, of K joints each.

    A row is a whole track's or a whole person's, so that rows can be gathered and worked on flat: NumPy is slow along
    short axes. Joints that are missing lie at 0.

    old_x, old_y, there: (T, H K) places of the past poses, the latest first, and 1 where there is a joint, else 0.
    new_x, new_y, here: (N, H K) the same of the people, each repeated H times.
    falloff: (T, H K) -1 / (2 (2 sigma size)^2) of each joint, repeated H times.
    joints_then, joints_now: (T,) of the past pose that has most, and (N,).
    leap: (T,) pixels that a person may be off the prediction.
    reach: (T,) pixels between middles beyond which two are not compared.
    """

    old_x: Floats
    old_y: Floats
    there: Floats
    new_x: Floats
    new_y: Floats
    here: Floats
    falloff: Floats
    joints_then: Floats
    joints_now: Floats
    leap: Floats
    reach: Floats
    num_joints: int

    @classmethod
    def of(cls, past: Floats, sizes: Floats, unseen: Doubles, points: Floats, sigmas: Floats) -> _Poses:
        count, history, _, joints = past.shape
        ones = np.ones(joints, np.float32)
        seen_then, seen_now = np.isfinite(past[:, :, 0]), np.isfinite(points[:, 0])
        there, here = seen_then.astype(np.float32), seen_now.astype(np.float32)
        spread = np.minimum(1 + unseen / _GRACE, _WIDEST).astype(np.float32)
        leap = (sizes * (_LEAP[0] + _LEAP[1] * np.minimum(unseen, 1.0))).astype(np.float32)
        falloff = -0.5 / np.maximum((2 * sigmas * (sizes * spread)[:, None]) ** 2, 1e-6)
        old_x, old_y = (np.where(seen_then, past[:, :, axis], 0).reshape(count, history * joints) for axis in (0, 1))
        new_x, new_y = (np.where(seen_now, points[:, axis], 0) for axis in (0, 1))
        return cls(
            old_x, old_y, there.reshape(count, history * joints), _repeat(new_x, history), _repeat(new_y, history),
            _repeat(here, history), _repeat(falloff, history), joints_then=(there @ ones).max(axis=1, initial=0),
            joints_now=here @ ones, leap=leap, reach=_REACH * leap + 0.5 * sizes, num_joints=joints,
        )  # fmt: skip


def _compare(poses: _Poses, tracks: Ints, people: Ints, least: float) -> Floats:
    """(P,) similarities of pairs, those that cannot reach `least` possibly too low.

    Sums over joints are products with ones, which NumPy does fastest.
    """
    joints, pairs = poses.num_joints, len(tracks)
    ones = np.ones(joints, np.float32)
    both = poses.there.take(tracks, axis=0)
    both *= poses.here.take(people, axis=0)
    dx, dy = poses.new_x.take(people, axis=0), poses.new_y.take(people, axis=0)
    dx -= poses.old_x.take(tracks, axis=0)
    dy -= poses.old_y.take(tracks, axis=0)
    last_x, last_y = dx[:, :joints].copy(), dy[:, :joints].copy()
    falloff = poses.falloff.take(tracks, axis=0)
    dx *= dx
    dy *= dy
    dx += dy
    dx *= falloff
    _exponentiate(dx)
    dx *= both
    count = (both.reshape(-1, joints) @ ones).reshape(pairs, -1)
    similar = _largest((dx.reshape(-1, joints) @ ones).reshape(pairs, -1) / (count + _LONELY))
    # Of two that fit a track equally, the one with more of its joints is the person and the other a fragment.
    whole = np.maximum(np.maximum(poses.joints_then.take(tracks), poses.joints_now.take(people)), 1)
    share = (_largest(count) / whole) ** _FRAGMENTS
    similar *= share
    # The latest pose may have leapt. Its shape is looked at only where the leap is so small that it can matter.
    both, num_last = both[:, :joints].copy(), count[:, 0].copy()
    last_x *= both
    last_y *= both
    num = np.maximum(num_last, 1)
    mean_x, mean_y = last_x @ ones / num, last_y @ ones / num
    near = -0.5 * (mean_x**2 + mean_y**2) / poses.leap.take(tracks) ** 2
    _exponentiate(near)
    near *= _SHAPE * share / (num_last + _LONELY)
    leapt = np.flatnonzero(near * num_last > np.maximum(similar, least))
    last_x, last_y = last_x.take(leapt, axis=0), last_y.take(leapt, axis=0)
    last_x -= mean_x.take(leapt)[:, None]
    last_y -= mean_y.take(leapt)[:, None]
    rest = (last_x * last_x + last_y * last_y) * falloff[:, :joints].take(leapt, axis=0)
    shape = (np.exp(rest) * both.take(leapt, axis=0)) @ ones
    similar[leapt] = np.maximum(similar[leapt], near[leapt] * shape)
    return similar


def _within_reach(poses: _Poses) -> tuple[Ints, Ints]:
    """Indices of tracks and of people with joints whose middles are not farther apart than the track's reach."""
    last = slice(0, poses.num_joints)
    ones = np.ones(poses.num_joints, np.float32)
    joints = poses.there[:, last] @ ones
    apart, aside = (
        np.subtract.outer(_means(old[:, last], joints), _means(new[:, last], poses.joints_now))
        for old, new in ((poses.old_x, poses.new_x), (poses.old_y, poses.new_y))
    )
    apart *= apart
    aside *= aside
    apart += aside
    near = apart <= (poses.reach * poses.reach)[:, None]
    near &= poses.joints_now > 0
    tracks, people = np.divmod(np.flatnonzero(near), max(near.shape[1], 1))
    return tracks, people


def _means(places: Floats, count: Floats) -> Floats:
    """(N,) means of `count` (N,) joints of (N, K) coordinates that are 0 where one is missing."""
    means = places @ np.ones(places.shape[1], np.float32) / np.maximum(count, np.float32(1))
    return np.asarray(means, np.float32)


def _repeat(rows: Floats, times: int) -> Floats:
    """(N, times K): each row of (N, K) several times over."""
    return np.concatenate([rows] * times, axis=1, dtype=np.float32)


def _largest(columns: Floats) -> Floats:
    """(P,) maxima of (P, H) over the second axis, which is short."""
    largest = columns[:, 0].copy()
    for column in range(1, columns.shape[1]):
        np.maximum(largest, columns[:, column], out=largest)
    return largest


def _exponentiate(values: Floats) -> None:
    """Take exp in place of numbers up to 0; tiny results are rounded up, since the processor is slow on subnormals."""
    np.maximum(values, np.float32(_LOWEST), out=values)
    np.exp(values, out=values)
