"""People cut out and put in front of others, halves of people, and JPEG: each does what it says, to crop and fields."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from bottomup.skeletons import OPENPOSE_COCO_18
from bottomup.training import TrainConfig, augment
from bottomup.training.copy_paste import find_donors, half_body, person_mask, place_donor
from bottomup.training.crop_dataset import CropMaker
from bottomup.training.examples import Example, load_examples, read_source

SKELETON = OPENPOSE_COCO_18


@pytest.fixture
def examples(config: TrainConfig) -> list[Example]:
    photos, _ = read_source(config.sources[0], Path(config.data), SKELETON)
    return load_examples(config.sources[0], photos, None, Path(config.out))


def test_a_mask_covers_the_joints_and_little_else(examples: list[Example]) -> None:
    points = examples[0].photo.keypoints[0].astype(np.float64)
    mask = person_mask(points, SKELETON, 128)
    columns, rows = np.rint(points).astype(int).T
    assert (mask[rows, columns] > 0.5).all()
    low, high = points.min(0), points.max(0)
    box = np.prod(high - low) / mask.size
    assert 0.2 * box < mask.mean() < 0.9 * box
    ys, xs = np.nonzero(mask > 0.5)
    extent = (high - low).max()
    assert xs.min() > low[0] - 0.15 * extent
    assert ys.max() < high[1] + 0.15 * extent
    only_legs = points.copy()
    only_legs[[j not in ("left_hip", "left_knee", "left_ankle") for j in SKELETON.joints]] = np.nan
    legs = person_mask(only_legs, SKELETON, 128)
    assert 0 < legs.mean() < 0.3 * mask.mean()


def test_donors_have_enough_joints(config: TrainConfig, examples: list[Example]) -> None:
    keypoints = examples[1].photo.keypoints.copy()
    keypoints[0, 7:] = np.nan
    few = dataclasses.replace(examples[1], photo=dataclasses.replace(examples[1].photo, keypoints=keypoints))
    donors = find_donors([(config.sources[0], [examples[0], few])])
    assert [(donor.example.photo.id, donor.person) for donor in donors] == [(2, 0), (2, 1), (3, 1)]
    assert find_donors([(config.sources[1], [])]) == []


def test_a_donor_stands_in_the_crop_at_a_fitting_size(config: TrainConfig, examples: list[Example]) -> None:
    (donor, *_) = find_donors([(config.sources[0], examples)])
    rng = np.random.default_rng(0)
    for _ in range(20):
        matrix = place_donor(donor, 192, rng)
        moved = augment.warp_keypoints(donor.example.photo.keypoints[[donor.person]], matrix, SKELETON)[0]
        assert np.ptp(moved, axis=0).max() < 0.85 * 192
        assert (np.abs(moved.mean(0) - 96) < 0.45 * 192).all()
        assert np.sqrt(abs(np.linalg.det(matrix[:2, :2]))) <= 1.5 * donor.example.unit + 1e-9


def test_picture_and_fields_are_covered_alike(config: TrainConfig, examples: list[Example]) -> None:
    maker = CropMaker(dataclasses.replace(config, crowd=1.0), SKELETON, [(config.sources[0], examples)])
    seen = 0.0
    for number in range(6):
        black = np.zeros((128, 128, 3), np.uint8)
        ones = [np.ones((channels, 16, 16), np.float32) for channels in (18, 38, 1)] + [np.ones(56, np.float32)]
        image, (heat, pafs, weight, known) = maker._crowd((black, tuple(ones)), np.random.default_rng(number))
        covered = (image > 0).any(axis=2).reshape(16, 8, 16, 8).any(axis=(1, 3))
        # Where the picture is as it was, the fields are; where it is covered, they are the donor's: mostly empty.
        np.testing.assert_allclose(heat[:, ~covered], 1, atol=0.05)
        np.testing.assert_allclose(pafs[:, ~covered], 1, atol=0.05)
        whole = (image >= 40).all(axis=(2)).reshape(16, 8, 16, 8).all(axis=(1, 3))
        assert np.median(heat[:, whole]) < 0.3
        seen += float((heat[:, whole].max(axis=0) > 0.5).sum())
        assert {part.dtype for part in (heat, pafs, weight, known)} == {np.dtype(np.float32)}
        assert image.dtype == np.uint8
    assert seen > 6


def test_crowds_are_made_as_often_as_asked_and_repeat(config: TrainConfig, examples: list[Example]) -> None:
    def crops(crowd: float) -> list[np.ndarray]:
        changed = dataclasses.replace(config, colour=0.0, crowd=crowd)
        maker = CropMaker(changed, SKELETON, [(config.sources[0], examples)])
        return [maker.crop(number, 64)[0] for number in range(30)]

    plain, half, again = crops(0.0), crops(0.5), crops(0.5)
    assert all((one == other).all() for one, other in zip(half, again, strict=True))
    assert 5 < sum(bool((one != other).any()) for one, other in zip(plain, half, strict=True)) < 25


def whole_cells(pixels: np.ndarray) -> np.ndarray:
    """(16, 16) of the cells all of whose (128, 128) pixels are set."""
    return pixels.reshape(16, 8, 16, 8).all(axis=(1, 3))


def test_cutmix_shows_another_photo_in_a_rectangle_and_beyond_the_edge(
    config: TrainConfig, examples: list[Example]
) -> None:
    maker = CropMaker(dataclasses.replace(config, cutmix=1.0, rotation=0.0), SKELETON, [(config.sources[0], examples)])
    # Nothing like it is in a photo or a target.
    behind = np.full((128, 128, 3), 7, np.uint8), tuple(np.full((n, 16, 16), 2, np.float32) for n in (18, 38, 1))
    behind = behind[0], (*behind[1], np.zeros(56, np.float32))
    shares = []
    for number in range(20):
        plain, fields = maker._view(128, np.random.default_rng(number))
        mixed, (heat, pafs, weight, known) = maker._view(128, np.random.default_rng(number), behind)
        covered, own = (mixed == 7).all(axis=2), (mixed == plain).all(axis=2)
        assert (covered | own).mean() > 0.96, "but for the blend along the photo's edge"
        assert not own[(plain == 128).all(axis=2)].any(), "the grey beyond the edge"
        for drawn, new in zip(fields, (heat, pafs, weight), strict=False):
            assert (new[:, whole_cells(covered)] == 2).all()
            np.testing.assert_allclose(new[:, whole_cells(own)], drawn[:, whole_cells(own)], atol=1e-6)
        assert not known.any(), "what is not known of one is not known of both"
        shares.append(covered.mean())
    assert min(shares) < 0.5 < max(shares)


def test_half_a_body_is_an_upper_or_a_lower_one(examples: list[Example]) -> None:
    photo = examples[0].photo
    one = dataclasses.replace(photo, keypoints=photo.keypoints[:1])
    hips = one.keypoints[0, SKELETON.index("left_hip"), 1]
    rng = np.random.default_rng(0)
    halves = [half_body(one, SKELETON, rng) for _ in range(20)]
    assert all(half is not None for half in halves)
    above = [half[0][1] < hips for half in halves if half is not None]
    assert 2 < sum(above) < 18
    whole = np.ptp(one.keypoints[0], axis=0).max()
    assert all(half[1] < 0.8 * whole for half in halves if half is not None)
    nobody = dataclasses.replace(photo, keypoints=photo.keypoints[:0])
    assert half_body(nobody, SKELETON, rng) is None


def test_the_other_half_where_one_has_too_few_joints(examples: list[Example]) -> None:
    photo = examples[0].photo
    one = dataclasses.replace(photo, keypoints=photo.keypoints[:1].copy())
    for name in ("left_knee", "right_knee", "left_ankle", "right_ankle"):
        one.keypoints[0, SKELETON.index(name)] = np.nan
    hips = one.keypoints[0, SKELETON.index("left_hip"), 1]
    rng = np.random.default_rng(0)
    halves = [half_body(one, SKELETON, rng) for _ in range(20)]
    assert all(half is not None and half[0][1] < hips for half in halves)
    # More than 8 joints are asked for.
    keep = [SKELETON.index(name) for name in ("nose", "neck", "left_eye", "right_eye", "left_ear", "right_ear")]
    for count, wanted in ((2, False), (3, True)):
        few = dataclasses.replace(one, keypoints=np.full_like(one.keypoints, np.nan))
        chosen = [*keep, *(SKELETON.index(f"{side}") for side in ("left_hip", "right_hip", "left_knee")[:count])]
        few.keypoints[0, chosen] = photo.keypoints[0, chosen]
        assert (half_body(few, SKELETON, rng) is not None) == wanted


def test_half_bodies_fill_the_crop(config: TrainConfig, examples: list[Example]) -> None:
    source = dataclasses.replace(config.sources[0], scale=(0.2, 4.0))
    plain = dataclasses.replace(config, rotation=0.0)

    def mean_scale(half: float) -> float:
        maker = CropMaker(dataclasses.replace(plain, half_body=half), SKELETON, [(source, examples)])
        rng = np.random.default_rng(0)
        matrices = [maker._random_matrix(source, examples[0], 192, rng) for _ in range(40)]
        return float(np.mean([np.sqrt(abs(np.linalg.det(matrix[:2, :2]))) for matrix in matrices]))

    assert mean_scale(1.0) > 1.5 * mean_scale(0.0)


def test_jpeg_changes_a_picture_a_little() -> None:
    rng = np.random.default_rng(0)
    image = np.repeat(np.repeat(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8), 16, 0), 16, 1)
    out = augment.compress(image, rng)
    assert out.shape == image.shape
    assert out.dtype == np.uint8
    difference = np.abs(out.astype(int) - image)
    assert difference.any()
    assert difference.mean() < 20
