"""A crop network as a teacher: where its heatmaps lie, and what of them is learnt."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from bottomup import CropDetector, Skeleton
from bottomup.networks.field_network import FieldNetwork, save_network
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.training import TrainConfig, train
from bottomup.training.crop_teacher import CropTeacher
from bottomup.training.examples import Example, load_examples, read_source
from bottomup.training.person_crop_dataset import PersonCropMaker
from tests.makers.figures import SMALL


@pytest.fixture
def network(config: TrainConfig, tmp_path: Path) -> Path:
    """A crop network of 64 pixels with random weights."""
    torch.manual_seed(0)
    recipe = dataclasses.replace(config, mode="crops", crop_sizes=((0.0, 64),))
    path = tmp_path / "teacher.safetensors"
    save_network(FieldNetwork(recipe.network), path)
    return path


@pytest.fixture
def learner(config: TrainConfig, network: Path) -> TrainConfig:
    return dataclasses.replace(config, mode="crops", teacher=str(network))


@pytest.fixture
def examples(config: TrainConfig) -> list[Example]:
    photos, _ = read_source(config.sources[0], Path(config.data), OPENPOSE_COCO_18)
    return load_examples(config.sources[0], photos, None, Path(config.out))


def crop(size: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 255, (size, size, 3)).astype(np.uint8)


def test_its_heatmaps_are_those_of_the_detector(network: Path) -> None:
    image = crop(64)
    seen = CropTeacher(network, OPENPOSE_COCO_18).heatmaps(image, 8)
    np.testing.assert_allclose(seen, CropDetector(network).heatmaps(image[None])[0], atol=1e-6)


@pytest.mark.parametrize("corner_cells", [False, True])
@pytest.mark.parametrize(("size", "stride"), [(64, 8), (64, 4), (128, 8), (96, 8)])
def test_a_cell_shows_the_same_place(
    network: Path, monkeypatch: pytest.MonkeyPatch, size: int, stride: int, corner_cells: bool
) -> None:
    """Heatmaps that are ramps say by their values which of the teacher's pixels, and so of the crop's, a cell shows."""
    teacher = CropTeacher(network, OPENPOSE_COCO_18)
    detector = teacher._detector
    detector.info = dataclasses.replace(detector.info, corner_cells=corner_cells)
    pixels = np.arange(8) * 8.0 if corner_cells else (np.arange(8) + 0.5) * 8 - 0.5
    ramps = np.broadcast_to(pixels / 100, (1, 18, 8, 8)).astype(np.float32)
    monkeypatch.setattr(detector, "heatmaps", lambda _: ramps)
    seen = teacher.heatmaps(crop(size), stride)
    assert seen.shape == (18, size // stride, size // stride)
    scale = 64 / size
    wanted = ((np.arange(size // stride) + 0.5) * stride) * scale - 0.5
    np.testing.assert_allclose(seen[3, 2] * 100, np.clip(wanted, pixels[0], pixels[-1]), atol=0.2)


def test_joints_are_found_by_name(network: Path, config: TrainConfig) -> None:
    wanted = Skeleton("two", ("left_wrist", "nose"), limbs=(), sigmas=(0.05, 0.05))
    own = CropDetector(network).heatmaps(crop(64)[None])[0]
    order = [OPENPOSE_COCO_18.index("left_wrist"), OPENPOSE_COCO_18.index("nose")]
    np.testing.assert_allclose(CropTeacher(network, wanted).heatmaps(crop(64), 8), own[order], atol=1e-6)
    other = Skeleton("tail", ("nose", "tail"), limbs=(), sigmas=(0.05, 0.05))
    with pytest.raises(ValueError, match=r"teacher must see all joints of tail but .* lacks \['tail'\]"):
        CropTeacher(network, other).heatmaps(crop(64), 8)


def test_a_label_counts_near_itself_and_the_teacher_elsewhere(
    learner: TrainConfig, examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    still = dataclasses.replace(learner, crop_jitter=False, rotation=0.0, flip=0.0, colour=0.0)
    wrist = OPENPOSE_COCO_18.index("left_wrist")
    keypoints = examples[0].photo.keypoints.copy()
    keypoints[:, wrist] = np.nan
    hidden = dataclasses.replace(examples[0], photo=dataclasses.replace(examples[0].photo, keypoints=keypoints))
    sets = [(learner.sources[0], [hidden])]
    plain = PersonCropMaker(dataclasses.replace(still, teacher=""), OPENPOSE_COCO_18, sets)
    taught = PersonCropMaker(still, OPENPOSE_COCO_18, sets)
    monkeypatch.setattr(CropTeacher, "heatmaps", lambda self, image, stride: np.full((18, 8, 8), 0.25, np.float32))
    image, labels, cells, seen, labelled = plain.crop(3, 64)
    same, heat, *rest, all_labelled = taught.crop(3, 64)
    np.testing.assert_array_equal(same, image)
    for one, other in zip(rest, (cells, seen), strict=True):
        np.testing.assert_array_equal(one, other)
    assert labelled[wrist] == 0
    assert all_labelled.all(), "of every joint something is known"
    np.testing.assert_allclose(heat[wrist], 0.25)
    nose = OPENPOSE_COCO_18.index("nose")
    near, far = labels[nose] > 0.5, labels[nose] < 1e-9
    assert near.any()
    assert far.any()
    np.testing.assert_allclose(heat[nose][near], labels[nose][near], atol=1e-6)
    np.testing.assert_allclose(heat[nose][far], 0.25, atol=0.01)


@pytest.mark.slow
def test_says_what_is_wrong_with_a_teacher(learner: TrainConfig, network: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"teacher must be a crop network but there is no file .*none\.xml"):
        train(dataclasses.replace(learner, teacher=str(tmp_path / "none.xml")), say=lambda _: None)
    places = tmp_path / "places.safetensors"
    recipe = dataclasses.replace(learner, teacher="", crop_loss="softmax")
    save_network(FieldNetwork(recipe.network), places)
    with pytest.raises(ValueError, match=r"teacher must have heatmaps but .* has distributions over the cells"):
        CropTeacher(places, OPENPOSE_COCO_18).heatmaps(crop(64), 8)
    whole = tmp_path / "whole.safetensors"
    save_network(FieldNetwork(SMALL), whole)
    with pytest.raises(ValueError, match="model must be a network for crops"):
        CropTeacher(whole, COCO_17).heatmaps(crop(64), 8)


@pytest.mark.slow
def test_a_run_learns_from_it(learner: TrainConfig) -> None:
    weights = train(learner, say=lambda _: None)
    assert CropDetector(weights).skeleton is COCO_17
