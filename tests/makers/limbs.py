"""Limbs that the tests of score_limbs share, and how its pairs are compared with the reference's."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from bottomup import kernels
from bottomup.kernels import Candidates, LimbOptions, LimbPairs, reference
from bottomup.skeleton import Skeleton
from tests.makers.fields import Field

STICK = Skeleton("stick", ("from", "to"), ((0, 1),), (0.1, 0.1))


def with_options(pafs: Any, rule: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the kernel from the threshold, any options, and `max_length` in cells; without it, any length."""
    rule = dict(rule)
    given = {name: rule.pop(name) for name in ("threshold", "threads") if name in rule}
    length = rule.pop("max_length", np.inf) / max(pafs.shape[-2:])
    return {**given, "options": LimbOptions(max_limb_length=length, **rule)}


def score_limbs(pafs: Any, candidates: Candidates, skeleton: Skeleton, **rule: Any) -> LimbPairs:
    return kernels.score_limbs(pafs, candidates, skeleton, **with_options(pafs, rule))


def reference_limbs(pafs: Any, candidates: Candidates, skeleton: Skeleton, **rule: Any) -> LimbPairs:
    return reference.score_limbs(pafs, candidates, skeleton, **with_options(pafs, rule))


def as_dict(pairs: LimbPairs) -> dict[tuple[int, int, int], float]:
    limb = np.repeat(np.arange(len(pairs.offsets) - 1), np.diff(pairs.offsets))
    return dict(zip(zip(limb, pairs.first, pairs.second, strict=True), pairs.scores, strict=True))


def assert_agree(actual: LimbPairs, pafs: Field, candidates: Candidates, skeleton: Skeleton, **rule: float) -> None:
    """The kernel's pairs lie between the reference's at thresholds a ten-thousandth higher and lower."""
    bounds = []
    for shift in (1e-4, -1e-4):
        shifted = {name: rule.get(name, 0.05) + shift for name in ("threshold", "sample_threshold")}
        bounds.append(as_dict(reference_limbs(pafs, candidates, skeleton, **{**rule, **shifted})))
    strict, loose = bounds
    found = as_dict(actual)
    assert len(found) == len(actual)
    assert strict.keys() <= found.keys() <= loose.keys()
    for pair, score in found.items():
        assert abs(score - loose[pair]) <= 1e-4 * max(1, abs(score))
    assert list(found) == sorted(found)
    assert actual.offsets.dtype == np.int64
    assert actual.first.dtype == actual.second.dtype == np.int32
    assert actual.scores.dtype == np.float32


def constant_paf(x: float, y: float, height: int = 9, width: int = 40) -> npt.NDArray[np.float32]:
    return np.stack([np.full((height, width), value, np.float32) for value in (x, y)])
