"""People in boxes: the way into a crop and back, whose joint it is, and what is refused. The network is a stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup import crop_detector as crops
from bottomup.crop_detector import CROP_MARGIN, CropDetector, crop_view, cut, share_joints
from bottomup.fields import cell_centres, draw_heatmaps
from bottomup.networks.info import NetworkInfo
from bottomup.skeletons import CROWDPOSE_14

SIZE, STRIDE = 128, 4


def test_a_box_fills_the_crop_and_leads_back() -> None:
    view = crop_view([30, 40, 70, 140], SIZE)
    corners = np.array([[30, 40, 1], [70, 140, 1], [50, 90, 1]]) @ view.T
    np.testing.assert_allclose(corners[2, :2], (SIZE - 1) / 2)
    assert corners[1, 1] - corners[0, 1] == pytest.approx(SIZE / CROP_MARGIN)
    np.testing.assert_allclose(np.linalg.inv(view) @ corners[0], [30, 40, 1])


@pytest.mark.parametrize("zoom", [3.0, 1.0, 0.31])
def test_the_crop_shows_what_is_in_the_box(zoom: float) -> None:
    """A white square stays where the map says, also where the picture is averaged before it is shrunk."""
    side = round(SIZE / CROP_MARGIN / zoom)
    picture = np.zeros((round(1.7 * side), 2 * side, 3), np.uint8)
    middle = np.array([0.9 * side, 0.8 * side])
    x, y = np.rint(middle).astype(int)
    half = max(2, round(0.1 * side))
    picture[y - half : y + half + 1, x - half : x + half + 1] = 255
    view = crop_view([x - 0.4 * side, y - 0.5 * side, x + 0.6 * side, y + 0.5 * side], SIZE)
    crop = cut(picture, view, SIZE)
    assert crop.shape == (SIZE, SIZE, 3)
    rows, columns = np.nonzero(crop[..., 0] > 160)
    wanted = view @ [x, y, 1]
    assert abs(columns.mean() - wanted[0]) < 0.3
    assert abs(rows.mean() - wanted[1]) < 0.3
    beyond = cut(picture, crop_view([-side, -side, 0, 0], SIZE), SIZE)
    assert (beyond[: SIZE // 2] == 128).all(), "beyond the picture it is grey"


def crop_maps(people: np.ndarray, boxes: np.ndarray, own: float = 0.9, others: float = 0.45) -> tuple[Any, Any]:
    """Heatmaps of crops in which a person's own joints are high and those of others half as high, and the way back."""
    centres, maps, ways = cell_centres(SIZE // STRIDE, STRIDE), [], []
    for person, box in enumerate(boxes):
        view = crop_view(box, SIZE)
        moved = people @ view[:2, :2].T + view[:2, 2]
        seen = np.ones((1, people.shape[1]), bool)
        each = [draw_heatmaps(one[None], seen, centres, centres, 7.0) for one in moved]
        factors = [own if n == person else others for n in range(len(people))]
        maps.append(np.max([factor * one for factor, one in zip(factors, each, strict=True)], axis=0))
        ways.append(np.linalg.inv(view))
    return np.stack(maps).astype(np.float32), np.stack(ways)


def test_everybody_keeps_their_own_joints() -> None:
    rng = np.random.default_rng(3)
    first = rng.uniform([100, 50], [180, 240], (14, 2))
    people = np.stack([first, first + np.array([45, 8])])
    boxes = np.concatenate([people.min(axis=1), people.max(axis=1)], axis=1)
    xy, scores = share_joints(*crop_maps(people, boxes), STRIDE)
    apart = np.linalg.norm(xy - people, axis=2)
    assert np.median(apart) < 1.5
    assert (apart < 10).mean() > 0.9
    assert scores.max() <= 0.9 + 1e-6
    assert np.median(scores) > 0.8


def test_a_joint_that_two_crops_show_serves_one_person() -> None:
    # One wrist in both boxes; each network takes it for its own person's, the second more so.
    maps = np.zeros((2, 1, 32, 32), np.float32)
    y, x = np.mgrid[:32, :32]
    boxes, wrist = np.array([[0.0, 0, 100, 100], [20, 0, 120, 100]]), np.array([60.0, 50.0])
    ways = []
    for crop, (box, height) in enumerate(zip(boxes, (0.6, 0.8), strict=True)):
        view = crop_view(box, SIZE)
        column, row = (view[:2, :2] @ wrist + view[:2, 2] + 0.5) / STRIDE - 0.5
        maps[crop, 0] = height * np.exp(-((x - column) ** 2 + (y - row) ** 2) / (2 * 1.75**2))
        ways.append(np.linalg.inv(view))
    xy, scores = share_joints(maps, np.stack(ways), STRIDE)
    assert scores[0, 0] == 0
    assert np.isnan(xy[0]).all()
    assert scores[1, 0] == pytest.approx(0.8, abs=0.05)
    np.testing.assert_allclose(xy[1, 0], wrist, atol=1)
    # If the first has another candidate, it takes that, and nobody goes without.
    maps[0, 0, 5, 5] = 0.3
    xy, scores = share_joints(maps, np.stack(ways), STRIDE)
    assert scores[0, 0] == pytest.approx(0.3)
    assert scores[1, 0] > 0.7


class StandIn:
    """Gives the same heatmaps for every crop."""

    device = "cpu"

    def __init__(self, task: str, maps: np.ndarray) -> None:
        self.info = NetworkInfo(CROWDPOSE_14, STRIDE, 32, task=task, crop_size=0 if task == "fields" else SIZE)
        self.maps, self.calls = maps, 0

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert images.shape[1:] == (SIZE, SIZE, 3)
        self.calls += 1
        return np.repeat(self.maps[None], len(images), axis=0), np.zeros((len(images), 0, *self.maps.shape[1:]))


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(task: str, maps: np.ndarray, **options: Any) -> CropDetector:
        monkeypatch.setattr(crops, "load_backend", lambda *_, **__: StandIn(task, maps))
        return CropDetector(Path("a.safetensors"), **options)

    return make


def test_boxes_are_looked_at_in_batches_and_without_joints_nobody_is_there(detector: Any) -> None:
    maps = np.zeros((14, 32, 32), np.float32)
    maps[3, 20, 10] = 0.7
    look = detector("crops", maps)
    boxes = np.tile([[10.0, 10, 60, 90]], (70, 1)) + np.arange(70)[:, None] * 200
    people = look(np.zeros((300, 20000, 3), np.uint8), proposals=boxes)
    assert look.backend.calls == 3
    assert len(people) == 70
    assert people.skeleton == CROWDPOSE_14
    assert (people.keypoint_scores > 0).sum(axis=1).tolist() == [1] * 70
    np.testing.assert_allclose(people.scores, 0.7 / 14, rtol=1e-5)
    nobody, picture = detector("crops", 0 * maps), np.zeros((300, 400, 3), np.uint8)
    assert len(nobody(picture, proposals=boxes[:2])) == 0
    both = nobody(picture, proposals=boxes[:2], keep_all=True)
    assert both.scores.tolist() == [0.0, 0.0]
    assert np.isnan(both.keypoints).all()
    assert [person["score"] for person in both.to_coco(image_id=1)] == [0.0, 0.0]


def test_logits_become_probabilities(detector: Any) -> None:
    logits = np.full((14, 32, 32), -4.0, np.float32)
    logits[:, 20, 10] = 12.0
    logits[5] = 0.0  # anywhere
    people = detector("places", logits)(np.zeros((100, 100, 3), np.uint8), proposals=[[10.0, 10, 60, 90]])
    assert np.flatnonzero(people.keypoint_scores[0] == 0).tolist() == [5]
    assert people.keypoint_scores[0, 0] > 0.99
    column, row = np.linalg.inv(crop_view([10, 10, 60, 90], SIZE))[:2] @ [10.5 * 4 - 0.5, 20.5 * 4 - 0.5, 1]
    np.testing.assert_allclose(people.keypoints[0, 0], [column, row], atol=1e-3)


def test_says_what_it_cannot_do(detector: Any) -> None:
    maps = np.zeros((14, 32, 32), np.float32)
    with pytest.raises(ValueError, match=r"decode must be one of .* for a network of places but is 'candidates'"):
        detector("places", maps, decode="candidates")
    with pytest.raises(ValueError, match=r"decode must be one of .*candidates.* but is 'middle'"):
        detector("crops", maps, decode="middle")
    with pytest.raises(ValueError, match="joint_threshold must be from 0 to 1 but is 2"):
        detector("crops", maps, joint_threshold=2)
    with pytest.raises(TypeError, match="joint_threshold must be a number but is None"):
        detector("crops", maps, joint_threshold=None)
    with pytest.raises(ValueError, match=r"model must be a network for crops but .* sees whole pictures"):
        detector("fields", maps)
    look = detector("crops", maps)
    with pytest.raises(ValueError, match="proposals must be boxes of people but is None"):
        look(np.zeros((9, 9, 3), np.uint8), proposals=None)
    with pytest.raises(ValueError, match="proposals must"):
        look(np.zeros((9, 9, 3), np.uint8), proposals=[[1, 2, 3]])
