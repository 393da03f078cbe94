"""The threshold of a network's people: which one is best, and what counts as right."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bottomup.datasets import PhotoLabels
from bottomup.networks.field_network import FieldNetwork, save_network
from bottomup.people import People
from bottomup.skeletons import COCO_17
from bottomup.training import TrainConfig, threshold
from bottomup.training.threshold import best_threshold, judge_held_out
from tests.makers.figures import SMALL, figure


def test_the_lowest_of_the_best_thresholds() -> None:
    scores = np.array([0.9, 0.8, 0.6, 0.31, 0.2, 0.1])
    right = np.array([True, True, True, False, False, False])
    # From 0.32 on all that is found is right; above 0.6 a right one is lost.
    assert best_threshold(scores, right, 3) == pytest.approx(0.32)
    assert best_threshold(scores, ~right, 3) == pytest.approx(0.05)
    assert best_threshold(np.zeros(0), np.zeros(0, bool), 3) == pytest.approx(0.05)


def test_people_are_judged_by_the_photos_held_out(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The photo that is held out has two figures and a region to ignore."""
    there, elsewhere, ignored = figure(5, 8, 100), figure(60, 40, 30), figure(4, 4, 16)
    keypoints = np.stack([there, there + 1, elsewhere, ignored]).astype(np.float32)
    keypoints[0, 9] += 60  # the first one's wrist

    class Finds:
        skeleton = COCO_17

        def __init__(self, *_: object, **__: object) -> None:
            pass

        def __call__(self, _: Path) -> People:
            scores = np.array([0.9, 0.5, 0.4, 0.8], np.float32)
            return People(COCO_17, keypoints, np.ones((4, 17), np.float32), scores)

    monkeypatch.setattr(threshold, "Detector", Finds)
    save_network(FieldNetwork(SMALL), tmp_path / "weights.safetensors")
    judged = judge_held_out(tmp_path / "weights.safetensors", config)
    people, joints = judged.found.people, judged.found.joints
    # The one in the ignored corner does not count; the second at the same place is wrong, since the first has it.
    assert people.scores.tolist() == pytest.approx([0.9, 0.5, 0.4])
    assert people.right.tolist() == [True, False, False]
    assert judged.labelled == 2
    # One joint of the right person is far off; all of the wrong ones' are wrong.
    assert joints.right.sum() == 16
    assert len(joints.right) == 3 * 17
    assert judged.person_threshold == pytest.approx(0.51)
    without = dataclasses.replace(config, sources=config.sources[1:])
    assert judge_held_out(tmp_path / "weights.safetensors", without).person_threshold is None


def test_a_network_for_crops_is_judged_by_the_people_that_the_built_in_one_finds(
    config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    class Finds:
        skeleton = COCO_17

        def __init__(self, *args: object, **options: object) -> None:
            made.append((args, options["refine"]))

        def __call__(self, _: Path) -> People:
            return People.empty(COCO_17)

    monkeypatch.setattr(threshold, "Detector", Finds)
    judge_held_out(tmp_path / "weights.safetensors", dataclasses.replace(config, mode="crops"))
    assert made == [((), tmp_path / "weights.safetensors")]


def test_photo_without_regions() -> None:
    nothing = np.zeros((0, 4), np.float32)
    photo = PhotoLabels(1, Path("a.png"), np.zeros((0, 17, 2), np.float32), nothing, nothing, np.ones(17, bool))
    holds, counts = threshold._judge(
        figure(0, 0, 50)[None].astype(np.float32), np.array([0.5], np.float32), photo, np.array(COCO_17.sigmas)
    )
    assert (holds.tolist(), counts.tolist()) == ([-1], [True])
