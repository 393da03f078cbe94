"""Fields of noise: only the highest peaks are kept, and crowds are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup import decode_fields, decode_tags
from bottomup.kernels.fused import find_peaks_and_limbs
from bottomup.kernels.noise import keep_inner, keep_strongest
from bottomup.kernels.options import PeakOptions
from bottomup.kernels.peaks import find_peaks
from bottomup.settings import Settings
from bottomup.skeletons import COCO_17, CROWDPOSE_14
from tests.makers.fields import THREE

BOUND = {"peaks": PeakOptions(max_noise_peaks=500), "max_mean_pairs": 5.5}
TOLD = "look like noise.*only the highest"


def noise(seed: int, height: int, width: int, batch: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    heatmaps = np.clip(rng.normal(0.5, 0.3, (batch, 3, height, width)), 0, 1).astype(np.float32)
    return heatmaps, rng.normal(0, 0.5, (batch, 4, height, width)).astype(np.float32)


def test_the_strongest_of_each_type_are_kept() -> None:
    candidates = find_peaks(noise(0, 40, 40, 2)[0])
    kept = keep_strongest(candidates, np.array([len(candidates), 10]))
    assert np.diff(kept.offsets).tolist() == [*np.diff(candidates.offsets)[:3], 10, 10, 10]
    for number in range(6):
        mine, whole = slice(*kept.offsets[number : number + 2]), slice(*candidates.offsets[number : number + 2])
        count = mine.stop - mine.start
        np.testing.assert_array_equal(kept.scores[mine], candidates.scores[whole][:count])
        np.testing.assert_array_equal(kept.xy[mine], candidates.xy[whole][:count])
        np.testing.assert_array_equal(kept.extents[mine], candidates.extents[whole][:count])


def test_of_noise_only_the_strongest_are_paired_each_image_by_itself() -> None:
    heatmaps, pafs = noise(1, 100, 100, 2)
    heatmaps[1, :, 5:] = 0  # a strip of noise has few peaks
    with pytest.warns(RuntimeWarning, match=TOLD):
        candidates, pairs = find_peaks_and_limbs(heatmaps, pafs, THREE, **BOUND)
    everything, all_pairs = find_peaks_and_limbs(heatmaps, pafs, THREE)
    counts, whole = np.diff(candidates.offsets), np.diff(everything.offsets)
    assert (whole[:3] > 500).all()
    assert counts.tolist() == [500, 500, 500, *whole[3:]]
    assert len(pairs) < len(all_pairs)
    assert pairs.first.max() < len(candidates)


def test_peaks_without_pairs_are_all_kept_however_dense() -> None:
    heatmaps, pafs = noise(2, 100, 100)
    candidates, _ = find_peaks_and_limbs(heatmaps, 0 * pafs, THREE, **BOUND)
    assert len(candidates) == len(find_peaks(heatmaps))


def test_few_peaks_are_all_kept() -> None:
    heatmaps, pafs = noise(3, 40, 40)
    candidates, _ = find_peaks_and_limbs(heatmaps, pafs, THREE, **BOUND)
    assert np.diff(candidates.offsets).max() <= 500
    assert len(candidates) == len(find_peaks(heatmaps))


@pytest.mark.parametrize("kind", ["signed", "uniform"])
@pytest.mark.parametrize("side", [64, 256, 512])
def test_as_many_are_kept_of_a_large_field_as_of_a_small_one(kind: str, side: int) -> None:
    rng = np.random.default_rng(side)
    if kind == "signed":
        heatmaps, pafs = rng.normal(0, 0.3, (3, side, side)), rng.normal(0, 0.5, (4, side, side))
    else:
        heatmaps, pafs = rng.uniform(0, 1, (3, side, side)), rng.uniform(0, 1, (4, side, side))
    with pytest.warns(RuntimeWarning, match=TOLD):
        candidates, pairs = find_peaks_and_limbs(
            heatmaps.astype(np.float32), pafs.astype(np.float32), THREE, max_mean_pairs=5.5
        )
    assert np.diff(candidates.offsets).tolist() == 3 * [256]
    assert len(pairs) <= 2 * 256 * 256


def test_decoding_noise_gives_people_of_the_strongest_peaks() -> None:
    rng = np.random.default_rng(0)
    heatmaps = np.clip(rng.normal(0.5, 0.3, (14, 92, 164)), 0, 1).astype(np.float32)
    pafs = rng.normal(0, 0.5, (2 * CROWDPOSE_14.num_limbs, 92, 164)).astype(np.float32)
    with pytest.warns(RuntimeWarning, match=TOLD):
        people = decode_fields(heatmaps, pafs, CROWDPOSE_14, stride=4, settings=Settings(trace=False))
    most = PeakOptions().max_noise_peaks
    assert 0 < len(people) <= 14 * most
    assert (people.keypoint_scores > 0).sum(axis=0).max() <= most + len(people)


@pytest.mark.parametrize("levels", [2, 4])
def test_noise_of_equal_peaks_is_known_by_what_lies_around_the_middle(levels: int) -> None:
    """The highest of equal peaks are the first ones: a strip along the edge, with few neighbours."""
    rng = np.random.default_rng(1)
    heatmaps = np.clip(rng.normal(0.5, 0.3, (14, 128, 232)), 0, 1)
    heatmaps = (np.round(heatmaps * levels) / levels).astype(np.float32)
    pafs = np.round(rng.normal(0, 0.5, (2 * CROWDPOSE_14.num_limbs, 128, 232))).astype(np.float32)
    with pytest.warns(RuntimeWarning, match=TOLD):
        candidates, pairs = find_peaks_and_limbs(heatmaps, pafs, CROWDPOSE_14, max_mean_pairs=5.5)
    assert np.diff(candidates.offsets).tolist() == 14 * [256]
    assert len(pairs) < 100_000


def test_those_around_the_middle() -> None:
    candidates = find_peaks(noise(0, 80, 120, 2)[0])
    inner = keep_inner(candidates, np.array([0, 50]))
    counts = np.diff(inner.offsets)
    assert counts[:3].tolist() == [0, 0, 0]
    assert (counts[3:] > 25).all()
    assert (counts[3:] < 100).all()
    assert (np.abs(inner.xy - [60, 40]) < [25, 17]).all()
    assert len(keep_inner(candidates, np.array([10**6, 10**6]))) == len(candidates)


def test_where_all_tags_agree_pairs_have_a_bound() -> None:
    """Constant tags, as of a network whose tags were never trained: each joint could be of each person."""
    heatmaps = np.clip(np.random.default_rng(0).normal(0.5, 0.3, (17, 64, 112)), 0, 1).astype(np.float32)
    with pytest.warns(RuntimeWarning, match=TOLD):
        people = decode_tags(heatmaps, np.zeros_like(heatmaps), COCO_17, stride=4)
    assert 0 < len(people) < 17 * 64
