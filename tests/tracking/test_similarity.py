"""Similarities of tracks and people: those of the formula, in whatever blocks they are computed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bottomup.skeletons import COCO_17
from bottomup.tracking import similarity
from bottomup.tracking.tracks import Doubles, Floats

SIGMAS = np.asarray(COCO_17.sigmas, np.float32)


def _case(seed: int, tracks: int, people: int) -> tuple[Floats, Floats, Doubles, Floats]:
    """Past poses, sizes, seconds unseen and people, near enough to each other that many pairs are within reach."""
    rng = np.random.default_rng(seed)
    joints = len(SIGMAS)
    places = rng.uniform(0, 200, (tracks, 1, 2, 1)) + rng.normal(0, 15, (tracks, 1, 2, joints))
    past = (places + rng.normal(0, 3, (tracks, 3, 2, joints))).astype(np.float32)
    source = rng.integers(0, tracks, people)
    points = (past[source, 0] + rng.normal(0, 8, (people, 2, 1)) + rng.normal(0, 2, (people, 2, joints))).astype(
        np.float32
    )
    past[np.repeat((rng.random((tracks, 3, 1, joints)) < 0.4), 2, axis=2)] = np.nan
    points[np.repeat(rng.random((people, 1, joints)) < 0.4, 2, axis=1)] = np.nan
    unseen = np.where(rng.random(tracks) < 0.5, 0.04, rng.uniform(0.04, 1.5, tracks))
    return past, rng.uniform(20, 60, tracks).astype(np.float32), unseen, points


def _of_pair(past: Floats, size: float, unseen: float, points: Floats) -> float:
    """The formula, for one track and one person, joint by joint."""
    scale = [2 * sigma * size * min(1 + unseen / 0.15, 6) for sigma in SIGMAS]
    leap = size * (0.35 + 1.2 * min(unseen, 1))

    def mean(offsets: dict[int, tuple[float, float]]) -> float:
        alike = sum(math.exp(-(x * x + y * y) / (2 * scale[k] ** 2)) for k, (x, y) in offsets.items())
        return alike / (len(offsets) + 1)

    poses = [
        {k: (float(points[0, k] - pose[0, k]), float(points[1, k] - pose[1, k])) for k in np.flatnonzero(both)}
        for pose, both in ((pose, np.isfinite(pose[0]) & np.isfinite(points[0])) for pose in past)
    ]
    best = max(map(mean, poses))
    if last := poses[0]:
        middle = [sum(offset[axis] for offset in last.values()) / len(last) for axis in (0, 1)]
        shifted = {k: (x - middle[0], y - middle[1]) for k, (x, y) in last.items()}
        near = math.exp(-(middle[0] ** 2 + middle[1] ** 2) / (2 * leap**2))
        best = max(best, 0.7 * mean(shifted) * near)
    whole = max(*(np.isfinite(pose[0]).sum() for pose in past), np.isfinite(points[0]).sum(), 1)
    return best * math.sqrt(max(map(len, poses)) / whole)


@pytest.mark.parametrize("block", [1, 200, 30_000])
def test_similarities_are_those_of_the_formula(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pair by pair, however many are compared at a time."""
    monkeypatch.setattr(similarity, "_BLOCK", block)
    past, sizes, unseen, points = _case(0, 12, 9)
    tracks, people, similar = similarity.similarities(past, sizes, unseen, points, SIGMAS)
    assert len(tracks) > 30
    assert similar.max() > 0.4
    expected = [
        _of_pair(past[t], float(sizes[t]), float(unseen[t]), points[n]) for t, n in zip(tracks, people, strict=True)
    ]
    assert similar == pytest.approx(np.array(expected), abs=2e-6)


def test_pairs_below_the_least_are_left_out_and_no_others() -> None:
    """What is skipped for being too little changes nothing of what remains."""
    case = _case(1, 40, 30)
    tracks, people, similar = similarity.similarities(*case, SIGMAS)
    kept = similar >= 0.25
    assert 10 < kept.sum() < len(kept) - 10
    fewer = similarity.similarities(*case, SIGMAS, least=0.25)
    for all_pairs, some in zip((tracks, people, similar), fewer, strict=True):
        assert np.array_equal(all_pairs[kept], some)


@pytest.mark.parametrize(("tracks", "people"), [(0, 0), (0, 3), (3, 0)])
def test_no_tracks_or_no_people_are_no_pairs(tracks: int, people: int) -> None:
    """Nothing to compare is nothing, not an error."""
    past = np.zeros((tracks, 3, 2, len(SIGMAS)), np.float32)
    sizes, unseen = np.ones(tracks, np.float32), np.zeros(tracks)
    points = np.zeros((people, 2, len(SIGMAS)), np.float32)
    assert all(not len(each) for each in similarity.similarities(past, sizes, unseen, points, SIGMAS))
