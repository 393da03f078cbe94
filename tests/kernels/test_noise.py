"""Fields of noise: only the highest peaks are kept, and crowds are left alone."""

from __future__ import annotations

import numpy as np
import pytest

from bottomup import decode_fields
from bottomup.kernels.fused import find_peaks_and_limbs
from bottomup.kernels.noise import FEWEST, keep_strongest
from bottomup.kernels.options import PeakOptions
from bottomup.kernels.peaks import find_peaks
from bottomup.settings import Settings
from bottomup.skeletons import CROWDPOSE_14
from tests.makers.fields import THREE

BOUND = {"peaks": PeakOptions(cells_per_peak=20), "max_mean_pairs": 5.5}


def noise(seed: int, height: int, width: int, batch: int = 1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    heatmaps = np.clip(rng.normal(0.5, 0.3, (batch, 3, height, width)), 0, 1).astype(np.float32)
    return heatmaps, rng.normal(0, 0.5, (batch, 4, height, width)).astype(np.float32)


def test_the_strongest_of_each_type_are_kept() -> None:
    candidates = find_peaks(noise(0, 40, 40, 2)[0])
    kept = keep_strongest(candidates, 10, np.array([False, True]))
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


@pytest.mark.parametrize("side", [30, 40])
def test_small_fields_are_never_bounded(side: int) -> None:
    heatmaps, pafs = noise(3, side, side)
    candidates, _ = find_peaks_and_limbs(heatmaps, pafs, THREE, **BOUND)
    assert np.diff(candidates.offsets).max() <= FEWEST
    assert len(candidates) == len(find_peaks(heatmaps))


def test_decoding_noise_gives_people_of_the_strongest_peaks() -> None:
    rng = np.random.default_rng(0)
    heatmaps = np.clip(rng.normal(0.5, 0.3, (14, 92, 164)), 0, 1).astype(np.float32)
    pafs = rng.normal(0, 0.5, (2 * CROWDPOSE_14.num_limbs, 92, 164)).astype(np.float32)
    people = decode_fields(heatmaps, pafs, CROWDPOSE_14, stride=4, settings=Settings(trace=False))
    assert 0 < len(people) <= 14 * FEWEST
    assert (people.keypoint_scores > 0).sum(axis=0).max() <= FEWEST + len(people)
