"""Parametric pose NMS: who stays, who goes, and that the rule is the written one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bottomup import People, Settings, decode_fields
from bottomup.fields import draw_fields
from bottomup.pose_nms import GRID, PoseNmsOptions, fit_pose_nms, pose_nms
from bottomup.skeleton import Skeleton
from bottomup.skeletons import COCO_17

THREE = Skeleton("three", ("a", "b", "c"), ((0, 1), (1, 2)), (0.1,) * 3)
POSE = np.array([[0, 0], [30, 40], [60, 100]], np.float32)


def shifted(right: float) -> np.ndarray:
    return POSE + np.array([right, 0], np.float32)


def make(poses: Any, joint_scores: Any = 0.9, scores: Any = None) -> People:
    keypoints = np.asarray(poses, np.float32).reshape(-1, 3, 2)
    keypoint_scores = np.broadcast_to(np.asarray(joint_scores, np.float32), keypoints.shape[:2])
    keypoint_scores = np.where(np.isnan(keypoints).any(axis=2), 0, keypoint_scores).astype(np.float32)
    scores = np.linspace(0.9, 0.5, len(keypoints)) if scores is None else scores
    return People(THREE, keypoints, keypoint_scores, np.asarray(scores, np.float32))


@st.composite
def crowds(draw: st.DrawFn) -> People:
    count = draw(st.integers(0, 6))
    keypoints = draw(arrays(np.float32, (count, 3, 2), elements=st.integers(0, 12).map(float)))
    joint_scores = draw(arrays(np.float32, (count, 3), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
    scores = draw(arrays(np.float32, count, elements=st.sampled_from([0.1, 0.2, 0.3, 0.4])))
    return People(THREE, np.where(joint_scores[..., None] > 0, keypoints, np.nan), joint_scores, scores)


def slow_similarity(a: Any, b: Any, sigma1: float, sigma2: float, weight: float, radius: float) -> float:
    """The formula of `pose_nms`, joint by joint: how similar b is to the better a."""
    places = [xy for xy, score in zip(a.keypoints, a.keypoint_scores, strict=True) if score > 0]
    if not places:
        return 0.0
    size = max(
        max(x for x, _ in places) - min(x for x, _ in places), max(y for _, y in places) - min(y for _, y in places), 1
    )
    total, count = 0.0, 0
    for (xa, ya), sa, (xb, yb), sb in zip(a.keypoints, a.keypoint_scores, b.keypoints, b.keypoint_scores, strict=True):
        count += sb > 0
        if sa > 0 and sb > 0:
            dx, dy = abs(float(xa) - float(xb)) / size, abs(float(ya) - float(yb)) / size
            if max(dx, dy) <= radius:
                total += np.tanh(sa / sigma1) * np.tanh(sb / sigma1)
            total += weight * np.exp(-(dx**2 + dy**2) / (2 * sigma2**2))
    return float(total / max(count, 1) / (1 + weight))


@given(crowds(), st.sampled_from([0.1, 1.0]), st.sampled_from([0.05, 0.3]), st.sampled_from([0.0, 2.0]))
def test_the_rule_is_the_written_one(people: People, sigma1: float, sigma2: float, weight: float) -> None:
    rule = (sigma1, sigma2, weight, 0.13)
    threshold = 0.437  # no similarity of such round numbers is as close to it as rounding
    order = sorted(range(len(people)), key=lambda n: -people.scores[n])
    kept: list[int] = []
    for n in order:
        if all(slow_similarity(people[m], people[n], *rule) < threshold for m in kept):
            kept.append(n)
    stayed = pose_nms(
        people,
        options=PoseNmsOptions(sigma1=sigma1, sigma2=sigma2, weight=weight, threshold=threshold, radius=0.13),
    )
    assert stayed == people[sorted(kept)]


@given(crowds())
def test_what_stays_stays_again(people: People) -> None:
    stayed = pose_nms(people)
    assert pose_nms(stayed) == stayed
    assert bool(len(stayed)) == bool(len(people))
    if len(people):
        assert stayed.scores.max() == people.scores.max()


@given(crowds(), st.integers(1, 6))
def test_near_and_far_people_are_treated_alike(people: People, power: int) -> None:
    scale = 2.0**power
    larger = People(people.skeleton, people.keypoints * np.float32(scale), people.keypoint_scores, people.scores)
    sizes = (people.boxes[:, 2:] - people.boxes[:, :2]).max(axis=1) if len(people) else np.ones(0)
    if (sizes >= 1).all():  # smaller ones count as a pixel large
        stayed = pose_nms(people)
        again = pose_nms(larger)
        np.testing.assert_array_equal(again.keypoints, stayed.keypoints * np.float32(scale))


def test_the_better_of_two_guesses_at_one_person_stays() -> None:
    people = make([POSE + 1, POSE, POSE + 300], scores=[0.5, 0.8, 0.3])
    assert pose_nms(people) == people[[1, 2]]


def test_a_fragment_of_a_body_is_redundant_and_a_body_of_others_is_not() -> None:
    fragment = np.array([[np.nan, np.nan], [31, 40], [np.nan, np.nan]])
    neighbour = shifted(20)
    people = make([POSE, fragment, neighbour])
    assert pose_nms(people) == people[[0, 2]]


def test_who_shares_one_joint_is_not_redundant() -> None:
    crossing = np.array([[60, 0], [30, 40], [0, 100]])
    people = make([POSE, crossing])
    assert pose_nms(people) == people


def test_distance_counts_by_the_size_of_the_better_one() -> None:
    near = make([10 * POSE, 10 * POSE + 10])
    assert len(pose_nms(near)) == 1
    far = make([POSE, POSE + 10])
    assert len(pose_nms(far)) == 2


def test_a_threshold_above_one_keeps_everybody() -> None:
    people = make([POSE, POSE, POSE])
    assert len(pose_nms(people, options=PoseNmsOptions(threshold=0.9))) == 1
    assert pose_nms(people, options=PoseNmsOptions(threshold=1.01)) == people


def test_nobody_stays_nobody() -> None:
    assert pose_nms(People.empty(COCO_17)) == People.empty(COCO_17)


def test_who_has_no_joints_makes_nobody_redundant() -> None:
    people = make([np.full((3, 2), np.nan), POSE, np.full((3, 2), np.nan)])
    assert pose_nms(people) == people


@pytest.mark.parametrize("name", ["sigma1", "sigma2", "weight", "threshold", "radius"])
@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_options_are_checked(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at least .* but is {value}$"):
        PoseNmsOptions(**{name: value})


@pytest.mark.parametrize("name", ["sigma1", "sigma2"])
def test_nothing_is_divided_by_zero(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} must be at least 1e-06 but is 0$"):
        PoseNmsOptions(**{name: 0})


def test_people_must_be_people() -> None:
    with pytest.raises(TypeError, match="people must be People but is a list"):
        pose_nms([])  # type: ignore[arg-type]


def test_the_decoder_asks_only_if_told_to() -> None:
    poses = 80 * np.array([[[0.2, 0.2], [0.3, 0.4], [0.2, 0.8]], [[1.2, 0.2], [1.3, 0.4], [1.2, 0.8]]])
    fields = draw_fields(poses, np.full((2, 3), 2), THREE, height=80, width=160, stride=4)

    def decode(**settings: Any) -> People:
        found = decode_fields(fields.heatmaps, fields.pafs, THREE, stride=4, settings=Settings(**settings))
        assert isinstance(found, People)
        return found

    everything = PoseNmsOptions(threshold=0.0)
    assert len(decode(pose_nms=everything)) == 2
    assert len(decode(nms=True)) == 2
    assert decode(nms=True, pose_nms=everything) == decode()[:1]  # then all others are redundant beside the best


# -- learning --------------------------------------------------------------------------------------------------------


def guesses() -> list[People]:
    """Two people 20 pixels apart, 100 high, with a second guess at each that is 6 pixels off."""
    return [make([POSE, shifted(20), shifted(6), shifted(26)])]


def right_ones(people: list[People]) -> float:
    """1 if there is one person for each of the two."""
    return float(people == [guesses()[0][:2]])


def test_fitting_finds_parameters_that_are_right() -> None:
    assert right_ones([pose_nms(guesses()[0])]) == 0  # 6 % of the size is more than a tenth of the box allows
    found = fit_pose_nms(guesses(), right_ones)
    assert right_ones([pose_nms(guesses()[0], options=found)]) == 1
    assert all(getattr(found, name) in values for name, values in GRID.items())
    assert found.radius == PoseNmsOptions().radius


def test_fitting_keeps_the_start_if_nothing_is_better() -> None:
    start = PoseNmsOptions(sigma1=0.123, sigma2=0.05, weight=1.5, threshold=0.45)
    assert fit_pose_nms(guesses(), lambda people: 0.0, start=start) == start
    assert fit_pose_nms([], lambda people: 0.0) == PoseNmsOptions()


def test_fitting_searches_what_the_grid_names() -> None:
    tried = []

    def score(people: list[People]) -> float:
        tried.append(people)
        return 0.0

    found = fit_pose_nms(guesses(), score, grid={"threshold": (0.1, 0.9)})
    assert len(tried) == 3
    assert found == PoseNmsOptions()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"grid": {"radius": (0.1,)}}, "grid must name some of .* but has 'radius'"),
        ({"grid": {"eta": (0.1,)}}, "grid must name some of .* but has 'eta'"),
        ({"grid": {"sigma1": ()}}, "grid must have values to try but has none for 'sigma1'"),
    ],
)
def test_unknown_parameters_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_pose_nms([], lambda people: 0.0, **options)


def test_the_published_similarity_is_a_sum_in_pixels() -> None:
    """RMPE, eq. 8 and 9: joints within a tenth of the box count by their certainty, all by exp(-d^2 / sigma2)."""
    apart = 2.5  # pixels; the box is 60 wide, so that 3 pixels are the same joint
    people = make([POSE, shifted(apart)])
    certain = np.tanh(0.9 / 0.3) ** 2
    similarity = 3 * (certain + 0.5 * np.exp(-(apart**2) / 20.0))
    for threshold, stay in ((similarity - 1e-3, 1), (similarity + 1e-3, 2)):
        options = PoseNmsOptions(sigma1=0.3, sigma2=20.0, weight=0.5, threshold=threshold, published=True)
        assert len(pose_nms(people, options=options)) == stay
    far = make([POSE, shifted(3.5)])
    options = PoseNmsOptions(sigma1=0.3, sigma2=1e-6, weight=0.5, threshold=1e-3, published=True)
    assert len(pose_nms(far, options=options)) == 2, "beyond w / 20 it is another joint"


def test_redundant_people_are_merged_by_their_scores() -> None:
    poses = np.stack([POSE, shifted(4.0), shifted(300.0)])
    poses[1, 2] = shifted(90.0)[2]  # not the same joint
    people = make(poses, joint_scores=np.array([[0.9] * 3, [0.3] * 3, [0.9] * 3], np.float32))
    merged = pose_nms(people, options=PoseNmsOptions(threshold=0.3, merge=True))
    assert len(merged) == 2
    np.testing.assert_allclose(merged.keypoints[0, :2], shifted(4.0 * 0.3 / 1.2)[:2], rtol=1e-5)
    np.testing.assert_allclose(merged.keypoints[0, 2], POSE[2])
    np.testing.assert_array_equal(merged.keypoints[1], shifted(300.0))
    assert pose_nms(people, options=PoseNmsOptions(threshold=0.3)).keypoints[0].tolist() == POSE.tolist()
    gap = POSE.copy()
    gap[1] = np.nan
    alone = pose_nms(make([gap]), options=PoseNmsOptions(merge=True))
    np.testing.assert_array_equal(alone.keypoints[0], gap)
