"""Training a pose denoiser: who is compared with whom, and that it learns what is systematic."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bottomup.datasets import PhotoLabels
from bottomup.people import People
from bottomup.pose_denoiser import PoseDenoiser, load_pose_denoiser
from bottomup.skeletons import COCO_17
from bottomup.training import TrainConfig, pose_denoiser, train
from bottomup.training.pose_denoiser import Pairs, fit, match
from tests.makers.figures import figure

WRIST, KNEE, NOSE = (COCO_17.index(joint) for joint in ("left_wrist", "right_knee", "nose"))


@pytest.fixture
def poses(config: TrainConfig) -> TrainConfig:
    """A run of a few seconds."""
    return dataclasses.replace(
        config,
        mode="poses",
        initial_weights="default",
        steps=600,
        batch=64,
        learning_rate=3e-3,
        crop_sizes=((0.0, 64),),
    )


def photo(*people: np.ndarray) -> PhotoLabels:
    """Labels of figures 100 pixels high."""
    keypoints = np.array(people, np.float32).reshape(-1, 17, 2)
    boxes = np.concatenate([np.nanmin(keypoints, 1), np.nanmax(keypoints, 1)], 1) if len(people) else np.zeros((0, 4))
    return PhotoLabels(1, Path("x.png"), keypoints, boxes, np.zeros((0, 4)), np.ones(17, bool))


def found(*people: np.ndarray) -> People:
    """Found with all joints, unless they are NaN."""
    keypoints = np.array(people, np.float32).reshape(-1, 17, 2)
    scores = np.where(np.isnan(keypoints[..., 0]), 0, 0.6).astype(np.float32)
    return People(COCO_17, keypoints, scores, np.full(len(keypoints), 0.5, np.float32))


def test_each_labelled_person_is_compared_with_the_found_one_most_alike() -> None:
    first, second = figure(10, 10, 100), figure(150, 10, 100)
    unseen = first.copy()
    unseen[NOSE] = np.nan
    two = np.full((17, 2), np.nan)
    two[:2] = second[:2]  # too few to be a pose
    pairs = match(found(second + 2, first + 4, first + 1, two), photo(unseen, second))
    np.testing.assert_allclose(pairs.keypoints, [first + 1, second + 2], atol=1e-4)
    np.testing.assert_allclose(pairs.truth, [unseen, second], atol=1e-4)
    assert np.isnan(pairs.truth[0, NOSE]).all()
    for people, labels in ((found(), photo(first)), (found(first), photo()), (found(second), photo(first))):
        assert len(match(people, labels).sizes) == 0


def test_a_mirrored_pair_has_left_and_right_swapped() -> None:
    one = match(found(figure(10, 10, 100)), photo(figure(12, 10, 100)))
    mirrored = one.mirrored(COCO_17)
    right_wrist = COCO_17.index("right_wrist")
    np.testing.assert_array_equal(mirrored.keypoints[0, right_wrist], one.keypoints[0, WRIST] * (-1, 1))
    np.testing.assert_array_equal(mirrored.mirrored(COCO_17).truth, one.truth)


@pytest.mark.slow
def test_it_learns_what_is_systematic(poses: TrainConfig) -> None:
    """Every left wrist is found too high, right ones as well; right knees are missing, and noses never labelled."""
    random = np.random.default_rng(3)
    truths = [figure(*random.uniform(50, 100, 2), random.uniform(60, 200)) for _ in range(200)]
    people = [truth + random.normal(0, 0.5, truth.shape) for truth in truths]
    for one, truth in zip(people, truths, strict=True):
        size = np.ptp(truth[:, 1])
        one[[WRIST, WRIST + 1], 1] -= 0.05 * size
        one[KNEE] = np.nan
        truth[NOSE] = np.nan
        one[NOSE] = np.nan
    pairs = Pairs.join([match(found(one), photo(truth)) for one, truth in zip(people, truths, strict=True)])
    said: list[str] = []
    layers = fit(pairs, COCO_17, poses, said.append)
    assert said[-1].startswith("step 600  loss ")
    again = fit(pairs, COCO_17, poses, said.append)
    assert all(
        (a == b).all() for one, other in zip(layers, again, strict=True) for a, b in zip(one, other, strict=True)
    )

    denoiser = PoseDenoiser(COCO_17, layers)
    truth = figure(80, 70, 120)
    seen = truth.copy()
    seen[[WRIST, WRIST + 1], 1] -= 0.05 * np.ptp(truth[:, 1])
    seen[[KNEE, NOSE]] = np.nan
    mended = denoiser(found(seen), (300, 300))
    error = np.linalg.norm(mended.keypoints[0] - truth, axis=1)
    assert error[KNEE] < 4
    assert error[WRIST] < 0.7 * np.linalg.norm(seen[WRIST] - truth[WRIST])
    others = np.delete(np.arange(17), [WRIST, WRIST + 1, KNEE, NOSE])
    assert error[others].max() < 2.5
    # Nobody's nose was ever labelled: it is not there.
    assert mended.traced[0].nonzero()[0].tolist() == [KNEE]
    assert mended.keypoint_scores[0, KNEE] > 0.5


class Finds:
    """A detector that finds the figures of the drawn photos, a little too high."""

    skeleton = COCO_17

    def __init__(self, model: str, *, settings: object = None, **_: object) -> None:
        self.denoiser = load_pose_denoiser(getattr(settings, "pose_denoiser", None), COCO_17)

    def __call__(self, _: Path) -> People:
        people = found(figure(5, 2, 100), figure(80, 11, 70))
        return people if self.denoiser is None else self.denoiser(people, (120, 160))


@pytest.mark.slow
def test_a_run_writes_the_denoiser_and_what_it_brings(poses: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_denoiser, "Detector", Finds)
    sources = (dataclasses.replace(poses.sources[0]),)
    said: list[str] = []
    path = train(dataclasses.replace(poses, sources=sources), say=said.append)
    assert path == Path(poses.out) / "weights.safetensors"
    assert load_pose_denoiser(str(path), COCO_17) is not None
    assert said[0] == "people: 2 photos, 1 held out"
    rows = list(csv.reader((path.parent / "validation.csv").read_text().splitlines()))
    assert rows[0] == ["folder", "denoiser", "AP"]
    assert [row[:2] for row in rows[1:]] == [["people", "without"], ["people", "with"]]
    assert float(rows[2][2]) > float(rows[1][2])
    assert TrainConfig.load(path.parent / "config.toml").mode == "poses"


def test_photos_without_labelled_people_teach_nothing(poses: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pose_denoiser, "Detector", Finds)
    with pytest.raises(ValueError, match="must hold labelled people whom the network of initial_weights finds"):
        train(dataclasses.replace(poses, sources=poses.sources[1:]), say=lambda _: None)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"steps": 0}, "steps must be above 0 with mode 'poses'"),
        ({"batch": 0}, "batch must be above 0 with mode 'poses'"),
        ({"initial_weights": ""}, "initial_weights must be a network that finds people"),
    ],
)
def test_what_such_a_run_needs(poses: TrainConfig, changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dataclasses.replace(poses, **changes)  # type: ignore[arg-type]
