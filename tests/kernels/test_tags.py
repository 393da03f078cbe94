"""Tags: the compiled kernels against their NumPy reference, and against joints whose tags are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup import kernels
from bottomup.kernels import Candidates, LimbPairs, TagOptions, reference
from bottomup.kernels.field import as_field
from bottomup.kernels.gpu_array import GpuArray
from bottomup.kernels.tags import TagField, TagPeople, as_tags, middle_of_tags, quarter_towards_higher
from tests.makers.examples import examples
from tests.makers.fields import DEVICES, GPU_LAYOUTS, LAYOUTS, THREE, candidates_at, make_field, on, seeds

Floats = npt.NDArray[np.float32]
LENGTHS = np.array([[0.05, 0.3, np.nan], [0.3, 0.05, 0.2], [np.nan, 0.2, 0.05]], np.float32)


def tag_field(array: Any, depth: int) -> TagField:
    return TagField(as_field("tags", array), depth)


def places(rng: np.random.Generator, count: int, batch: int, height: int, width: int) -> tuple[Any, Any, Any]:
    xy = rng.uniform(-1.0, 1.0, (count, 2)) * [width, height] + [0.5, 0.25]
    images, joints = rng.integers(0, batch, count), rng.integers(0, 3, count)
    return images.astype(np.int32), joints.astype(np.int32), xy.astype(np.float32)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("layout", GPU_LAYOUTS)
def test_tags_read_on_any_device_agree_with_the_reference(device: str, dtype: Any, layout: str) -> None:
    rng = np.random.default_rng(3)
    array = LAYOUTS[layout](make_field("signed noise", 1, (2, 6, 5, 7), dtype))
    where = places(rng, 50, 2, 5, 7)
    expected = reference.read_tags(tag_field(array, 2), *where)
    actual = kernels.read_tags(tag_field(on(device, array), 2), *where)
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == np.float32


@pytest.mark.parametrize("device", DEVICES)
def test_a_tag_that_is_not_finite_is_an_error_that_says_where(device: str) -> None:
    array = np.zeros((1, 3, 4, 4), np.float32)
    array[0, 1, 2, 3] = np.nan
    one = np.array([0], np.int32), np.array([1], np.int32), np.array([[3.0, 2.0]], np.float32)
    with pytest.raises(ValueError, match=r"tags must be finite .* batch 0, channel 1, row 2, column 3"):
        kernels.read_tags(tag_field(on(device, array), 1), *one)
    with pytest.raises(ValueError, match="channel 1, row 2, column 3"):
        reference.read_tags(tag_field(array, 1), *one)
    elsewhere = one[0], one[1], np.array([[0.0, 0.0]], np.float32)
    np.testing.assert_array_equal(kernels.read_tags(tag_field(on(device, array), 1), *elsewhere), [[0]])


def make_joints(counts: list[int], xy: Any, scores: Any) -> Candidates:
    return replace(candidates_at(xy, counts, len(counts) // 3, 3), scores=np.asarray(scores, np.float32))


def assert_same_pairs(actual: tuple[LimbPairs, Floats], expected: tuple[LimbPairs, Floats]) -> None:
    for name in ("offsets", "first", "second"):
        np.testing.assert_array_equal(getattr(actual[0], name), getattr(expected[0], name))
        assert getattr(actual[0], name).dtype == getattr(expected[0], name).dtype
    np.testing.assert_allclose(actual[0].scores, expected[0].scores, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(actual[1], expected[1])


@examples(1.5)
@given(
    seed=seeds,
    counts=st.lists(st.integers(0, 9), min_size=3, max_size=6).filter(lambda counts: len(counts) % 3 == 0),
    depth=st.integers(1, 3),
    kind=st.sampled_from(["people", "tied", "huge", "tiny", "random"]),
    weight=st.sampled_from([0.0, 0.15, 5.0]),
    longest=st.sampled_from([np.inf, 20.0]),
)
def test_pairs_agree_with_the_reference(
    seed: int, counts: list[int], depth: int, kind: str, weight: float, longest: float
) -> None:
    rng = np.random.default_rng(seed)
    total = sum(counts)
    xy = rng.uniform(0, 40, (total, 2)) if kind != "tied" else rng.integers(0, 3, (total, 2))
    candidates = make_joints(counts, xy, rng.uniform(0.05, 1, total))
    tags = {
        "people": rng.integers(0, 4, (total, 1)) + rng.normal(0, 0.1, (total, depth)),
        "tied": rng.integers(0, 3, (total, depth)) * 0.5,
        "huge": rng.normal(0, 1e18, (total, depth)),
        "tiny": rng.normal(0, 1e-20, (total, depth)),
        "random": rng.uniform(-1, 1, (total, depth)),
    }[kind].astype(np.float32)
    call: dict[str, Any] = {
        "skeleton_limbs": 1, "longer_side": longest,
        "options": TagOptions(distance_weight=weight, min_agreement=0.2503),
    }  # fmt: skip
    actual = kernels.score_tags(tags, candidates, THREE, **call)
    assert_same_pairs(actual, reference.score_tags(tags, candidates, THREE, **call))


def two_people(noise: float = 0.0) -> tuple[Floats, Candidates]:
    """Three joints of each of two people, 10 cells apart; tags 1 and 3."""
    xy = np.array([[5, 5], [25, 5], [5, 15], [25, 15], [5, 25], [25, 25]])
    tags = np.array([1, 3] * 3)[:, None] + noise * np.array([0, 0, 1, -1, -1, 1])[:, None]
    return tags.astype(np.float32), make_joints([2, 2, 2], xy, np.ones(6))


def test_joints_of_a_person_are_paired_and_those_of_two_are_not() -> None:
    pairs, tolerances = kernels.score_tags(*two_people(), THREE)
    np.testing.assert_array_equal(np.stack([pairs.first, pairs.second], 1), [[0, 2], [1, 3], [2, 4], [3, 5]])
    np.testing.assert_allclose(pairs.scores, 1)
    np.testing.assert_allclose(tolerances, TagOptions().min_tolerance)


def test_the_tolerance_follows_the_spread_of_the_picture() -> None:
    pairs, tolerances = kernels.score_tags(*two_people(0.1), THREE)
    assert len(pairs) == 4
    np.testing.assert_allclose(tolerances, TagOptions().tolerance_factor * 0.1, rtol=1e-5)
    _, most = kernels.score_tags(*two_people(0.4), THREE)
    np.testing.assert_allclose(most, TagOptions().max_tolerance)


def test_of_two_whose_tags_agree_the_nearer_one_is_likelier() -> None:
    tags, candidates = two_people()
    pairs, _ = kernels.score_tags(np.ones_like(tags), candidates, THREE)
    score = {(int(a), int(b)): float(s) for a, b, s in zip(pairs.first, pairs.second, pairs.scores, strict=True)}
    assert score[0, 2] == pytest.approx(1)
    assert score[0, 3] == pytest.approx(1 - 0.15 * np.log(np.sqrt(5.0)), abs=1e-6)


def test_tags_of_the_wrong_shape_are_errors() -> None:
    tags, candidates = two_people()
    with pytest.raises(ValueError, match=r"tags must have shape \(6, D\) but has \(5, 1\)"):
        kernels.score_tags(tags[:5], candidates, THREE)
    with pytest.raises(ValueError, match=r"tags must be finite"):
        kernels.score_tags(np.full_like(tags, np.inf), candidates, THREE)
    heatmaps = as_field("heatmaps", np.zeros((3, 4, 5), np.float32))
    with pytest.raises(ValueError, match=r"tags must have shape \(3, 4, 5\), .* but has \(3, 4, 6\)"):
        as_tags(np.zeros((3, 4, 6), np.float32), heatmaps)


@pytest.mark.parametrize("batch", [(), (2,)])
def test_tags_of_several_values_are_read_in_both_orders(batch: tuple[int, ...]) -> None:
    heatmaps = as_field("heatmaps", np.zeros((*batch, 3, 4, 5), np.float32))
    tags = np.random.default_rng(0).normal(0, 1, (*batch, 3, 2, 4, 5)).astype(np.float32)
    inside, outside = as_tags(tags, heatmaps), as_tags(np.moveaxis(tags, -3, -1), heatmaps)
    assert inside.depth == outside.depth == 2
    np.testing.assert_array_equal(np.asarray(inside.field.values), np.asarray(outside.field.values))
    assert as_tags(tags[..., 0, :, :], heatmaps).depth == 1


def searched(rng: np.random.Generator, people: int, batch: int, height: int, width: int, depth: int) -> TagPeople:
    scores = rng.uniform(0.1, 1, (people, 3)) * (rng.random((people, 3)) < 0.6)
    xy = rng.uniform(0, 1, (people, 3, 2)) * [width - 1, height - 1]
    tags = rng.normal(0, 0.3, (people, 3, depth))
    return TagPeople(
        np.sort(rng.integers(0, batch, people)).astype(np.int32),
        *(array.astype(np.float32) for array in (xy, scores, tags, rng.uniform(0.1, 0.6, people))),
    )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("kind", ["noise", "five levels", "blobs", "zero"])
@pytest.mark.parametrize("seed", range(6))
def test_missing_joints_agree_with_the_reference(device: str, dtype: Any, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width, depth, batch = int(rng.integers(1, 40)), int(rng.integers(1, 60)), int(rng.integers(1, 3)), 2
    heat = make_field(kind, seed, (batch, 3, height, width), dtype)
    tags = (make_field("signed noise", seed, (batch, 3 * depth, height, width)) * 0.5).astype(dtype)
    people = searched(rng, 12, batch, height, width, depth)
    expected = reference.find_missing_joints(as_field("heatmaps", heat), tag_field(tags, depth), people, THREE, LENGTHS)
    actual = kernels.find_missing_joints(
        as_field("heatmaps", on(device, heat)), tag_field(on(device, tags), depth), people, THREE, LENGTHS, threads=2
    )
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def one_person() -> tuple[Any, TagField, TagPeople]:
    """Joints 0 and 1 at (10, 10) and (10, 20), tag 1; joint 2 has two faint blobs within and one beyond reach."""
    heat, tags = np.zeros((1, 3, 60, 60), np.float32), np.full((1, 3, 60, 60), 9, np.float32)
    for row, column, height, tag in ((22, 10, 0.06, 1.02), (21, 13, 0.09, 2.0), (58, 55, 0.5, 1.0)):
        heat[0, 2, row, column], tags[0, 2, row, column] = height, tag
    xy = np.array([[[10, 10], [10, 20], [0, 0]]], np.float32)
    scores, values = np.array([[1, 1, 0]], np.float32), np.ones((1, 3, 1), np.float32)
    people = TagPeople(np.zeros(1, np.int32), xy, scores, values, np.array([0.1], np.float32))
    return as_field("heatmaps", heat), tag_field(tags, 1), people


def test_a_missing_joint_is_found_where_its_tag_shows_within_reach() -> None:
    person, joint, xy, score = kernels.find_missing_joints(*one_person(), THREE, LENGTHS)
    assert (person.tolist(), joint.tolist(), xy.tolist()) == ([0], [2], [[10.0, 22.0]])
    np.testing.assert_allclose(score, 0.06)
    for options in (TagOptions(min_response=0.07), TagOptions(search_tolerance=0.1)):
        assert not len(kernels.find_missing_joints(*one_person(), THREE, LENGTHS, options=options)[0])


def test_a_clear_joint_may_be_further_away_where_no_other_person_has_its_tag() -> None:
    heatmaps, tags, people = one_person()
    heatmaps.values[0, 2, 26, 10], tags.field.values[0, 2, 26, 10] = 0.6, 1.0  # type: ignore[index]
    reach = TagOptions(search_reach=1.0)  # not as far as row 26

    def found(people: TagPeople, options: TagOptions = reach) -> list[list[float]]:
        return kernels.find_missing_joints(heatmaps, tags, people, THREE, LENGTHS, options=options)[2].tolist()

    assert found(people) == [[10.0, 26.0]]
    assert found(people, TagOptions(search_reach=1.0, far_reach=0.0)) != [[10.0, 26.0]]
    assert found(people, TagOptions(search_reach=1.0, clear_response=0.7)) != [[10.0, 26.0]]
    names = ("images", "xy", "scores", "tags", "tolerances")
    two = TagPeople(*(np.repeat(getattr(people, name), 2, axis=0) for name in names))
    two.tags[1] += 0.19
    assert [10.0, 26.0] not in found(two), "nearer than two tolerances"
    two.tags[1] += 0.02
    assert found(two)[0] == [10.0, 26.0]


def test_a_skeleton_of_unknown_lengths_reaches_as_far_as_the_person_is_wide() -> None:
    unknown = np.full((3, 3), np.nan, np.float32)
    assert kernels.find_missing_joints(*one_person(), THREE, unknown)[2].tolist() == [[10.0, 22.0]]
    near = TagOptions(search_reach=0.1)
    assert not len(kernels.find_missing_joints(*one_person(), THREE, unknown, options=near)[0])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("depth", [1, 2])
def test_a_joint_that_its_tag_alone_shows_lies_in_the_middle_of_its_cells(device: str, depth: int) -> None:
    rows, columns = np.mgrid[:40, :50]
    tags = np.full((2, 3 * depth, 40, 50), 5, np.float32)
    for y, x, (image, joint) in ((20.3, 30.6, (1, 2)), (0.4, 49.0, (0, 1))):  # the second one in a corner
        near = (rows - y) ** 2 + (columns - x) ** 2 <= 25
        tags[image, joint * depth : (joint + 1) * depth, near] = 1.1
    images, joints = np.array([1, 0, 0], np.int32), np.array([2, 1, 0], np.int32)
    places = np.array([[27, 22], [48, 3], [10, 10]], np.float32)  # of the third one no cell has the tag
    wanted, within = np.ones((3, depth), np.float32), np.full(3, 0.2, np.float32)
    found = middle_of_tags(tag_field(on(device, tags), depth), images, joints, places, wanted, within)
    assert np.linalg.norm(found[0] - [30.6, 20.3]) < 0.5
    assert found[1, 0] > 46
    assert found[1, 1] < 2.5, "cells outside do not count"
    assert found[2].tolist() == [10, 10]
    even = tag_field(on(device, np.ones_like(tags)), depth)
    inside = places[[0, 2]]
    np.testing.assert_array_equal(
        middle_of_tags(even, images[[0, 2]], joints[[0, 2]], inside, wanted[:2], within[:2]), inside
    )
    assert middle_of_tags(even, images[:0], joints[:0], places[:0], wanted[:0], within[:0]).shape == (0, 2)


@pytest.mark.parametrize("device", DEVICES)
def test_a_joint_on_a_slope_lies_a_quarter_of_a_cell_upwards(device: str) -> None:
    rows, columns = np.mgrid[:6, :8].astype(np.float32)
    slope = np.stack([columns - rows, rows - columns, np.ones_like(rows)])[None]
    joints, images = np.arange(3, dtype=np.int32), np.zeros(3, np.int32)
    cells = np.array([[4, 3], [7, 0], [0, 0]], np.float32)
    found = quarter_towards_higher(as_field("heatmaps", on(device, slope)), images, joints, cells)
    assert found.tolist() == [[4.25, 2.75], [6.75, 0.25], [0, 0]]
    assert found.dtype == np.float32


def test_fields_on_two_devices_are_an_error() -> None:
    heatmaps, tags, people = one_person()
    there = TagField(
        type(tags.field)(GpuArray(0, "float32", tags.field.shape, (0, 0, 0, 0), 0, None), False), tags.depth
    )
    with pytest.raises(ValueError, match="heatmaps and tags must be on the same device"):
        kernels.find_missing_joints(heatmaps, there, people, THREE, LENGTHS)
