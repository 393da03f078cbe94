"""People in boxes: how heatmaps of crops become people, and what is refused. The network is a stand-in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup import crop_detector as crops
from bottomup.crop_detector import CropDetector
from bottomup.crop_geometry import crop_view, to_picture
from bottomup.networks.info import NetworkInfo
from bottomup.skeletons import COCO_17, CROWDPOSE_14

SIZE, STRIDE = 128, 4


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


class Maps(StandIn):
    """Gives the heatmaps of its crops in turn, as a published network with corner cells for 256 x 192 crops."""

    def __init__(self, *maps: np.ndarray, task: str = "crops", decode: str = "") -> None:
        self.turns = list(maps)
        skeleton = COCO_17 if maps[0].shape[1] == 17 else CROWDPOSE_14
        self.info = NetworkInfo(
            skeleton, 4, 32, task=task, crop_size=(256, 192), corner_cells=task == "crops", padding=0, decode=decode
        )

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert images.shape[1:] == (256, 192, 3)
        maps = self.turns.pop(0).astype(np.float32)
        return maps, maps[:, :0]


def read_recorded(values: Any, maps: list[np.ndarray], boxes: slice, **options: Any) -> np.ndarray:
    """The places before they are cut off at the picture's edge."""
    detector = CropDetector(backend=Maps(*maps), decode="quarter", max_oks=1.0, joint_threshold=0, **options)
    xywh = values["boxes_xywh"][boxes]
    shift = 500  # of the boxes, so that no joint lies beyond the picture
    proposals = np.concatenate([xywh[:, :2], xywh[:, :2] + xywh[:, 2:]], axis=1) + shift
    people = detector(np.zeros((1500, 1500, 3), np.uint8), proposals=proposals, keep_all=True)
    return people.keypoints - shift


def test_the_quarter_offset_and_the_flip_are_the_published_ones(data_root: Path) -> None:
    record = data_root / "networks" / "golden" / "decode_hrnet.npz"
    if not record.is_file():
        pytest.skip(f"{record} is not there")
    with np.load(record) as values:
        places = read_recorded(values, [values["heatmaps"]], slice(None))
        there = values["max_values"][..., 0] > 0
        np.testing.assert_allclose(places[there], values["final_preds"][there], atol=0.01)
        assert np.isnan(places[~there]).all(), "without a positive cell there is no joint"
        both = [values["flip_output"], values["flip_output_of_mirrored"]]
        for number in range(3):  # the record does not say of which box
            flipped = read_recorded(values, list(both), slice(number, number + 1), flip=True)
            if np.nanmax(np.abs(flipped - values["flip_final_preds"])) < 0.01:
                break
        else:
            raise AssertionError("no box gives the recorded joints of the flip test")


def test_a_network_of_the_integral_loss_is_read_by_its_mean() -> None:
    """Its distribution is free to be flat; the highest cell says nothing."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:64, :48]
    middle = rng.uniform(20, 30, (1, 14, 2))
    apart = (columns - middle[..., 0, None, None]) ** 2 + (rows - middle[..., 1, None, None]) ** 2
    logits = np.where(apart < 60, 4.0 + rng.normal(0, 0.3, apart.shape), -8.0)
    backend = Maps(logits, task="places", decode="integral")
    look = CropDetector(backend=backend)
    assert look.decode == "integral"
    box = [100.0, 100, 172, 196]
    people = look(np.zeros((300, 300, 3), np.uint8), proposals=[box])
    places = to_picture(middle, crop_view(box, (256, 192))[None], 4)
    assert np.abs(people.keypoints - places).max() < 0.5
    assert people.keypoint_scores.min() > 0.7
    with pytest.raises(ValueError, match=r"decode must be one of .*'taylor', 'candidates'\) .* but is 'integral'"):
        CropDetector(backend=Maps(logits), decode="integral")


def test_of_redundant_boxes_one_stays(detector: Any) -> None:
    maps = np.zeros((14, 32, 32), np.float32)
    for joint in range(14):
        maps[joint, 8 + joint, 10 + joint % 5] = 0.9
    boxes = [[10.0, 10, 60, 90], [11, 9, 61, 92], [200, 10, 250, 90]]
    picture = np.zeros((300, 400, 3), np.uint8)
    for decode in ("candidates", "taylor"):
        assert len(detector("crops", maps, decode=decode)(picture, proposals=boxes)) == 2
        everybody = detector("crops", maps, decode=decode)(picture, proposals=boxes, keep_all=True)
        assert (everybody.scores > 0).tolist().count(True) == 2
        assert len(detector("crops", maps, decode=decode, max_oks=1)(picture, proposals=boxes)) == 3
    with pytest.raises(ValueError, match=r"max_oks must be from 0 to 1 but is 1\.5"):
        detector("crops", maps, max_oks=1.5)
