"""Curves that make scores shares of right ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bottomup.networks.calibration import Calibration, Curve

CURVES = Calibration(Curve(0.29, 0.045), Curve(0.48, 0.16))


def test_half_of_those_with_the_named_score_are_right() -> None:
    assert CURVES.people(0.29) == pytest.approx(0.5)
    assert CURVES.people([0.29 - 0.045, 0.29 + 0.045]) == pytest.approx([1 / (1 + math.e), math.e / (1 + math.e)])


@given(st.lists(st.floats(0, 1, width=16), min_size=2, max_size=50, unique=True))
def test_ranks_stay(scores: list[float]) -> None:
    order = np.argsort(scores)
    for curve in (CURVES.people, CURVES.joints, Curve(0.2138, 0.0516)):
        calibrated = curve(scores)
        assert ((calibrated > 0) & (calibrated < 1)).all()
        assert (np.diff(calibrated[order]) > 0).all()


def test_the_steepest_curve_is_a_step() -> None:
    assert Curve(10, 0.001)([0.0, 10.0, 20.0]) == pytest.approx([0, 0.5, 1])


@given(st.floats(0.01, 0.99))
def test_score_undoes_the_curve(calibrated: float) -> None:
    curve = CURVES.joints
    score = curve.score(calibrated)
    assert curve(score) == pytest.approx(calibrated if score > 0 else curve(0.0), abs=1e-9)
    assert curve.score(0.0) == 0


def test_missing_joints_keep_score_0() -> None:
    scores = np.float32([[0.0, 0.02, 0.48]])
    calibrated = CURVES.joint_scores(scores)
    assert calibrated[0, 0] == 0
    assert calibrated[0, 1] == pytest.approx(1 / (1 + math.exp(0.46 / 0.16)), rel=1e-5)


def test_plain_values_lead_back() -> None:
    assert Calibration.from_dict(CURVES.to_dict()) == CURVES
    assert CURVES.to_dict() == {"people": [0.29, 0.045], "joints": [0.48, 0.16]}


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (5, TypeError, "calibration must have people and joints but is 5"),
        ({"people": [0.2, 0.1]}, TypeError, "calibration must have people and joints but is"),
        ({"people": [0.2], "joints": [0.2, 0.1]}, TypeError, "calibration must have half and width of people"),
        ({"people": ["a", 0.1], "joints": [0.2, 0.1]}, TypeError, "half must be a number but is 'a'"),
        ({"people": [math.nan, 0.1], "joints": [0.2, 0.1]}, ValueError, "half must be a finite number"),
        ({"people": [0.2, 0], "joints": [0.2, 0.1]}, ValueError, "width must be at least 0.001 but is 0"),
    ],
)
def test_what_is_no_calibration(values: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Calibration.from_dict(values)
