"""score_limbs on fields along which the integral is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.makers.fields import DEVICES, candidates_at, on
from tests.makers.limbs import STICK, constant_paf, reference_limbs, score_limbs


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("end", "mean"),
    [
        ((25, 4), 0.6),  # along x
        ((5, 8), 0.8),  # along y
        ((8, 8), 1.0),  # along the field's own direction
        ((2, 0), -1.0),  # against it
        ((5, 4), 1.0),  # no length, so no direction: the magnitude
        ((5.5, 4), 0.5 * 0.6 + 0.5 * 1.0),  # half a cell: half of each
        ((5, 3.75), -0.25 * 0.8 + 0.75 * 1.0),
        ((39, 4), 0.6),  # on the border
        ((0, 4), -0.6),
    ],
)
def test_integral_of_a_constant_field(device: str, end: tuple[float, float], mean: float) -> None:
    """The field is 1 long, so that the coherence is the square of the mean component."""
    candidates = candidates_at([(5, 4), end], [1, 1], 1, 2)
    rule = {"threshold": -2.0, "sample_threshold": -2.0}
    pairs = score_limbs(on(device, constant_paf(0.6, 0.8)), candidates, STICK, **rule)
    np.testing.assert_allclose(pairs.scores, [mean**5], atol=1e-5)
    np.testing.assert_array_equal(pairs.first, [0])
    np.testing.assert_array_equal(pairs.second, [1])


@pytest.mark.parametrize("device", DEVICES)
def test_prunes_by_length(device: str) -> None:
    ends = [(5 + length, 4) for length in (0, 1, 9.5, 10, 10.5, 30)]
    candidates = candidates_at([(5, 4), *ends], [1, 6], 1, 2)
    pairs = score_limbs(on(device, constant_paf(1, 0)), candidates, STICK, max_length=10)
    np.testing.assert_array_equal(pairs.second, [1, 2, 3, 4])


@pytest.mark.parametrize(("coverage", "passes"), [(0.0, True), (0.5, True), (0.54, True), (0.55, False), (1.0, False)])
def test_coverage_is_the_share_of_samples(coverage: float, passes: bool) -> None:
    """Eleven samples, one per cell; six of them lie where the field is."""
    pafs = constant_paf(1, 0)
    pafs[:, :, 11:] = 0
    candidates = candidates_at([(5, 4), (15, 4)], [1, 1], 1, 2)
    pairs = score_limbs(pafs, candidates, STICK, coverage=coverage)
    assert len(pairs) == passes
    if passes:
        np.testing.assert_allclose(pairs.scores, (6 / 11) ** 3, rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_of_two_limbs_with_one_mean_the_even_one_scores_more(device: str) -> None:
    """Along one line the field is half as strong everywhere; along the other every second vector points elsewhere."""
    candidates = candidates_at([(4, 1), (4, 7), (34, 1), (34, 7)], [2, 2], 1, 2)
    pafs = constant_paf(0, 0)
    pafs[0, :4] = 0.5
    pafs[0, 4:, ::2] = 1
    pafs[1, 4:, 1::2] = 1
    pairs = score_limbs(on(device, pafs), candidates, STICK, coverage=0.3, max_samples=1000)
    straight = pairs.scores[pairs.second - pairs.first == 2]
    np.testing.assert_allclose(straight, [0.5, (16 / 31) ** 5], rtol=1e-5)


def test_the_threshold_is_of_the_mean() -> None:
    candidates = candidates_at([(5, 4), (15, 4)], [1, 1], 1, 2)
    pairs = score_limbs(constant_paf(0.5, 2), candidates, STICK, threshold=0.5)
    np.testing.assert_allclose(pairs.scores, [0.5 * (0.5**2 / 4.25) ** 2], rtol=1e-5)


@pytest.mark.parametrize("value", [1e-30, 1e30])
def test_where_the_energy_has_no_value_the_mean_counts(value: float) -> None:
    candidates = candidates_at([(5, 4), (15, 4)], [1, 1], 1, 2)
    for score in (score_limbs, reference_limbs):
        pairs = score(constant_paf(value, 0), candidates, STICK, threshold=0.0, sample_threshold=0.0)
        np.testing.assert_allclose(pairs.scores, [value], rtol=1e-5)


def test_thresholds_are_inclusive() -> None:
    candidates = candidates_at([(5, 4), (15, 4)], [1, 1], 1, 2)
    pafs = constant_paf(0.5, 0)
    assert len(score_limbs(pafs, candidates, STICK, threshold=0.5, sample_threshold=0.5)) == 1
    above = float(np.nextafter(np.float32(0.5), np.float32(1)))
    assert len(score_limbs(pafs, candidates, STICK, threshold=above)) == 0
    assert len(score_limbs(pafs, candidates, STICK, sample_threshold=above)) == 0


def test_long_limbs_take_no_more_than_max_samples() -> None:
    """Of 33 cells three samples are taken: both ends and the middle, the only ones that may be set."""
    pafs = constant_paf(0, 0)
    pafs[0, 4, [3, 19, 35]] = 1
    candidates = candidates_at([(3, 4), (35, 4)], [1, 1], 1, 2)
    np.testing.assert_array_equal(score_limbs(pafs, candidates, STICK, max_samples=3, coverage=1).scores, [1])
    assert len(score_limbs(pafs, candidates, STICK, max_samples=4, coverage=1)) == 0
