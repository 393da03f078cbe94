"""Training on one's own joints: what is taken over from the network it starts from, what is kept, when it ends."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bottomup import Detector
from bottomup.evaluation.reliability import Judged, Reliability
from bottomup.networks.calibration import Curve
from bottomup.networks.field_network import FieldNetwork, load_network, read_config, save_network
from bottomup.skeleton import DEFAULT_SIGMA, Skeleton
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.training import TrainConfig, find_recipe, load_parts, loop, train
from bottomup.training.threshold import Judgement
from tests.makers.figures import SMALL


def quiet(_: str) -> None:
    pass


def own_joints(drawn_data: Path, folder: Path, joints: list[str]) -> Path:
    """The drawn photos with other joints: the labels keep the places of `nose`, `left_wrist`, `right_wrist`."""
    content = json.loads((drawn_data / "people" / "annotations.json").read_text())
    chosen = [COCO_17.joints.index(name) for name in ("nose", "left_wrist", "right_wrist")]
    for annotation in content["annotations"]:
        if "keypoints" in annotation:
            annotation["keypoints"] = [v for n in chosen for v in annotation["keypoints"][3 * n : 3 * n + 3]]
    content["categories"] = [{"id": 1, "name": "figure", "keypoints": joints, "skeleton": [[1, 2], [3, 1], [1, 2]]}]
    folder.mkdir()
    (folder / "annotations.json").write_text(json.dumps(content))
    (folder / "images").symlink_to(drawn_data / "people" / "images")
    return folder


@pytest.fixture
def start(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    network = FieldNetwork(dataclasses.replace(SMALL, person_threshold=0.4, input_height=96))
    save_network(network, tmp_path / "start.safetensors")
    return tmp_path / "start.safetensors"


def recipe(data: Path, start: Path, out: Path) -> TrainConfig:
    (config,) = load_parts(
        find_recipe("finetune"), data=str(data), out=str(out), initial_weights=str(start), steps=4, frozen_parts=0
    )
    return dataclasses.replace(config, batch=2, crop_sizes=((0.0, 64),), threads=1, workers=0, checkpoint_minutes=0.0)


@pytest.mark.slow
def test_own_joints_go_from_the_labels_into_the_weights(drawn_data: Path, start: Path, tmp_path: Path) -> None:
    data = own_joints(drawn_data, tmp_path / "own", ["nose", "left_tip", "right_tip"])
    config = recipe(data, start, tmp_path / "run")
    own = Skeleton("figure", ("nose", "left_tip", "right_tip"), ((0, 1), (2, 0)), (DEFAULT_SIGMA,) * 3)
    assert config.network == dataclasses.replace(SMALL, skeleton=own, person_threshold=0.4, input_height=96)
    weights = train(config, say=quiet)
    found = read_config(weights)
    assert found.skeleton == own
    assert found.input_height == 96
    detector = Detector(weights)
    assert detector.skeleton == own
    with (tmp_path / "run" / "validation.csv").open() as file:
        assert {row["measure"] for row in csv.DictReader(file)} >= {"AP", "AP50"}


def test_labels_with_the_joints_of_the_start_keep_its_fields(drawn_data: Path, start: Path, tmp_path: Path) -> None:
    config = recipe(drawn_data / "people", start, tmp_path / "run")
    assert config.network.skeleton == OPENPOSE_COCO_18


@pytest.mark.slow
def test_the_best_weights_are_kept_and_patience_ends(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    precisions = iter([0.1, 0.5, 0.3, 0.2, 0.2])
    seen: list[bytes] = []

    def validate(weights: Path, *_: object) -> dict[str, dict[str, float]]:
        seen.append(weights.read_bytes())
        return {"people": {"AP": next(precisions)}}

    monkeypatch.setattr(loop, "validate", validate)
    lines: list[str] = []
    weights = train(
        dataclasses.replace(config, steps=50, validate_minutes=1e-9, keep_best=True, patience=2), say=lines.append
    )
    assert weights.read_bytes() == seen[1]
    # Two after the best without a rise, then the last one.
    assert len(seen) == 5
    assert "kept the best weights on the way: AP 0.5000" in lines


@pytest.mark.slow
def test_threshold_and_calibration_are_chosen_anew(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(2000)
    judged = Judged(scores, rng.random(2000) < Curve(0.4, 0.1)(scores))
    found = Judgement(Reliability(judged, Judged(scores, rng.random(2000) < Curve(0.6, 0.2)(scores))), 900)
    monkeypatch.setattr(loop, "judge_held_out", lambda *_: found)
    lines: list[str] = []
    weights = train(dataclasses.replace(config, steps=1, calibrate=True), say=lines.append)
    network = load_network(weights).config
    assert network.person_threshold == found.person_threshold
    assert network.calibration is not None
    assert network.calibration.people.half == pytest.approx(0.4, abs=0.02)
    assert network.calibration.joints.width == pytest.approx(0.2, abs=0.02)
    assert any(line.startswith("half are right of people with score 0.") for line in lines)


def test_a_network_for_crops_that_has_a_part_in_the_joints_is_calibrated(
    config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    scores = rng.random(400)
    judged = Judged(scores, rng.random(400) < scores)
    monkeypatch.setattr(loop, "judge_held_out", lambda *_: Judgement(Reliability(judged, judged), 300))
    for share, calibrated in ((0.5, True), (1.0, False)):
        network = dataclasses.replace(config.network, refine_share=share)
        out = f"{config.out}-{share}"
        run = dataclasses.replace(config, mode="crops", steps=1, calibrate=True, network=network, out=out)
        own = read_config(train(run, say=quiet))
        assert (own.calibration is not None) == calibrated
        assert (own.person_threshold > 0) == calibrated


def test_too_few_people_calibrate_nothing(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    few = Judged(np.array([0.2, 0.6, 0.9]), np.array([False, True, True]))
    monkeypatch.setattr(loop, "judge_held_out", lambda *_: Judgement(Reliability(few, few), 3))
    weights = train(dataclasses.replace(config, steps=1, calibrate=True), say=quiet)
    network = load_network(weights).config
    assert (network.person_threshold, network.calibration) == (0.21, None)
