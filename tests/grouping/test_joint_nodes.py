"""Joint nodes: which candidates of several maps become one joint, where it lies, and what it scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.grouping.joint_nodes import merge_candidates
from bottomup.kernels import Candidates, find_peaks
from bottomup.settings import Settings
from bottomup.skeleton import Skeleton

# Of the second joint twice the tolerance of the first.
TWO = Skeleton("two", ("sharp", "vague"), ((0, 1),), (0.05, 0.1))
SHARP, VAGUE = 2.0 * 0.05 / 0.075, 2.0 * 0.1 / 0.075  # reach of peaks of extent 1


def make(*rows: tuple[int, float, float, float], extent: float = 1.0) -> Candidates:
    """Candidates of one image from (joint, x, y, score)."""
    table = np.array(sorted(rows, key=lambda row: (row[0], -row[3])), np.float32).reshape(-1, 4)
    offsets = np.searchsorted(table[:, 0], np.arange(3)).astype(np.int64)
    return Candidates(1, 2, offsets, table[:, 1:3], table[:, 3], np.full(len(table), extent, np.float32))


def rows_of(found: Candidates) -> list[tuple[float, ...]]:
    joints = np.repeat(np.arange(found.joints), np.diff(found.offsets))
    return [tuple(map(float, row)) for row in np.column_stack([joints, found.xy, found.scores])]


@st.composite
def maps(draw: st.DrawFn) -> list[Candidates]:
    place = st.integers(0, 8).map(lambda n: n / 2)
    row = st.tuples(st.integers(0, 1), place, place, st.sampled_from([0.1, 0.3, 0.5, 1.0]))
    extent = st.sampled_from([0.5, 1.0])
    several = draw(st.lists(st.tuples(st.lists(row, max_size=5), extent), min_size=1, max_size=4))
    return [make(*rows, extent=size) for rows, size in several]


@given(maps())
def test_every_joint_comes_from_the_maps(several: list[Candidates]) -> None:
    merged = merge_candidates(several, TWO, Settings(peak_threshold=1e-6))
    assert merged.offsets[0] == 0
    assert merged.offsets[-1] == len(merged)
    for joint in range(2):
        spans = [slice(one.offsets[joint], one.offsets[joint + 1]) for one in several]
        mine = slice(merged.offsets[joint], merged.offsets[joint + 1])
        counts = [span.stop - span.start for span in spans]
        assert max(counts) <= mine.stop - mine.start <= sum(counts)  # two of one map are never one joint
        assert (np.diff(merged.scores[mine]) <= 0).all()
        if sum(counts):
            there = np.concatenate([one.xy[span] for one, span in zip(several, spans, strict=True)])
            assert (merged.xy[mine] >= there.min(axis=0) - 1e-5).all()
            assert (merged.xy[mine] <= there.max(axis=0) + 1e-5).all()


@given(maps())
def test_one_map_stays_as_it_is(several: list[Candidates]) -> None:
    one = several[0]
    same = merge_candidates([one], TWO, Settings(peak_threshold=1e-6))
    assert sorted(rows_of(same)) == sorted(rows_of(one))
    np.testing.assert_allclose(same.scores, one.scores)


def test_a_map_twice_is_the_map() -> None:
    one = make((0, 1, 1, 0.9), (0, 8, 1, 0.5), (1, 3, 3, 0.7))
    np.testing.assert_allclose(rows_of(merge_candidates([one, one], TWO, Settings())), rows_of(one), rtol=1e-6)


@pytest.mark.parametrize(
    ("joint", "apart", "together"),
    [(0, 0.99 * SHARP, True), (0, 1.01 * SHARP, False), (1, 0.99 * VAGUE, True), (1, 1.01 * VAGUE, False)],
)
def test_how_far_apart_one_joint_may_be(joint: int, apart: float, together: bool) -> None:
    merged = merge_candidates([make((joint, 0, 0, 0.8)), make((joint, apart, 0, 0.8))], TWO, Settings())
    assert len(merged) == (1 if together else 2)


def test_the_smaller_extent_counts() -> None:
    wide, narrow = make((0, 0, 0, 0.8), extent=4.0), make((0, 2, 0, 0.8), extent=1.0)
    assert len(merge_candidates([wide, narrow], TWO, Settings())) == 2
    assert len(merge_candidates([wide, make((0, 2, 0, 0.8), extent=4.0)], TWO, Settings())) == 1


def test_place_and_score() -> None:
    merged = merge_candidates(
        [make((0, 0, 0, 0.9)), make((0, 1, 0.4, 0.6)), make((1, 9, 9, 0.5)), make()], TWO, Settings()
    )
    assert rows_of(merged)[0] == pytest.approx((0, 0.4, 0.16, 0.75 * np.sqrt(2 / 4)))
    assert rows_of(merged)[1] == pytest.approx((1, 9, 9, 0.5 * np.sqrt(1 / 4)))


def test_the_nearest_joint_takes_it() -> None:
    first = make((0, 0, 0, 0.9), (0, 2, 0, 0.8))
    merged = merge_candidates([first, make((0, 1.2, 0, 0.7))], TWO, Settings())
    assert len(merged) == 2
    assert merged.xy[:, 0] == pytest.approx([(2 * 0.8 + 1.2 * 0.7) / 1.5, 0.0])


def test_joints_that_hardly_any_map_shows_are_left_out() -> None:
    lone = make((0, 0, 0, 0.1))
    assert len(merge_candidates([lone], TWO, Settings(peak_threshold=0.08))) == 1
    assert len(merge_candidates([lone, make()], TWO, Settings(peak_threshold=0.08))) == 0


def test_what_find_peaks_finds_is_what_it_takes() -> None:
    heatmaps = np.zeros((2, 9, 9), np.float32)
    heatmaps[0, 4, 4] = heatmaps[1, 2, 7] = 0.5
    found = find_peaks(heatmaps)
    np.testing.assert_allclose(rows_of(merge_candidates([found, found], TWO, Settings())), rows_of(found), rtol=1e-6)


def batch_of_two() -> Candidates:
    nothing = np.zeros(0, np.float32)
    return Candidates(2, 2, np.zeros(5, np.int64), np.zeros((0, 2), np.float32), nothing, nothing)


@pytest.mark.parametrize(
    ("several", "message"),
    [
        ([], "maps must hold at least one"),
        ([make(), batch_of_two()], "of one image and 2 joints but map 1 is of 2 and 2"),
    ],
)
def test_maps_are_checked(several: Sequence[Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        merge_candidates(several, TWO, Settings())
