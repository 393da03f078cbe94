"""What is measured on the photos held out, whatever form their labels have."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from bottomup.evaluation import evaluate_results
from bottomup.networks.field_network import FieldNetwork, save_network
from bottomup.skeletons import COCO_17
from bottomup.training import Source, TrainConfig
from bottomup.training.examples import read_source
from bottomup.training.validation import held_out_loss, held_out_truth, validate
from tests.makers.evaluation import entry

pytest.importorskip("pycocotools")


@pytest.fixture
def weights(config: TrainConfig, tmp_path: Path) -> Path:
    save_network(FieldNetwork(config.network), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def lsp_folder(root: Path) -> Path:
    (root / "lsp" / "images").mkdir(parents=True)
    table = np.zeros((3, 14, 4))
    table[0], table[1] = np.arange(14)[:, None] * 6 + 10, np.arange(14)[:, None] * 5 % 31 + 20
    savemat(root / "lsp" / "joints.mat", {"joints": table})
    for number in range(1, 5):
        cv2.imwrite(str(root / "lsp" / "images" / f"im{number:04d}.png"), np.full((100, 120, 3), 90, np.uint8))
    return root


def test_photos_of_another_form_are_judged_by_their_joints(config: TrainConfig, weights: Path, tmp_path: Path) -> None:
    source = Source("lsp", held_out=2)
    changed = dataclasses.replace(config, data=str(lsp_folder(tmp_path)), sources=(source,))
    found = validate(weights, changed, tmp_path / "pictures")
    assert 0 <= found["lsp"]["AP"] <= 1
    assert len(list((tmp_path / "pictures" / "lsp").iterdir())) == 2
    _, held = read_source(source, tmp_path, COCO_17)
    truth = held_out_truth(source, tmp_path, held)
    # Those who give the labels back are right.
    perfect = [entry(photo.id, person) for photo in truth for person in photo.keypoints]
    assert evaluate_results(perfect, truth, ids=[1, 2])["AP"] == pytest.approx(1.0)


def test_coco_labels_are_taken_as_they_are(config: TrainConfig) -> None:
    root, source = Path(config.data), config.sources[0]
    _, held = read_source(source, root, COCO_17)
    own = held_out_truth(source, root, held)
    assert [photo.areas[-1] for photo in own][-1] == 576.0
    (root / "people" / "other.json").write_text((root / "people" / "annotations.json").read_text())
    converted = held_out_truth(dataclasses.replace(source, labels="other.json"), root, held)
    assert list(own.photos) == list(converted.photos) == [1]
    assert converted.photos[1].crowds.tolist() == [False, False, True]
    np.testing.assert_array_equal(own.photos[1].boxes, converted.photos[1].boxes)
    np.testing.assert_array_equal(own.photos[1].keypoints, converted.photos[1].keypoints)


@pytest.mark.slow
def test_the_loss_on_photos_held_out_is_that_of_plain_crops(config: TrainConfig, weights: Path) -> None:
    once = held_out_loss(weights, config, crops=20)
    changed = dataclasses.replace(config, rotation=0.0, colour=0.0, foreground=1.0, hard_joints=2, seed=9)
    assert held_out_loss(weights, changed, crops=20) == once > 0
    nothing = dataclasses.replace(config, sources=(config.sources[1],))
    with pytest.raises(ValueError, match="sources must hold photos out, to measure a loss on them, but none does"):
        held_out_loss(weights, nothing)
