"""trace_limbs: the compiled kernel against its NumPy reference and against limbs whose ends are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup import kernels
from bottomup.fields import Fields, draw_fields
from bottomup.kernels import Candidates, LimbOptions, LimbPairs, TraceOptions, find_peaks, reference
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17
from tests.makers.examples import examples
from tests.makers.fields import LAYOUTS, THREE, dtypes, layouts, make_candidates, make_field, seeds
from tests.makers.limbs import score_limbs

# No value of a made field lies on a threshold.
RULE = TraceOptions(
    min_response=0.2, max_pair_affinity=0.7, min_sample=0.1013, min_support=0.2011, min_length=2.0, clearance=2.0,
    merge_radius=5.0,
)  # fmt: skip
LIMBS = LimbOptions(sample_threshold=0.0507, max_limb_length=0.5)
SCORE = 0.1
CHAIN = np.array([[[20.0, 20.0], [60.0, 30.0], [90.0, 60.0]]])


def typical(count: int = 1, value: float = 0.9) -> npt.NDArray[np.float32]:
    return np.full(count, value, np.float32)


def drawn(hidden: Any, keypoints: npt.NDArray[np.float64] = CHAIN) -> Fields:
    """A chain of three joints at stride 1; all limbs are there, of the joints only those that are not hidden."""
    seen = np.ones(keypoints.shape[:2], bool)
    fields = draw_fields(keypoints, seen, THREE, height=80, width=120, stride=1, sigma=2, limb_width=3)
    seen[:, hidden] = False
    joints = draw_fields(keypoints, seen, THREE, height=80, width=120, stride=1, sigma=2, limb_width=3)
    return replace(fields, heatmaps=joints.heatmaps)


def follow(
    pafs: Any,
    candidates: Candidates,
    pairs: LimbPairs,
    skeleton: Skeleton,
    near: npt.NDArray[np.float32],
    rule: TraceOptions = RULE,
    *,
    limbs: LimbOptions = LIMBS,
    trace: Any = kernels.trace_limbs,
    **more: int,
) -> tuple[Candidates, LimbPairs]:
    found: tuple[Candidates, LimbPairs] = trace(
        pafs, candidates, pairs, skeleton, near, score=SCORE, limbs=limbs, options=rule, **more
    )
    return found


def traced(fields: Fields, rule: TraceOptions = RULE) -> tuple[Candidates, LimbPairs]:
    candidates = find_peaks(fields.heatmaps)
    pairs = score_limbs(fields.pafs, candidates, fields.skeleton)
    return follow(fields.pafs, candidates, pairs, fields.skeleton, typical(), rule)


def assert_same(actual: tuple[Candidates, LimbPairs], expected: tuple[Candidates, LimbPairs]) -> None:
    for name in ("offsets", "xy", "scores", "extents"):
        np.testing.assert_allclose(getattr(actual[0], name), getattr(expected[0], name), rtol=1e-4, atol=1e-3)
        assert getattr(actual[0], name).dtype == getattr(expected[0], name).dtype
    for name in ("offsets", "first", "second", "scores"):
        np.testing.assert_allclose(getattr(actual[1], name), getattr(expected[1], name), rtol=1e-4, atol=1e-3)
        assert getattr(actual[1], name).dtype == getattr(expected[1], name).dtype


@pytest.mark.parametrize("hidden", [0, 2])
def test_the_hidden_end_of_a_limb_is_found(hidden: int) -> None:
    candidates, pairs = traced(drawn(hidden))
    assert np.diff(candidates.offsets).tolist() == [1, 1, 1]
    np.testing.assert_allclose(candidates.xy[hidden], CHAIN[0, hidden], atol=2.5)
    assert candidates.scores[hidden] == pytest.approx(SCORE, rel=0.2)
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 1), (1, 2)]


def test_limbs_that_meet_at_a_hidden_joint_find_one() -> None:
    candidates, pairs = traced(drawn(1))
    assert np.diff(candidates.offsets).tolist() == [1, 1, 1]
    np.testing.assert_allclose(candidates.xy[1], CHAIN[0, 1], atol=2)
    assert list(zip(pairs.first, pairs.second, strict=True)) == [(0, 1), (1, 2)]
    assert np.diff(pairs.offsets).tolist() == [1, 1]


def test_people_apart_keep_their_own_joints() -> None:
    two = np.concatenate([CHAIN, CHAIN + np.array([0.0, 15.0])])
    candidates, pairs = traced(drawn(1, two))
    assert np.diff(candidates.offsets).tolist() == [2, 2, 2]
    found = candidates.xy[2:4]
    np.testing.assert_allclose(found[np.argsort(found[:, 1])], two[:, 1], atol=2.5)
    assert len(pairs) == 4


def test_nothing_is_added_where_every_limb_has_its_joints() -> None:
    fields = drawn([])
    candidates = find_peaks(fields.heatmaps)
    pairs = score_limbs(fields.pafs, candidates, THREE)
    again = follow(fields.pafs, candidates, pairs, THREE, typical(), RULE)
    assert again[0] is candidates
    assert again[1] is pairs


def test_a_candidate_at_the_end_is_that_joint() -> None:
    fields = drawn([])
    candidates = find_peaks(fields.heatmaps)
    none = LimbPairs(np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))
    assert len(follow(fields.pafs, candidates, none, THREE, typical(), RULE)[0]) == 3
    far = follow(fields.pafs, candidates, none, THREE, typical(), replace(RULE, clearance=0.0))[0]
    assert len(far) == 7 - 1  # two ends meet at the joint in the middle


@pytest.mark.parametrize(
    ("name", "value"),
    [("min_response", 1.1), ("min_sample", 2.0), ("min_support", 1.5), ("min_length", 30.0)],
)
def test_each_rule_can_forbid_a_trace(name: str, value: Any) -> None:
    rule = replace(RULE, **{name: value})
    assert len(traced(drawn(2), rule)[0]) == 2


def test_a_trace_is_no_longer_than_the_longest_limb() -> None:
    """The limb that is found ends at a candidate that cannot be reached within three steps."""
    fields = drawn(2)
    candidates = find_peaks(fields.heatmaps)
    pairs = score_limbs(fields.pafs, candidates, THREE)
    near = replace(LIMBS, max_limb_length=3 / 120)
    assert len(follow(fields.pafs, candidates, pairs, THREE, typical(), limbs=near)[0]) == 2


def test_a_trace_stops_at_the_edge_of_the_picture() -> None:
    leaving = np.array([[[20.0, 20.0], [60.0, 40.0], [150.0, 40.0]]])
    candidates, _ = traced(drawn(2, leaving))
    assert np.diff(candidates.offsets).tolist() == [1, 1, 1]
    assert 112 <= candidates.xy[2, 0] <= 119


def test_a_gap_of_one_step_is_walked_over_and_two_are_not() -> None:
    fields = drawn(2)
    one, two = fields.pafs.copy(), fields.pafs.copy()
    one[2:, :, 75:76] = 0
    two[2:, :, 74:78] = 0
    np.testing.assert_allclose(traced(replace(fields, pafs=one))[0].xy[2], CHAIN[0, 2], atol=2.5)
    assert traced(replace(fields, pafs=two))[0].xy[2, 0] < 75


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_sampled_value_that_is_not_finite_is_reported(value: float) -> None:
    fields = drawn(2)
    pafs = fields.pafs.copy()
    pafs[2:, :, 70] = value
    candidates = find_peaks(fields.heatmaps)
    pairs = score_limbs(pafs, candidates, THREE)
    for trace in (kernels.trace_limbs, reference.trace_limbs):
        with pytest.raises(ValueError, match=r"^pafs must be finite"):
            follow(pafs, candidates, pairs, THREE, typical(), trace=trace)


def test_batches_are_traced_image_by_image() -> None:
    images = [drawn(2), drawn([]), drawn(1)]
    heatmaps, pafs = (np.stack([getattr(image, name) for image in images]) for name in ("heatmaps", "pafs"))
    candidates = find_peaks(heatmaps)
    pairs = score_limbs(pafs, candidates, THREE)
    candidates, pairs = follow(pafs, candidates, pairs, THREE, typical(3))
    assert np.diff(candidates.offsets).tolist() == [1] * 9
    assert np.diff(pairs.offsets).tolist() == [1] * 6
    expected = follow(pafs, *_untraced(heatmaps, pafs), THREE, typical(3), trace=reference.trace_limbs)
    assert_same((candidates, pairs), expected)


def _untraced(heatmaps: Any, pafs: Any) -> tuple[Candidates, LimbPairs]:
    candidates = find_peaks(heatmaps)
    return candidates, score_limbs(pafs, candidates, THREE)


@examples(0.6)
@given(
    seed=seeds,
    layout=layouts,
    dtype=dtypes,
    images=st.integers(1, 2),
    side=st.integers(1, 40),
    threads=st.integers(1, 4),
)
def test_kernel_and_reference_agree(seed: int, layout: str, dtype: Any, images: int, side: int, threads: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (images, 2 * THREE.num_limbs, side, int(rng.integers(1, 50)))
    pafs = make_field(str(rng.choice(["blobs", "signed noise", "noise"])), seed, shape, dtype)
    pafs[:, ::2] += np.asarray(rng.uniform(-0.5, 0.5), dtype)  # so that some traces are long
    candidates = make_candidates(seed, images, 3, *shape[2:])
    pairs = score_limbs(pafs, candidates, THREE)
    rule = replace(RULE, max_pair_affinity=float(rng.choice([0.7, 3.0])), min_length=float(rng.choice([0.0, 2.0])))
    near = np.asarray(rng.uniform(0.2, 1, images), np.float32)
    expected = follow(pafs, candidates, pairs, THREE, near, rule, trace=reference.trace_limbs)
    actual = follow(LAYOUTS[layout](pafs), candidates, pairs, THREE, near, rule, threads=threads)
    assert_same(actual, expected)


@pytest.mark.slow
@examples(0.15)
@given(seed=seeds)
def test_kernel_and_reference_agree_on_people_with_hidden_joints(seed: int) -> None:
    rng = np.random.default_rng(seed)
    people = rng.uniform(0, 60, (4, COCO_17.num_joints, 2))
    seen = rng.random(people.shape[:2]) < 0.8
    whole = draw_fields(people, np.ones_like(seen), COCO_17, height=64, width=64, stride=1, sigma=1.5, limb_width=2)
    heatmaps = draw_fields(people, seen, COCO_17, height=64, width=64, stride=1, sigma=1.5, limb_width=2).heatmaps
    candidates = find_peaks(heatmaps)
    pairs = score_limbs(whole.pafs, candidates, COCO_17)
    args = (whole.pafs, candidates, pairs, COCO_17, typical())
    expected = follow(*args, trace=reference.trace_limbs)
    for threads in (1, 3, 64):
        assert_same(follow(*args, threads=threads), expected)
