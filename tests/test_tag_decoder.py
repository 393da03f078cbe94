"""decode_tags: people whose tags are drawn, in every layout that a network gives."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import bottomup
from bottomup import People, Settings, decode_tags
from bottomup.benchmarks.crowds import make_crowd
from bottomup.fields import cell_centres, draw_heatmaps
from bottomup.kernels import TagOptions
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.fields import DEVICES, on

Floats = npt.NDArray[np.float32]
GOLDEN = Path(os.environ.get("BOTTOMUP_DATA", "")) / "networks" / "golden" / "decode_higherhrnet.npz"
STRIDE = 4


def scene(
    people: int = 5, seed: int = 0, depth: int = 1, noise: float = 0.05, crowd_index: float = 0.2
) -> tuple[Any, Floats, Floats]:
    """A crowd, its heatmaps, and tags (K, D, h, w) that are the person's number in a disc around each joint."""
    crowd = make_crowd(people, COCO_17, height=320, width=480, crowd_index=crowd_index, hidden=0, seed=seed)
    rng = np.random.default_rng(seed)
    ys, xs = cell_centres(80, STRIDE), cell_centres(120, STRIDE)
    heatmaps = draw_heatmaps(crowd.keypoints, crowd.visible, xs, ys, 7.0)
    nearest = np.full(heatmaps.shape, 16.0)
    tags = np.zeros((17, depth, 80, 120), np.float32)
    for person, points in enumerate(crowd.keypoints):
        for joint, (x, y) in enumerate(points):
            apart = np.hypot(xs[None] - x, ys[:, None] - y)
            closer = apart < nearest[joint]
            nearest[joint][closer] = apart[closer]
            tags[joint, :, closer] = person * 1.5 + rng.normal(0, noise, depth)
    return crowd, heatmaps, tags


def assert_found(people: People, crowd: Any, *, share: float = 0.95) -> None:
    assert len(people) == len(crowd)
    close = 0
    for truth, visible in zip(crowd.keypoints, crowd.visible, strict=True):
        apart = np.linalg.norm(people.keypoints - truth, axis=2)[:, visible]
        close += int((np.nan_to_num(apart, nan=99) < STRIDE).sum(axis=1).max())
    assert close >= share * crowd.visible.sum()


@pytest.mark.parametrize("people", [1, 2, 12])
def test_people_are_found(people: int) -> None:
    crowd, heatmaps, tags = scene(people)
    found = decode_tags(heatmaps, tags[:, 0], COCO_17, stride=STRIDE)
    assert isinstance(found, People)
    assert found.skeleton == COCO_17
    assert_found(found, crowd)
    assert (np.diff(found.scores) <= 0).all()


@pytest.mark.parametrize("assignment", ["sweep", "single", "limb", "greedy", "tags"])
def test_every_way_to_group_finds_them(assignment: str) -> None:
    crowd, heatmaps, tags = scene(4)
    found = decode_tags(heatmaps, tags[:, 0], COCO_17, stride=STRIDE, settings=Settings(assignment=assignment))
    assert isinstance(found, People)
    assert_found(found, crowd, share=0.9)


def test_tags_of_several_values_in_both_orders_and_batches() -> None:
    scenes = [scene(3, seed, depth=2) for seed in range(2)]
    heatmaps, tags = np.stack([one[1] for one in scenes]), np.stack([one[2] for one in scenes])
    inside = decode_tags(heatmaps, tags, COCO_17, stride=STRIDE)
    outside = decode_tags(heatmaps, np.moveaxis(tags, 2, -1), COCO_17, stride=STRIDE)
    assert isinstance(inside, list)
    for one, other, (crowd, heat, embedding) in zip(inside, outside, scenes, strict=True):
        assert_found(one, crowd)
        alone = decode_tags(heat, embedding, COCO_17, stride=STRIDE)
        assert isinstance(alone, People)
        for people in (other, alone):
            np.testing.assert_array_equal(one.keypoints, people.keypoints)
            np.testing.assert_array_equal(one.keypoint_scores, people.keypoint_scores)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_any_device_and_type_gives_the_same(device: str, dtype: Any) -> None:
    _, heatmaps, tags = scene(4)
    heatmaps, tags = heatmaps.astype(dtype), tags[:, 0].astype(dtype)
    expected = decode_tags(heatmaps.astype(np.float32), tags.astype(np.float32), COCO_17, stride=STRIDE)
    actual = decode_tags(on(device, heatmaps), on(device, tags), COCO_17, stride=STRIDE)
    assert isinstance(actual, People)
    assert isinstance(expected, People)
    np.testing.assert_allclose(actual.keypoints, expected.keypoints, atol=1e-3)
    np.testing.assert_allclose(actual.keypoint_scores, expected.keypoint_scores, atol=1e-5)


def test_maxima_among_negated_cells_are_understood() -> None:
    crowd, heatmaps, tags = scene(4)
    negated = np.where(heatmaps > 0.9, heatmaps, -heatmaps)
    expected = decode_tags(heatmaps, tags[:, 0], COCO_17, stride=STRIDE)
    actual = decode_tags(negated, tags[:, 0], COCO_17, stride=STRIDE)
    assert isinstance(actual, People)
    assert isinstance(expected, People)
    assert_found(actual, crowd)
    np.testing.assert_array_equal(actual.keypoints, expected.keypoints)


def test_peaks_alone_among_zeros_are_people() -> None:
    crowd, heatmaps, tags = scene(1)
    zeroed = np.where(heatmaps == heatmaps.max(axis=(1, 2), keepdims=True), heatmaps, 0)
    found = decode_tags(zeroed, tags[:, 0], COCO_17, stride=STRIDE)
    assert isinstance(found, People)
    assert_found(found, crowd)


def test_empty_and_flat_maps_are_nobody() -> None:
    for heat in (0.0, 0.05):
        found = decode_tags(
            np.full((17, 20, 30), heat, np.float32), np.zeros((17, 20, 30), np.float32), COCO_17, stride=STRIDE
        )
        assert len(found) == 0
    assert (
        decode_tags(np.zeros((0, 17, 4, 4), np.float32), np.zeros((0, 17, 4, 4), np.float32), COCO_17, stride=1) == []
    )


def test_a_faint_joint_is_found_by_its_tag_and_scores_what_it_shows() -> None:
    crowd, heatmaps, tags = scene(2)
    wrist = COCO_17.index("left_wrist")
    heatmaps[wrist] *= 0.05
    found = decode_tags(heatmaps, tags[:, 0], COCO_17, stride=STRIDE)
    assert isinstance(found, People)
    assert_found(found, crowd)
    assert ((found.keypoint_scores[:, wrist] > 0.03) & (found.keypoint_scores[:, wrist] < 0.06)).all()
    none = Settings(tags=TagOptions(min_response=0.06))
    bare = decode_tags(heatmaps, tags[:, 0], COCO_17, stride=STRIDE, settings=none)
    assert isinstance(bare, People)
    assert (bare.keypoint_scores[:, wrist] == 0).all()
    np.testing.assert_array_equal(bare.scores, found.scores)


def test_a_joint_without_a_peak_lies_where_its_tag_does() -> None:
    crowd, heatmaps, tags = scene(3)
    wrist = COCO_17.index("left_wrist")
    heatmaps[wrist] = np.random.default_rng(0).uniform(0.031, 0.06, heatmaps[wrist].shape)
    elsewhere = np.where(tags == 0, -9, tags)  # where no joint is, no person has the tag
    found = decode_tags(heatmaps, elsewhere[:, 0], COCO_17, stride=STRIDE)
    assert isinstance(found, People)
    assert_found(found, crowd)
    there = found.keypoints[:, wrist][found.keypoint_scores[:, wrist] > 0]
    distances = np.linalg.norm(there[:, None] - crowd.keypoints[None, crowd.visible[:, wrist], wrist], axis=2)
    assert len(there) >= crowd.visible[:, wrist].sum()
    assert (distances.min(axis=0) < STRIDE).all()


def test_wrong_input_is_named() -> None:
    heat = np.zeros((17, 8, 8), np.float32)
    with pytest.raises(ValueError, match="tags must have shape"):
        decode_tags(heat, np.zeros((17, 8, 9), np.float32), COCO_17, stride=4)
    with pytest.raises(TypeError, match="tags must be float32"):
        decode_tags(heat, np.zeros((17, 8, 8), np.int64), COCO_17, stride=4)
    with pytest.raises(ValueError, match="stride must be"):
        decode_tags(heat, heat, COCO_17, stride=0)
    with pytest.raises(ValueError, match="heatmaps must be finite"):
        decode_tags(np.full_like(heat, np.nan), heat, COCO_17, stride=4)
    bad = heat.copy()
    bad[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match=r"tags must be finite .* channel 3, row 2, column 1"):
        decode_tags(heat, bad, COCO_17, stride=4, settings=Settings(validate=True))
    with pytest.raises(ValueError, match='assignment must not be "tags"'):
        bottomup.decode_fields(
            heat, np.zeros((2 * COCO_17.num_limbs, 8, 8), np.float32), COCO_17, stride=4,
            settings=Settings(assignment="tags"),
        )  # fmt: skip


@pytest.mark.skipif(
    "BOTTOMUP_DATA" not in os.environ or not GOLDEN.is_file(), reason="needs golden outputs in $BOTTOMUP_DATA"
)
@pytest.mark.parametrize(("case", "people"), [("three", 3), ("three_flip", 3), ("crowdpose", 3), ("many", 24)])
def test_published_maps_have_the_people_that_were_drawn(case: str, people: int) -> None:
    with np.load(GOLDEN) as golden:
        heatmaps, tags = golden[f"{case}_heatmaps"].astype(np.float32), golden[f"{case}_tags"]
        poses, matched = golden[f"{case}_poses"], golden[f"{case}_matched"]
    skeleton = COCO_17 if heatmaps.shape[1] == 17 else CROWDPOSE_14
    (published,) = decode_tags(heatmaps, tags, skeleton, stride=4, settings=Settings(assignment="tags"))
    assert len(published) == people
    expected = poses[np.argsort(-matched[..., 2].mean(axis=1), kind="stable")]
    np.testing.assert_allclose(published.keypoints, expected[..., :2] * 4 - 0.5, atol=0.01)
    np.testing.assert_allclose(published.keypoint_scores, expected[..., 2], atol=1e-6)
    (own,) = decode_tags(heatmaps, tags, skeleton, stride=4)
    assert len(own) == people
    seen = matched[..., 2] > 0
    apart = np.linalg.norm(own.keypoints[:, None] - (poses[..., :2] * 4 - 0.5)[None], axis=3)
    same = (np.nan_to_num(apart, nan=99.0) < 4) & seen
    assert same.sum(axis=2).max(axis=0).sum() >= 0.98 * seen.sum()
