"""Whose joint it is where several crops show it: everybody's own, contested ones, boxes of one person."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bottomup.crop_geometry import crop_view
from bottomup.fields import cell_centres, draw_heatmaps
from bottomup.joint_sharing import joint_nodes, share_joints
from bottomup.skeletons import CROWDPOSE_14

SIZE, STRIDE = 128, 4


def crop_maps(people: np.ndarray, boxes: np.ndarray, own: float = 0.9, others: float = 0.45, owners: Any = None) -> Any:
    """Heatmaps of crops in which a person's own joints are high and those of others half as high, and their views."""
    centres, maps, views = cell_centres(SIZE // STRIDE, STRIDE), [], []
    for person, box in zip(range(len(boxes)) if owners is None else owners, boxes, strict=True):
        view = crop_view(box, SIZE)
        moved = people @ view[:2, :2].T + view[:2, 2]
        seen = np.ones((1, people.shape[1]), bool)
        each = [draw_heatmaps(one[None], seen, centres, centres, 7.0) for one in moved]
        factors = [own if n == person else others for n in range(len(people))]
        maps.append(np.max([factor * one for factor, one in zip(factors, each, strict=True)], axis=0))
        views.append(view)
    return np.stack(maps).astype(np.float32), np.stack(views), boxes, CROWDPOSE_14.sigmas, STRIDE


def two_people() -> tuple[np.ndarray, np.ndarray]:
    first = np.random.default_rng(3).uniform([100, 50], [180, 240], (14, 2))
    people = np.stack([first, first + np.array([45, 8])])
    return people, np.concatenate([people.min(axis=1), people.max(axis=1)], axis=1)


def test_everybody_keeps_their_own_joints() -> None:
    people, boxes = two_people()
    xy, scores, means = share_joints(*crop_maps(people, boxes))
    apart = np.linalg.norm(xy - people, axis=2)
    assert apart.max() < 6
    assert np.median(apart) < 1.5
    assert scores.max() <= 0.9 + 1e-6
    np.testing.assert_allclose(means, scores.mean(axis=1))


def test_of_several_boxes_of_one_person_the_best_stays() -> None:
    people, boxes = two_people()
    jittered = boxes + np.random.default_rng(1).normal(0, 6, boxes.shape)
    four = crop_maps(people, np.concatenate([boxes, jittered]), owners=[0, 1, 0, 1])
    xy, scores, _ = share_joints(*four)
    stays = scores.any(axis=1)
    assert stays.tolist().count(True) == 2
    owners = np.array([0, 1, 0, 1])[stays]
    assert sorted(owners) == [0, 1]
    assert np.linalg.norm(xy[stays] - people[owners], axis=2).max() < 8
    assert np.isnan(xy[~stays]).all()
    assert share_joints(*four, max_shared=1.0)[1].any(axis=1).all()


def test_two_people_in_one_place_are_two() -> None:
    """Their poses are as alike as those of two boxes of one person, but each crop shows the other's joints lower."""
    first = np.random.default_rng(5).uniform([100, 50], [180, 240], (14, 2))
    people = np.stack([first, first + np.array([11.0, 7.0])])
    boxes = np.concatenate([people.min(axis=1) - 5, people.max(axis=1) + 5], axis=1)
    xy, scores, _ = share_joints(*crop_maps(people, boxes, others=0.5))
    assert scores.any(axis=1).all()
    apart = np.linalg.norm(xy - people, axis=2)
    assert np.median(apart) < 3


def test_a_joint_that_two_crops_show_serves_one_person() -> None:
    # One wrist in both boxes; each network takes it for its own person's, the second more so.
    maps = np.zeros((2, 1, 32, 32), np.float32)
    y, x = np.mgrid[:32, :32]
    boxes, wrist = np.array([[0.0, 0, 100, 100], [20, 0, 120, 100]]), np.array([60.0, 50.0])
    views = np.stack([crop_view(box, SIZE) for box in boxes])
    for crop, (view, height) in enumerate(zip(views, (0.6, 0.8), strict=True)):
        column, row = (view[:2, :2] @ wrist + view[:2, 2] + 0.5) / STRIDE - 0.5
        maps[crop, 0] = height * np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 1.75**2))
    xy, scores, means = share_joints(maps, views, boxes, [0.1], STRIDE, max_shared=1.0)
    np.testing.assert_allclose(xy[:, 0], [wrist, wrist], atol=1)
    assert scores[0, 0] == pytest.approx(0.1), "it stays where its crop shows it, at a token score"
    assert scores[1, 0] == pytest.approx(0.8, abs=0.05)
    assert means[0] == pytest.approx(0.6, abs=0.05)
    # If the first has another candidate, it takes that.
    maps[0, 0, 5, 5] = 0.3
    xy, scores, _ = share_joints(maps, views, boxes, [0.1], STRIDE)
    assert scores[0, 0] == pytest.approx(0.3)
    assert np.hypot(*(xy[0, 0] - wrist)) > 30
    assert scores[1, 0] > 0.7


def blob(maps: np.ndarray, crop: int, place: tuple[float, float], height: float) -> None:
    """A Gaussian of 1.75 cells around a cell of joint 0 of a crop."""
    y, x = np.mgrid[:32, :32]
    one = height * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 1.75**2))
    maps[crop, 0] = np.maximum(maps[crop, 0], one)


def test_two_joints_close_together_are_both_kept() -> None:
    """Two ankles within reach of each other, each highest in its own crop; a third one elsewhere tempts the loser."""
    maps, boxes = np.zeros((2, 1, 32, 32), np.float32), np.array([[0.0, 0, 128, 128]] * 2)
    views = np.stack([np.eye(3)] * 2)
    for crop, place in enumerate(((10.0, 10.0), (12.0, 10.0))):
        blob(maps, crop, place, 0.9)
        blob(maps, crop, (25.0, 25.0), 0.4)
    xy, scores, _ = share_joints(maps, views, boxes, [0.1], STRIDE, max_shared=1.0)  # a reach of 12.8 pixels
    np.testing.assert_allclose(np.sort(xy[:, 0, 0]), [41.5, 49.5], atol=1)
    np.testing.assert_allclose(xy[:, 0, 1], 41.5, atol=1)
    np.testing.assert_allclose(np.sort(scores[:, 0]), [0.9 * 8 / 12.8, 0.9], atol=0.06)


def test_no_person_gives_up_a_joint_for_the_sake_of_the_sum() -> None:
    """The second crop shows no joint of its own, but the first one's, half as high; the first shows another, too."""
    maps, boxes = np.zeros((2, 1, 32, 32), np.float32), np.array([[0.0, 0, 128, 128]] * 2)
    views = np.stack([np.eye(3)] * 2)
    for crop, place, height in ((0, (10.0, 10.0), 0.95), (0, (20.0, 20.0), 0.49), (1, (10.0, 10.0), 0.49)):
        blob(maps, crop, place, height)
    xy, scores, _ = share_joints(maps, views, boxes, [0.1], STRIDE, max_shared=1.0)
    np.testing.assert_allclose(xy[:, 0], 41.5, atol=1)
    np.testing.assert_allclose(scores[:, 0], [0.95, 0.1], atol=0.03)


def test_the_nearest_candidates_are_one_joint() -> None:
    places = np.array([[0.0, 0], [4, 0], [5, 0], [30, 0]])
    node = joint_nodes(places, np.full(4, 6.0), np.array([0, 0, 1, 2]))
    assert node[1] == node[2] != node[0], "not the first one, though it is in reach"
    assert len(set(node.tolist())) == 3
    apart = joint_nodes(places, np.array([6, 6, 0.5, 6]), np.array([0, 0, 1, 2]))
    assert len(set(apart.tolist())) == 4, "the smaller reach of the two counts"
    assert joint_nodes(places[:0], np.zeros(0), np.zeros(0, np.int64)).shape == (0,)


def test_without_candidates_there_is_nobody() -> None:
    views = np.stack([crop_view([0, 0, 50, 50], SIZE)] * 2)
    xy, scores, means = share_joints(
        np.zeros((2, 3, 32, 32), np.float32), views, np.array([[0.0, 0, 50, 50]] * 2), [0.1] * 3, STRIDE
    )
    assert np.isnan(xy).all()
    assert not scores.any()
    assert not means.any()
