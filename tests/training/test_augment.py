"""Photo, poses, teacher's maps and their vectors must turn together, whatever the turn."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup.fields import draw_fields
from bottomup.skeleton import Skeleton
from bottomup.skeletons import OPENPOSE_COCO_18
from bottomup.training import augment
from bottomup.training.teacher import TeacherMaps, pack

SIZE, STRIDE = 192, 8
# One limb's mirror image is listed the other way round, which turns its vectors once more.
BACKWARDS = Skeleton("backwards", ("nose", "left_ear", "right_ear"), ((0, 1), (2, 0)), (0.1,) * 3, flip=((1, 2),))


def pose(skeleton: Skeleton) -> np.ndarray:
    return np.random.default_rng(5).uniform(60, 260, (1, skeleton.num_joints, 2)).astype(np.float32)


@pytest.mark.parametrize("skeleton", [OPENPOSE_COCO_18, BACKWARDS], ids=lambda s: s.name)
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("degrees", [0.0, 35.0, -90.0])
@pytest.mark.parametrize(("teacher_scale", "y_offset"), [(1.0, 0.0), (1.5, 0.0), (1.5, 6.0)])
def test_warped_fields_are_fields_of_warped_poses(
    skeleton: Skeleton, mirror: bool, degrees: float, teacher_scale: float, y_offset: float
) -> None:
    points = pose(skeleton)
    seen = np.ones(points.shape[:2], bool)
    # Drawn in the teacher's pixels, as large as the teacher sees the photo; wide, so that sampling is no matter.
    wide = {"sigma": 20.0 * teacher_scale, "limb_width": 40.0 * teacher_scale}
    size = round(320 * teacher_scale)
    in_teacher = (points + 0.5) * teacher_scale - 0.5 - [0.0, y_offset]
    drawn = draw_fields(in_teacher, seen, skeleton, height=size, width=size, stride=STRIDE, **wide)
    maps = TeacherMaps(pack(drawn.heatmaps, drawn.pafs), teacher_scale, STRIDE, y_offset)
    matrix = augment.crop_matrix((150, 170), 1.0, degrees, mirror, SIZE)

    heat, pafs = augment.warp_teacher(maps, matrix, SIZE, STRIDE, skeleton)
    moved = augment.warp_keypoints(points, matrix, skeleton)
    wanted = draw_fields(moved, seen, skeleton, height=SIZE, width=SIZE, stride=STRIDE, sigma=20.0, limb_width=40.0)
    floor = np.maximum((wanted.heatmaps - 0.03) / 0.97, 0)
    np.testing.assert_allclose(heat, floor, atol=0.06)
    # A limb's edge falls between cells, so compare where both agree that there is a limb, and how often they do not.
    there, expected = np.hypot(pafs[::2], pafs[1::2]) > 0.9, np.hypot(wanted.pafs[::2], wanted.pafs[1::2]) > 0.9
    assert (there & expected).sum() > 0.7 * expected.sum()
    both = np.repeat(there & expected, 2, axis=0)
    assert np.abs(pafs - wanted.pafs)[both].mean() < 0.03
    assert np.quantile(np.abs(pafs - wanted.pafs)[both], 0.95) < 0.1


@pytest.mark.parametrize("mirror", [False, True])
def test_the_photo_moves_with_its_joints(mirror: bool) -> None:
    photo = np.zeros((200, 240, 3), np.uint8)
    points = np.full((1, 18, 2), np.nan, np.float32)
    right_wrist, left_wrist = OPENPOSE_COCO_18.index("right_wrist"), OPENPOSE_COCO_18.index("left_wrist")
    points[0, right_wrist] = 100, 60
    photo[58:63, 98:103] = 255
    matrix = augment.crop_matrix((110, 80), 1.3, 25.0, mirror, 128)
    crop = augment.warp_photo(photo, matrix, 128)
    # A mirrored right wrist looks like a left one.
    x, y = augment.warp_keypoints(points, matrix, OPENPOSE_COCO_18)[0, left_wrist if mirror else right_wrist]
    rows, columns = np.nonzero(crop[..., 0] > 200)
    assert abs(columns.mean() - x) < 0.5
    assert abs(rows.mean() - y) < 0.5
    assert augment.is_mirror(matrix) == mirror


def test_the_centre_comes_to_the_middle_and_boxes_keep_their_corners() -> None:
    matrix = augment.crop_matrix((30, 40), 2.0, 90.0, False, 65)
    np.testing.assert_allclose(matrix @ [30, 40, 1], [32, 32, 1])
    corners = augment.warp_boxes(np.array([[30, 40, 40, 45]], np.float32), matrix)
    # A quarter turn: x becomes y, and everything is twice as large.
    np.testing.assert_allclose(corners[0], [[32, 32], [32, 52], [22, 52], [22, 32]], atol=1e-9)


def test_beyond_the_teachers_photo_nothing_is_claimed() -> None:
    fields = draw_fields(np.full((1, 18, 2), 20.0), np.ones((1, 18)), OPENPOSE_COCO_18, height=64, width=64, stride=8)
    maps = TeacherMaps(pack(fields.heatmaps, fields.pafs), 1.0, 8)
    far = augment.crop_matrix((1000, 1000), 1.0, 10.0, True, 64)
    heat, pafs = augment.warp_teacher(maps, far, 64, 8, OPENPOSE_COCO_18)
    assert not heat.any()
    assert not pafs.any()


def test_colours_change_but_stay_a_photo() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    kept = augment.jitter_colours(photo, np.random.default_rng(1), 0.0)
    np.testing.assert_array_equal(kept, photo)
    changed = [augment.jitter_colours(photo, np.random.default_rng(seed), 1.0) for seed in range(30)]
    assert all(image.shape == photo.shape and image.dtype == np.uint8 for image in changed)
    assert all(not np.array_equal(image, photo) for image in changed)
    assert any((image[..., 0] == image[..., 2]).all() for image in changed), "some are grey"


def test_rectangles_lie_inside_and_cover_any_share() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(300):
        canvas = np.zeros((96, 96))
        rows, columns = augment.random_rectangle(96, rng)
        assert 0 <= rows.start <= rows.stop <= 96
        assert 0 <= columns.start <= columns.stop <= 96
        canvas[rows, columns] = 1
        shares.append(canvas.mean())
    assert min(shares) < 0.02
    assert max(shares) > 0.7
    assert 0.2 < np.mean(shares) < 0.5, "half, less what lies outside"


def test_angles_are_normal_and_clipped_or_uniform() -> None:
    rng = np.random.default_rng(0)
    normal = np.array([augment.random_degrees(90, "normal", rng) for _ in range(4000)])
    assert np.abs(normal).max() == 90
    assert 0.03 < (np.abs(normal) == 90).mean() < 0.06  # beyond two deviations
    assert np.median(np.abs(normal)) == pytest.approx(0.6745 * 45, rel=0.07)
    uniform = np.array([augment.random_degrees(45, "uniform", rng) for _ in range(4000)])
    assert np.abs(uniform).max() < 45
    assert np.median(np.abs(uniform)) == pytest.approx(22.5, rel=0.07)


def test_edges_of_boxes_are_off_as_published() -> None:
    rng, box = np.random.default_rng(0), np.array([10.0, 20.0, 210.0, 420.0])
    off = (np.array([augment.pgpg(box, rng) for _ in range(20_000)]) - box) / [200, 400, 200, 400]
    sides = 1 + off[:, 2:] - off[:, :2]
    part = (
        np.isclose(sides[:, 0], sides[:, 1], atol=1e-9) & (off[:, :2] >= 0).all(axis=1) & (off[:, 2:] <= 0).all(axis=1)
    )
    assert part.mean() == pytest.approx(0.15, abs=0.01)
    assert sides[part].min() >= 0.85
    np.testing.assert_allclose(off[~part].mean(axis=0), [-0.0142, 0.0043, 0.0154, -0.0013], atol=0.004)
    np.testing.assert_allclose(off[~part].std(axis=0), [0.1158, 0.068, 0.1337, 0.0711], atol=0.003)
    speck = augment.pgpg(np.zeros(4), rng)
    assert (speck[2:] > speck[:2]).all()
