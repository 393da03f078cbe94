"""Crops: what a target holds, where nobody knows, and that a crop depends on its number alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from bottomup.fields import draw_fields
from bottomup.skeletons import OPENPOSE_COCO_18
from bottomup.training import Source, TrainConfig
from bottomup.training.augment import crop_matrix
from bottomup.training.crop_dataset import BatchNumbers, CropMaker
from bottomup.training.examples import Example, load_examples, read_source
from bottomup.training.loop import load_sets
from bottomup.training.teacher import TeacherMaps, pack


@pytest.fixture
def examples(config: TrainConfig) -> list[Example]:
    photos, held = read_source(config.sources[0], Path(config.data), OPENPOSE_COCO_18)
    assert [photo.id for photo in photos] == [2, 3]
    assert [photo.id for photo in held] == [1]
    return load_examples(config.sources[0], photos, None, Path(config.out))


def maker(config: TrainConfig, examples: list[Example]) -> CropMaker:
    return CropMaker(config, OPENPOSE_COCO_18, [(config.sources[0], examples)])


def test_without_a_teacher_the_target_is_the_labels(config: TrainConfig, examples: list[Example]) -> None:
    # The whole photo, unturned: its pixel 80, 60 comes to the middle of 192.
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 192)
    heat, pafs, weight, _ = maker(config, examples).target(config.sources[0], examples[0], matrix, 192)
    photo = examples[0].photo
    moved = photo.keypoints + (95.5 - np.array([80, 60]))
    drawn = draw_fields(moved, photo.visible, OPENPOSE_COCO_18, height=192, width=192, stride=8)
    np.testing.assert_allclose(heat, drawn.heatmaps, atol=1e-5)
    np.testing.assert_allclose(pafs, drawn.pafs, atol=1e-5)
    # The crowd's box lies at (15.5, 35.5) to (39.5, 59.5) in the crop.
    assert not weight[0, 5:7, 2:4].any()
    assert weight.sum() >= 24 * 24 - 25


def test_a_teacher_speaks_where_labels_are_silent(config: TrainConfig, examples: list[Example]) -> None:
    example = examples[0]
    knee, wrist = OPENPOSE_COCO_18.index("left_knee"), OPENPOSE_COCO_18.index("left_wrist")
    # One bystander whom nobody labelled, and the labelled first person's knee 12 pixels beside its label.
    seen = np.zeros((2, 18), bool)
    points = np.full((2, 18, 2), np.nan, np.float32)
    points[0, wrist], seen[0, wrist] = (140, 100), True
    points[1, knee], seen[1, knee] = example.photo.keypoints[0, knee] + [12, 0], True
    fields = draw_fields(points, seen, OPENPOSE_COCO_18, height=120, width=160, stride=8)
    maps = [TeacherMaps(pack(0.6 * fields.heatmaps, fields.pafs), 1.0, 8)]
    example = dataclasses.replace(example, maps=maps)
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 192)
    heat, _, weight, _ = maker(config, examples).target(Source("people"), example, matrix, 192)
    assert (weight == 1).all(), "a teacher knows the crowd too"

    def at(joint: int, point: np.ndarray) -> float:
        column, row = np.rint((point + 95.5 - [80, 60] + 0.5) / 8 - 0.5).astype(int)
        return float(heat[joint, row, column])

    # The bystander's wrist lies between cells, so its peak is a little lower than 0.6 in the crop.
    assert 0.35 < at(wrist, np.array([140, 100])) < 0.6
    labels, *_ = maker(config, examples).target(Source("people"), examples[0], matrix, 192)
    beside = example.photo.keypoints[0, knee]
    column, row = np.rint((beside + 95.5 - [80, 60] + 0.5) / 8 - 0.5).astype(int)
    window = np.s_[knee, row - 2 : row + 3, column - 2 : column + 3]
    np.testing.assert_allclose(heat[window], labels[window], atol=0.05)
    doubted, *_ = maker(config, examples).target(Source("people", label_trust=0.5), example, matrix, 192)
    assert doubted[knee, row, column] < 0.95 * heat[knee, row, column]


def test_beyond_the_labelled_people_bystanders_may_be(config: TrainConfig, examples: list[Example]) -> None:
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 192)
    photo = dataclasses.replace(examples[0].photo, bystanders=True, boxes=np.array([[4, 8, 104, 107]], np.float32))
    target = maker(config, examples).target(
        config.sources[0], dataclasses.replace(examples[0], photo=photo), matrix, 192
    )
    # The box reaches from 19.5, 43.5 to 119.5, 142.5 in the crop; the crowd's box lies at its corner.
    weight = target[2][0]
    assert weight[8:17, 3:14].all()
    assert not weight[:4].any()
    assert not weight[:, 17:].any()
    assert not weight[5:7, 2:4].any()
    source = dataclasses.replace(config.sources[0], bystanders=True)
    photos, held = read_source(source, Path(config.data), OPENPOSE_COCO_18)
    assert all(one.bystanders for one in (*photos, *held))


def test_labels_of_a_network_count_as_far_as_they_are_believed(config: TrainConfig, examples: list[Example]) -> None:
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 192)
    boxes = np.array([[4, 8, 104, 107], [60, 40, 140, 107]], np.float32)

    def weight(*trust: float) -> np.ndarray:
        photo = dataclasses.replace(examples[0].photo, boxes=boxes, trust=np.array(trust), ignore=np.zeros((0, 4)))
        example = dataclasses.replace(examples[0], photo=photo)
        return maker(config, examples).target(config.sources[0], example, matrix, 192)[2][0]

    # In the crop the boxes reach from 19.5, 43.5 to 119.5, 142.5 and from 75.5, 75.5 to 155.5, 142.5.
    assert (weight(1, 1) == 1).all()
    for found in (weight(0.4, 0.7), weight(0.7, 0.4)):
        assert (found[:4] == 1).all()
        assert set(np.unique(found).tolist()) == {np.float32(0.4), np.float32(0.7), 1.0}
    assert weight(0.4, 0.7)[12, 12] == weight(0.7, 0.4)[12, 12] == np.float32(0.7), "the surest of two"
    assert weight(0.4, 1)[7, 4] == np.float32(0.4)
    assert weight(0.4, 1)[12, 12] == 1


def test_joints_that_a_data_set_never_labels_are_not_asked_for(config: TrainConfig, examples: list[Example]) -> None:
    known = np.array(["nose" not in joint and "eye" not in joint for joint in OPENPOSE_COCO_18.joints])
    example = dataclasses.replace(examples[0], photo=dataclasses.replace(examples[0].photo, known=known))
    matrix = crop_matrix((80, 60), 1.0, 0.0, False, 64)
    *_, channels = maker(config, examples).target(config.sources[0], example, matrix, 64)
    np.testing.assert_array_equal(channels[:18] > 0, known)
    unknown = [limb for limb, (a, b) in enumerate(OPENPOSE_COCO_18.limbs) if not (known[a] and known[b])]
    assert np.flatnonzero(channels[18:] == 0).tolist() == [c for limb in unknown for c in (2 * limb, 2 * limb + 1)]
    fields = draw_fields(
        example.photo.keypoints, example.photo.visible, OPENPOSE_COCO_18, height=120, width=160, stride=8
    )
    taught = dataclasses.replace(example, maps=[TeacherMaps(pack(fields.heatmaps, fields.pafs), 1.0, 8)])
    *_, channels = maker(config, examples).target(config.sources[0], taught, matrix, 64)
    assert channels.all(), "the teacher knows them"


def test_a_crop_depends_on_its_number_alone(config: TrainConfig, examples: list[Example]) -> None:
    crops = maker(config, examples)
    whole = crops[(10, 4, 64)]
    for one, again in zip(whole, maker(config, examples)[(12, 2, 64)], strict=True):
        np.testing.assert_array_equal(one[2:], again)
    images, heatmaps, pafs, weights, known = whole
    assert (images.shape, str(images.dtype)) == ((4, 3, 64, 64), "torch.uint8")
    assert (heatmaps.shape, pafs.shape, weights.shape) == ((4, 18, 8, 8), (4, 38, 8, 8), (4, 1, 8, 8))
    assert known.shape == (4, 56)
    assert known.all(), "the neck is built from the shoulders, everything else is labelled"
    other = CropMaker(dataclasses.replace(config, seed=1), OPENPOSE_COCO_18, [(config.sources[0], examples)])
    assert (other[(10, 4, 64)][0] != images).any()


def test_people_are_brought_to_the_size_that_is_asked_for(config: TrainConfig) -> None:
    source = dataclasses.replace(config.sources[0], person_size=160.0)
    photos, _ = read_source(source, Path(config.data), OPENPOSE_COCO_18)
    (example, *_) = load_examples(source, photos, None, Path(config.out))
    heights = [np.ptp(person, axis=0).max() for person in example.photo.keypoints]
    assert example.unit == pytest.approx(160 / np.median(heights), rel=1e-3)


def test_an_unreadable_photo_is_named(config: TrainConfig, tmp_path: Path) -> None:
    photos, _ = read_source(config.sources[0], Path(config.data), OPENPOSE_COCO_18)
    (tmp_path / "broken.png").write_bytes(b"no photo")
    broken = dataclasses.replace(photos[0], path=tmp_path / "broken.png")
    with pytest.raises(ValueError, match=r"people must hold readable photos: image must .*broken\.png"):
        load_examples(config.sources[0], [broken], None, tmp_path)


def test_batches_are_numbered_on_and_sized_by_step() -> None:
    numbers = iter(BatchNumbers(3, 8, lambda step: 64 if step < 5 else 96))
    assert [next(numbers) for _ in range(3)] == [(24, 8, 64), (32, 8, 64), (40, 8, 96)]


def test_photos_that_do_not_stay_in_memory_give_the_same_crops(config: TrainConfig) -> None:
    kept = CropMaker(config, OPENPOSE_COCO_18, load_sets(config, lambda _: None))
    read = load_sets(dataclasses.replace(config, keep_photos=False), lambda _: None)
    assert {example.kept is None for _, examples in read for example in examples} == {True}
    for one, other in zip(kept[0, 4, 64], CropMaker(config, OPENPOSE_COCO_18, read)[0, 4, 64], strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
