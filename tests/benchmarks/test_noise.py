"""Noise on drawn fields: none by default, each kind by itself, the same from the same seed."""

import numpy as np
import pytest

from bottomup.benchmarks import LEVELS, Noise, draw_crowd, make_crowd
from bottomup.benchmarks.crowds import Crowd
from bottomup.benchmarks.noise import get_level
from bottomup.fields import draw_fields
from bottomup.kernels import find_peaks
from bottomup.skeletons import COCO_17


@pytest.fixture(scope="module")
def crowd() -> Crowd:
    return make_crowd(20, COCO_17, height=736, width=1312, crowd_index=0.2, seed=4)


def test_without_noise_it_is_draw_fields(crowd: Crowd) -> None:
    ideal = draw_fields(crowd.keypoints, crowd.visible, COCO_17, height=736, width=1312, stride=8)
    drawn = draw_crowd(crowd, stride=8)
    np.testing.assert_array_equal(drawn.heatmaps, ideal.heatmaps)
    np.testing.assert_array_equal(drawn.pafs, ideal.pafs)


@pytest.mark.parametrize("level", list(LEVELS))
def test_levels_are_valid_fields_and_repeat(crowd: Crowd, level: str) -> None:
    first, again, other = (draw_crowd(crowd, stride=8, noise=LEVELS[level], seed=seed) for seed in (1, 1, 2))
    assert np.isfinite(first.heatmaps).all()
    assert first.heatmaps.min() >= 0
    assert first.heatmaps.max() <= 1
    assert np.isfinite(first.pafs).all()
    np.testing.assert_array_equal(first.heatmaps, again.heatmaps)
    np.testing.assert_array_equal(first.pafs, again.pafs)
    assert np.array_equal(first.heatmaps, other.heatmaps) == (level == "clean")


def test_missing_joints_keep_their_limbs(crowd: Crowd) -> None:
    ideal, drawn = draw_crowd(crowd, stride=8), draw_crowd(crowd, stride=8, noise=Noise(missing=0.5))
    peaks = len(find_peaks(drawn.heatmaps, threshold=0.3)) / len(find_peaks(ideal.heatmaps, threshold=0.3))
    assert 0.4 < peaks < 0.65
    np.testing.assert_array_equal(drawn.pafs, ideal.pafs)


def test_false_peaks_come_on_top(crowd: Crowd) -> None:
    ideal, drawn = draw_crowd(crowd, stride=8), draw_crowd(crowd, stride=8, noise=Noise(false_peaks=0.5))
    more = len(find_peaks(drawn.heatmaps, threshold=0.2)) - len(find_peaks(ideal.heatmaps, threshold=0.2))
    assert 0.35 < more / crowd.visible.sum() < 0.65


def test_faint_peaks_lie_between_the_bounds(crowd: Crowd) -> None:
    drawn = find_peaks(draw_crowd(crowd, stride=8, noise=Noise(faintest=0.5)).heatmaps, threshold=0.1).scores
    assert 0.35 < drawn.min() < 0.55  # half, and less where the joint lies between cells
    assert drawn.max() > 0.9


def test_jitter_moves_peaks_by_so_much() -> None:
    crowd = make_crowd(1, COCO_17, height=1472, width=2624, hidden=0, seed=2)
    moved = []
    for seed in range(30):
        noisy = find_peaks(draw_crowd(crowd, stride=8, noise=Noise(jitter=0.5), seed=seed).heatmaps, threshold=0.3)
        truth = (crowd.keypoints[0] + 0.5) / 8 - 0.5
        types = np.repeat(np.arange(17), np.diff(noisy.offsets))
        moved.append(noisy.xy - truth[types])
    assert np.concatenate(moved).std() == pytest.approx(0.5, abs=0.06)


def test_added_noise_has_the_deviation_that_was_asked_for(crowd: Crowd) -> None:
    ideal, drawn = draw_crowd(crowd, stride=8), draw_crowd(crowd, stride=8, noise=Noise(noise=0.05))
    assert (drawn.pafs - ideal.pafs).std() == pytest.approx(0.1, rel=0.05)
    inner = (ideal.heatmaps > 0.3) & (ideal.heatmaps < 0.7)  # where clipping to 0..1 has no part
    assert (drawn.heatmaps - ideal.heatmaps)[inner].std() == pytest.approx(0.05, rel=0.1)


def test_blur_lowers_peaks(crowd: Crowd) -> None:
    ideal, drawn = draw_crowd(crowd, stride=8), draw_crowd(crowd, stride=8, noise=Noise(blur=1.0))
    assert drawn.heatmaps.max() < 0.7 * ideal.heatmaps.max()


def test_bad_arguments(crowd: Crowd) -> None:
    with pytest.raises(ValueError, match=r"missing must be from 0 to 1 but is 1\.2"):
        Noise(missing=1.2)
    with pytest.raises(ValueError, match="jitter must be at least 0 and finite but is -1"):
        Noise(jitter=-1)
    with pytest.raises(ValueError, match=r"noise must be one of .* but is 'loud'"):
        get_level("loud")
    with pytest.raises(ValueError, match="stride must be at least 1 but is 0"):
        draw_crowd(crowd, stride=0)
