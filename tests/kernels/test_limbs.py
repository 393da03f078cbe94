"""score_limbs: the compiled kernel against its NumPy reference, and what it does with bad input."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.fields import draw_fields
from bottomup.kernels import find_peaks, reference
from bottomup.skeletons import COCO_17
from tests.makers.examples import examples
from tests.makers.fields import (
    DEVICES,
    GPU_LAYOUTS,
    LAYOUTS,
    THREE,
    Field,
    candidates_at,
    dtypes,
    fields,
    layouts,
    make_candidates,
    make_field,
    on,
    seeds,
)
from tests.makers.limbs import STICK, as_dict, assert_agree, constant_paf, reference_limbs, score_limbs

rules = st.fixed_dictionaries(
    {
        "threshold": st.sampled_from([0.05, 0.2, -1.0]),
        "coverage": st.sampled_from([0.0, 0.5, 0.8, 1.0]),
        "sample_threshold": st.sampled_from([0.05, -0.3]),
        "max_length": st.sampled_from([0.0, 0.5, 4.0, 30.0, np.inf]),
        "max_samples": st.sampled_from([3, 7, 32]),
    }
)


@pytest.mark.slow
@examples(3)
@given(pafs=fields(channels=4), seed=seeds, rule=rules, threads=st.integers(1, 4), whole=st.booleans())
def test_agrees_with_the_reference(pafs: Field, seed: int, rule: dict[str, Any], threads: int, whole: bool) -> None:
    candidates = make_candidates(seed, len(pafs), 3, *pafs.shape[2:], whole=whole)
    actual = score_limbs(pafs, candidates, THREE, **rule, threads=threads)
    assert_agree(actual, pafs, candidates, THREE, **rule)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_reads_every_layout_on_every_device(device: str, dtype: type, layout: str) -> None:
    if device != "cpu" and layout not in GPU_LAYOUTS:
        pytest.skip("a GPU reads no unaligned memory")
    pafs = LAYOUTS[layout](make_field("signed noise", 4, (2, 4, 17, 70), dtype))
    candidates = make_candidates(3, 2, 3, 17, 70, most=20)
    rule = {"threshold": -1.0, "coverage": 0.3, "sample_threshold": 0.0}
    actual = score_limbs(on(device, pafs), candidates, THREE, **rule)
    assert len(actual) > 10
    assert_agree(actual, pafs, candidates, THREE, **rule)


@given(pafs=fields(channels=4), seed=seeds)
def test_threads_change_nothing(pafs: Field, seed: int) -> None:
    candidates = make_candidates(seed, len(pafs), 3, *pafs.shape[2:])
    one = score_limbs(pafs, candidates, THREE, coverage=0.3)
    for threads in (2, 5, 64):
        many = score_limbs(pafs, candidates, THREE, coverage=0.3, threads=threads)
        for name in ("offsets", "first", "second", "scores"):
            np.testing.assert_array_equal(getattr(many, name), getattr(one, name))


@pytest.mark.parametrize("device", DEVICES)
def test_finds_the_limbs_of_drawn_people(device: str) -> None:
    """Every limb of each of three people is found and is about 1; no limb leads from one to another."""
    rng = np.random.default_rng(8)
    points = rng.uniform(10, 90, (1, 17, 2)) + np.array([0, 200, 400])[:, None, None] * (1, 0)
    drawn = draw_fields(points, np.ones((3, 17)), COCO_17, height=100, width=500, stride=2, limb_width=10)
    candidates = find_peaks(drawn.heatmaps, threshold=0.9)
    assert len(candidates) == 3 * 17
    pairs = score_limbs(on(device, drawn.pafs), candidates, COCO_17, threshold=0.5)
    assert_agree(pairs, drawn.pafs, candidates, COCO_17, threshold=0.5)
    person = candidates.xy[:, 0] // 100
    np.testing.assert_array_equal(np.diff(pairs.offsets), np.full(COCO_17.num_limbs, 3))
    np.testing.assert_array_equal(person[pairs.first], person[pairs.second])
    assert pairs.scores.min() > 0.5  # less than 1, since the field ends where the joints are


@pytest.mark.parametrize("device", DEVICES)
def test_agrees_on_the_fields_of_a_4k_picture(device: str) -> None:
    """Sixty sticks anywhere on 540 x 960 cells, which is stride 4, some as long as the picture is high."""
    rng = np.random.default_rng(6)
    ends = rng.uniform((0, 0), (959, 539), (60, 2, 2))
    ends[:40, 1] = np.clip(ends[:40, 0] + rng.uniform(-40, 40, (40, 2)), 0, (959, 539))
    drawn = draw_fields(ends, np.ones((60, 2)), STICK, height=540, width=960, stride=1, limb_width=6)
    candidates = candidates_at(np.concatenate([ends[:, 0], ends[:, 1]]), [60, 60], 1, 2)
    pairs = score_limbs(on(device, drawn.pafs), candidates, STICK)
    assert len(pairs) >= 50
    assert_agree(pairs, drawn.pafs, candidates, STICK)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("layout", ["contiguous", "planes transposed", "with steps"])
@pytest.mark.parametrize("scale", [1.0, 30.0])  # beyond what the map of directions covers
def test_a_crowd_is_pruned_without_a_difference(dtype: type, layout: str, scale: float) -> None:
    """Forty sticks, crossing each other, on a field large enough for the directions to be mapped."""
    rng = np.random.default_rng(4)
    centres, angle, half = rng.uniform(10, (190, 90), (40, 2)), rng.uniform(0, 2 * np.pi, 40), rng.uniform(0.3, 25, 40)
    reach = np.stack([np.cos(angle), np.sin(angle)], axis=1) * half[:, None]
    ends = np.stack([centres - reach, centres + reach], axis=1)
    drawn = draw_fields(ends, np.ones((40, 2)), STICK, height=100, width=200, stride=1, limb_width=4)
    pafs = LAYOUTS[layout]((drawn.pafs * scale)[None].astype(dtype))
    candidates = candidates_at(np.concatenate([ends[:, 0], ends[:, 1]]), [40, 40], 1, 2)
    for rule in ({}, {"coverage": 0.4, "max_length": 40.0}, {"sample_threshold": 0.3, "max_samples": 9}):
        actual = score_limbs(pafs, candidates, STICK, **rule)
        assert len(actual) >= 40
        assert_agree(actual, pafs, candidates, STICK, **rule)


def test_directions_far_from_the_axes_are_not_pruned() -> None:
    """A field that is just strong enough along a limb of any direction keeps it; there are enough pairs for a map."""
    for degrees in np.arange(0.0, 360.0, 7.5):
        ux, uy = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        for turn in (-70.0, 0.0, 70.0):  # of the field against the limb
            strength = 0.0501 / np.cos(np.radians(turn))
            vx, vy = np.cos(np.radians(degrees + turn)) * strength, np.sin(np.radians(degrees + turn)) * strength
            pafs = constant_paf(float(vx), float(vy), 24, 24)
            ends = [(12 + r * ux, 12 + r * uy) for r in np.arange(0.25, 11, 0.25)]
            candidates = candidates_at([(12, 12), *ends], [1, len(ends)], 1, 2)
            assert len(score_limbs(pafs, candidates, STICK, coverage=1.0)) == len(ends)


def test_the_shortest_limbs_may_lie_across_the_field() -> None:
    """Below a cell the field's magnitude counts, however it points; there are enough pairs for a map of directions."""
    lengths = np.arange(0.05, 0.36, 0.01)
    for degrees in np.arange(0.0, 360.0, 7.5):
        ux, uy = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        pafs = constant_paf(-0.2 * float(ux), -0.2 * float(uy), 24, 24)
        candidates = candidates_at([(12, 12)] + [(12 + r * ux, 12 + r * uy) for r in lengths], [1, len(lengths)], 1, 2)
        assert len(score_limbs(pafs, candidates, STICK, coverage=1.0)) == len(lengths)


def test_crowded_candidates_at_the_border_agree_with_the_reference() -> None:
    """On the last row and column and beyond them, close enough together for a map of directions."""
    rng = np.random.default_rng(5)
    pafs = make_field("signed noise", 2, (1, 2, 20, 24), np.float32)
    edges = rng.choice([0.0, 0.4, 11.0, 18.6, 19.0, 22.5, 23.0, 23.2, 24.5], (60, 2)).astype(np.float32)
    candidates = candidates_at(edges, [30, 30], 1, 2)
    for rule in ({}, {"coverage": 1.0}, {"sample_threshold": 0.3, "coverage": 0.5}):
        assert_agree(score_limbs(pafs, candidates, STICK, **rule), pafs, candidates, STICK, **rule)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_only_sampled_values_must_be_finite(device: str, bad: float) -> None:
    pafs = constant_paf(1, 0)
    pafs[:, :2] = bad
    candidates = candidates_at([(5, 4), (15, 4), (15, 0)], [1, 2], 1, 2)
    pairs = score_limbs(on(device, pafs), candidates, STICK, max_length=10)  # the third is 10.8 away
    np.testing.assert_array_equal(pairs.second, [1])
    for score in (lambda field: score_limbs(on(device, field), candidates, STICK),
                  lambda field: reference_limbs(field, candidates, STICK)):  # fmt: skip
        with pytest.raises(ValueError, match=r"pafs must be finite .* at batch 0, channel 0 or the next$"):
            score(pafs)


def test_nothing_is_read_after_the_sample_that_fails_a_pair() -> None:
    pafs = constant_paf(1, 0)
    pafs[:, :, 10], pafs[:, :, :8] = 0, np.nan  # the middle comes first
    candidates = candidates_at([(5, 4), (15, 4)], [1, 1], 1, 2)
    assert len(score_limbs(pafs, candidates, STICK, coverage=1)) == 0
    with pytest.raises(ValueError, match="pafs must be finite"):
        score_limbs(pafs, candidates, STICK, coverage=0.5)


@examples(2)
@given(
    seed=seeds,
    bad=st.sampled_from([np.nan, np.inf, -np.inf]),
    dtype=dtypes,
    layout=layouts,
    threads=st.integers(1, 3),
)
def test_bad_values_give_the_reference_s_answer(seed: int, bad: float, dtype: type, layout: str, threads: int) -> None:
    """Values that are not finite are the same error where they count and nothing elsewhere."""
    rng = np.random.default_rng(seed)
    pafs = make_field("signed noise", seed, (2, 4, 12, 12), np.float32)
    pafs[rng.random(pafs.shape) < 0.03] = bad
    pafs = LAYOUTS[layout](pafs.astype(dtype))
    candidates = make_candidates(seed, 2, 3, 12, 12, most=3)
    rule = {"max_length": 5.0, "coverage": 0.5}
    try:
        expected = reference_limbs(pafs, candidates, THREE, **rule)
    except ValueError as error:
        with pytest.raises(ValueError, match=re.escape(str(error))):
            score_limbs(pafs, candidates, THREE, **rule, threads=threads)
    else:
        actual = score_limbs(pafs, candidates, THREE, **rule, threads=threads)
        np.testing.assert_allclose(actual.scores, expected.scores, rtol=1e-4)
        assert as_dict(actual).keys() == as_dict(expected).keys()


@pytest.mark.parametrize("value", [3.4e38, 1e30])
def test_a_sum_that_overflows_is_an_error(value: float) -> None:
    candidates = candidates_at([(5, 4), (25, 4)], [1, 1], 1, 2)
    pafs = constant_paf(value, 0)
    if value > 1e38:
        for score in (score_limbs, reference_limbs):
            with pytest.raises(ValueError, match="pafs must be finite"):
                score(pafs, candidates, STICK)
    else:
        np.testing.assert_allclose(score_limbs(pafs, candidates, STICK).scores, [value], 1e-4)


@pytest.mark.parametrize("batch", [0, 1, 3])
def test_no_candidates(batch: int) -> None:
    candidates = find_peaks(np.zeros((batch, 3, 5, 5), np.float32))
    pairs = score_limbs(np.ones((batch, 4, 5, 5), np.float32), candidates, THREE)
    assert len(pairs) == 0
    np.testing.assert_array_equal(pairs.offsets, np.zeros(2 * batch + 1))


def test_takes_the_reference_s_candidates() -> None:
    drawn = make_field("blobs", 3, (1, 3, 20, 20))
    pafs = make_field("signed noise", 3, (1, 4, 20, 20))
    expected = score_limbs(pafs, find_peaks(drawn), THREE)
    np.testing.assert_array_equal(score_limbs(pafs, reference.find_peaks(drawn), THREE).first, expected.first)


def test_names_what_does_not_fit() -> None:
    candidates = candidates_at([(1, 1), (2, 2)], [1, 1], 1, 2)
    pafs = constant_paf(1, 0)
    with pytest.raises(ValueError, match=r"pafs must have 4 channels but has shape \(2, 9, 40\)"):
        score_limbs(pafs, candidates_at([], [0, 0, 0], 1, 3), THREE)
    with pytest.raises(ValueError, match="skeleton must have the candidates' 2 joints but 'three' has 3"):
        score_limbs(np.zeros((4, 9, 40), np.float32), candidates, THREE)
    with pytest.raises(ValueError, match="pafs must hold the candidates' 1 images but has shape"):
        score_limbs(np.stack([pafs, pafs]), candidates, STICK)
    with pytest.raises(TypeError, match="pafs must be float32, float16 or bfloat16 but is float64"):
        score_limbs(pafs.astype(np.float64), candidates, STICK)
    with pytest.raises(ValueError, match=r"coverage must be from 0 to 1 but is 1\.5"):
        score_limbs(pafs, candidates, STICK, coverage=1.5)
    for name in ("threshold", "sample_threshold"):
        with pytest.raises(ValueError, match=f"{name} must be a number but is nan"):
            score_limbs(pafs, candidates, STICK, **{name: float("nan")})


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_candidates_must_lie_somewhere(bad: float) -> None:
    candidates = candidates_at([(1, bad), (2, 2)], [1, 1], 1, 2)
    with pytest.raises(ValueError, match="candidates must have finite positions"):
        score_limbs(constant_paf(1, 0), candidates, STICK)


@pytest.mark.parametrize("offsets", [[0, 1, 3], [0, 2, 1], [-1, 1, 2], [0, 2]])
def test_offsets_beyond_the_candidates_are_refused(offsets: list[int]) -> None:
    candidates = replace(candidates_at([(1, 1), (2, 2)], [1, 1], 1, 2), offsets=np.array(offsets, np.int64))
    with pytest.raises(ValueError, match="offsets"):
        score_limbs(constant_paf(1, 0), candidates, STICK)
