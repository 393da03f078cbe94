"""score_limbs: how far a joint looks for partners."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from bottomup.kernels import Candidates
from tests.makers.fields import DEVICES, THREE, candidates_at, make_candidates, make_field, on
from tests.makers.limbs import STICK, as_dict, constant_paf, reference_limbs, score_limbs


def crowd_of_limbs(seed: int, height: int, width: int, images: int = 2) -> tuple[npt.NDArray[np.float32], Candidates]:
    """Joints of three types all over a field that is noise, but for some limbs; half of the joints are faint."""
    rng = np.random.default_rng(seed)
    candidates = make_candidates(seed, images, 3, height, width, most=12)
    scores = np.where(rng.random(len(candidates)) < 0.5, 0.2, 0.9).astype(np.float32)
    pafs = make_field("signed noise", seed, (images, 4, height, width)) * rng.choice([0.05, 0.3])
    pafs[:, :, :, : width // 2] += rng.choice([0.3, -0.3], (images, 4, 1, 1)).astype(np.float32)
    return pafs.astype(np.float32), replace(candidates, scores=scores)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("rule", [{}, {"search_radius": 1.5}, {"fallback_radius": np.inf}, {"max_length": 40.0}])
def test_reach_is_the_reference_s(device: str, rule: dict[str, float]) -> None:
    """On fields so large that lengths fall into several rings."""
    left_out = 0
    for seed in range(12):
        pafs, candidates = crowd_of_limbs(seed, 40, 150)
        chosen = {"coverage": 0.4, "search_radius": 2.0, "fallback_radius": 3.0, **rule}
        found = score_limbs(on(device, pafs), candidates, THREE, **chosen)
        expected = reference_limbs(pafs, candidates, THREE, **chosen)
        assert as_dict(found).keys() == as_dict(expected).keys()
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        everything = score_limbs(
            pafs, candidates, THREE, **{**chosen, "search_radius": np.inf, "fallback_radius": np.inf}
        )
        assert as_dict(found).keys() <= as_dict(everything).keys()
        left_out += len(everything) - len(found)
    assert left_out > 0


def test_a_good_partner_near_by_limits_how_far_others_are_sought() -> None:
    """On a field that supports every limb along x, from one joint to others at 4, 10, 20, 30 and 60 cells."""
    pafs = constant_paf(1, 0, 9, 160)

    def sought(lengths: list[float], score: float = 0.9, **rule: float) -> list[float]:
        candidates = candidates_at([(5, 4), *((5 + length, 4) for length in lengths)], [1, len(lengths)], 1, 2)
        candidates = replace(candidates, scores=np.full(len(candidates), score, np.float32))
        found = score_limbs(pafs, candidates, STICK, **{"search_radius": 2.0, "fallback_radius": 2.0, **rule})
        return [lengths[second - 1] for second in found.second]

    everything = [4.0, 10.0, 20.0, 30.0, 60.0]
    # Twice four cells; joints that know of no limit may be twice as far away.
    assert sought(everything) == [4.0, 10.0]
    assert sought(everything, search_radius=3.0) == [4.0, 10.0, 20.0, 30.0]
    assert sought(everything, search_radius=np.inf, fallback_radius=np.inf) == everything
    assert sought(everything, good_affinity=1.5) == everything
    assert sought(everything, score=0.2) == everything  # faint joints limit nothing
    assert sought(everything, score=0.2, good_response=0.1) == [4.0, 10.0]
    assert sought([1.0, 11.0, 13.0], search_radius=2.5) == [1.0, 11.0]  # as if the nearest were at two cells
    # What is found in a ring counts from the next one on: that at 10 limits neither 30 nor, being long, 60.
    assert sought([10.0, 30.0, 60.0], search_radius=1.0) == [10.0, 30.0]


def test_a_joint_heeds_its_other_limbs() -> None:
    """The middle joint has a good pair of two cells on its first limb and looks twelve times as far on its second."""
    pafs = np.concatenate([constant_paf(1, 0, 9, 160)] * 2)

    def sought(length: float) -> int:
        candidates = candidates_at([(5, 4), (7, 4), (7 + length, 4)], [1, 1, 1], 1, 3)
        candidates = replace(candidates, scores=np.full(3, 0.9, np.float32))
        return len(score_limbs(pafs, candidates, THREE, search_radius=1.0, fallback_radius=12.0))

    assert [sought(length) for length in (7.0, 20.0, 24.0, 25.0, 100.0)] == [2, 2, 2, 1, 1]
