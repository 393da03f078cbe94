from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.fields import Fields, draw_fields
from bottomup.image import Letterbox
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18
from bottomup.test_time_augmentation import Pass, average_fields, average_tags, pass_candidates, plan_passes


def ideal(look: Pass, keypoints: np.ndarray, *, stride: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """The fields that a perfect network sees in a pass of a photo with these people (N, K, 2)."""
    xy = look.letterbox.to_network(keypoints)
    if look.mirrored:
        xy[..., 0] = look.letterbox.resized_size[1] - 1 - xy[..., 0]
        xy = xy[:, COCO_17.flip_permutation]
    height, width = look.letterbox.padded_size
    spread = 20 * height / 368  # a wide peak, so that interpolating it is accurate
    fields = draw_fields(
        xy,
        np.ones(xy.shape[:2]),
        COCO_17,
        height=height,
        width=width,
        stride=stride,
        sigma=spread,
        limb_width=2 * spread,
    )
    return fields.heatmaps, fields.pafs


def centres_of_peaks(fields: Fields) -> np.ndarray:
    """(K, 2) network pixels of the one peak of each heatmap, as the centroid of its top."""
    top = np.maximum(fields.heatmaps - 0.5, 0)
    rows, columns = np.mgrid[: top.shape[1], : top.shape[2]]
    cells = np.stack([(top * columns).sum((1, 2)), (top * rows).sum((1, 2))], axis=1) / top.sum((1, 2))[:, None]
    return (cells + 0.5) * fields.stride - 0.5


@pytest.mark.parametrize("size", [(480, 640), (500, 333), (371, 517)])
@pytest.mark.parametrize(
    "settings", [Settings(flip=True), Settings(scales=(1.0, 1.5)), Settings(scales=(1.0, 0.7, 1.3), flip=True)]
)
def test_all_passes_agree_where_the_joints_are(size: tuple[int, int], settings: Settings) -> None:
    rng = np.random.default_rng(1)
    height, width = size
    keypoints = rng.uniform(0.25, 0.75, (1, 17, 2)) * (width, height)
    passes = plan_passes(height, width, settings, 8)
    assert len(passes) == len(settings.scales) * (1 + settings.flip)
    assert passes[0].letterbox.resized_size == max(look.letterbox.resized_size for look in passes)
    alone = average_fields(passes[:1], [ideal(passes[0], keypoints)], COCO_17, 8)
    together = average_fields(passes, [ideal(look, keypoints) for look in passes], COCO_17, 8)
    assert together.heatmaps.shape == alone.heatmaps.shape
    assert np.abs(together.heatmaps - alone.heatmaps).max() < 0.1
    np.testing.assert_allclose(centres_of_peaks(together), passes[0].letterbox.to_network(keypoints[0]), atol=0.6)
    # A limb's vector is that of the picture, seen large, small or mirrored: where all see it whole, it has length 1.
    limb = COCO_17.limbs.index((5, 6))
    a, b = (passes[0].letterbox.to_network(keypoints[0, joint]) for joint in (5, 6))
    column, row = np.round(((a + b) / 2 + 0.5) / 8 - 0.5).astype(int)
    np.testing.assert_allclose(
        together.pafs[2 * limb : 2 * limb + 2, row, column], (b - a) / np.hypot(*(b - a)), atol=0.05
    )


@pytest.mark.slow
@given(st.integers(0, 1000), st.integers(40, 90), st.integers(40, 90))
def test_mirroring_is_exact_and_its_own_inverse(seed: int, height: int, width: int) -> None:
    """A network blind to left and right: averaging with the mirrored pass makes the fields mirror-symmetric."""
    letterbox = Letterbox.fit(height * 8, width * 8, input_height=height * 8, max_aspect=8, alignment=8)
    rng = np.random.default_rng(seed)
    heatmaps = rng.random((18, height, width), np.float32)
    pafs = rng.random((38, height, width), np.float32) - 0.5
    looks = [Pass(letterbox), Pass(letterbox, mirrored=True)]
    fields = average_fields(looks, [(heatmaps, pafs), (heatmaps, pafs)], OPENPOSE_COCO_18, 8)
    channels, signs = OPENPOSE_COCO_18.paf_flip
    mirrored = fields.heatmaps[:, :, ::-1][OPENPOSE_COCO_18.flip_permutation]
    np.testing.assert_allclose(fields.heatmaps, mirrored, atol=1e-6)
    np.testing.assert_allclose(fields.pafs, fields.pafs[:, :, ::-1][channels] * signs, atol=1e-6)
    only_mirrored = average_fields(looks[1:], [(heatmaps, pafs)], OPENPOSE_COCO_18, 8)
    np.testing.assert_allclose(
        only_mirrored.heatmaps, heatmaps[:, :, ::-1][OPENPOSE_COCO_18.flip_permutation], atol=1e-6
    )


def test_one_pass_is_passed_on_without_its_padding() -> None:
    letterbox = Letterbox.fit(100, 100, input_height=100, max_aspect=8, alignment=64)
    assert letterbox.padded_size == (128, 128)
    heatmaps, pafs = np.random.default_rng(0).random((2, 42, 16, 16), np.float32)
    fields = average_fields([Pass(letterbox)], [(heatmaps[:17], pafs)], COCO_17, 8)
    np.testing.assert_array_equal(fields.heatmaps, heatmaps[:17, :13, :13])
    np.testing.assert_array_equal(fields.pafs, pafs[:, :13, :13])
    assert fields.heatmaps.flags.c_contiguous
    assert fields.stride == 8


def test_resampling_agrees_with_opencv() -> None:
    """At integer ratios of the sizes, the half-pixel rule is that of cv2.resize."""
    large = Letterbox.fit(320, 480, input_height=640, max_aspect=8, alignment=8)
    small = Letterbox.fit(320, 480, input_height=320, max_aspect=8, alignment=8)
    rng = np.random.default_rng(0)
    heatmaps, pafs = rng.random((17, 40, 60), np.float32), rng.random((42, 40, 60), np.float32)
    both = [Pass(large), Pass(small)]
    zero = np.zeros((17, 80, 120), np.float32), np.zeros((42, 80, 120), np.float32)
    fields = average_fields(both, [zero, (heatmaps, pafs)], COCO_17, 8)
    expected = cv2.resize(heatmaps[3], (120, 80), interpolation=cv2.INTER_LINEAR) / 2
    np.testing.assert_allclose(fields.heatmaps[3], expected, atol=1e-6)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([0.25, 0.5, 1.7]), st.booleans())
def test_any_size_gives_finite_fields(height: int, width: int, scale: float, flip: bool) -> None:
    passes = plan_passes(height, width, Settings(input_height=64, scales=(1.0, scale), flip=flip), 8)
    outputs = []
    for look in passes:
        h, w = (side // 8 for side in look.letterbox.padded_size)
        outputs.append((np.ones((17, h, w), np.float32), np.zeros((42, h, w), np.float32)))
    fields = average_fields(passes, outputs, COCO_17, 8)
    np.testing.assert_allclose(fields.heatmaps, 1, atol=1e-5)


@pytest.mark.parametrize("size", [(480, 640), (371, 517)])
def test_the_candidates_of_all_passes_lie_where_the_joints_are(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    height, width = size
    keypoints = rng.uniform(0.25, 0.75, (1, 17, 2)) * (width, height)
    settings = Settings(scales=(1.0, 0.7, 1.3), flip=True)
    passes = plan_passes(height, width, settings, 8)
    found = pass_candidates(passes, [ideal(look, keypoints) for look in passes], COCO_17, 8, settings)
    assert len(found) == 6
    expected = (passes[0].letterbox.to_network(keypoints[0]) + 0.5) / 8 - 0.5
    for candidates in found:
        assert np.diff(candidates.offsets).tolist() == [1] * 17
        np.testing.assert_allclose(candidates.xy, expected, atol=0.08)  # left stays left in a mirrored picture
        np.testing.assert_allclose(candidates.extents, found[0].extents, rtol=0.15)  # in cells of the first


def test_padding_has_no_candidates() -> None:
    settings = Settings(flip=True)
    passes = plan_passes(100, 130, settings, 64)
    height, width = passes[0].letterbox.padded_size
    rows, columns = (-(-side // 8) for side in passes[0].letterbox.resized_size)
    heatmaps = np.zeros((17, height // 8, width // 8), np.float32)
    assert columns < heatmaps.shape[2]
    heatmaps[:, :, columns:] = heatmaps[:, rows:, :] = 0.9
    heatmaps[0, 3, 4] = 0.5
    pafs = np.zeros((2 * COCO_17.num_limbs, *heatmaps.shape[1:]), np.float32)
    found = pass_candidates(passes, [(heatmaps, pafs)] * 2, COCO_17, 8, settings)
    assert [len(one) for one in found] == [1, 1]


def test_a_scale_beyond_all_memory_is_refused() -> None:
    assert plan_passes(100, 100, Settings(scales=(40.0,), input_height=400), 8)
    with pytest.raises(ValueError, match=r"scales must be at most 40\.96 for an input_height of 400 but has 41"):
        plan_passes(100, 100, Settings(scales=(1.0, 41.0), input_height=400), 8)


def test_tags_of_the_mirrored_picture_are_a_second_value() -> None:
    settings = Settings(flip=True, scales=(1.0, 0.5), input_height=64)
    passes = plan_passes(64, 96, settings, 8)
    rng = np.random.default_rng(0)
    sizes = [look.letterbox.padded_size for look in passes]
    outputs = [
        tuple(rng.normal(0, 1, (17, height // 2, width // 2)).astype(np.float32) for _ in range(2))
        for height, width in sizes
    ]
    heatmaps, tags = average_tags(passes, outputs, COCO_17, 2)  # type: ignore[arg-type]
    assert (heatmaps.shape, tags.shape) == ((17, 32, 48), (17, 2, 32, 48))
    np.testing.assert_array_equal(tags[:, 0], outputs[0][1])
    np.testing.assert_allclose(tags[:, 1], outputs[1][1][COCO_17.flip_permutation][..., ::-1], atol=1e-5)
