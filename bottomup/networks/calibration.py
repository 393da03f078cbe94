"""How often people and joints are right that a network finds with a score: `Calibration`.

A decoder's scores rank people, but which score a right one has differs from network to network. A logistic curve with
two parameters (Platt, "Probabilistic outputs for support vector machines", 1999) makes them shares: of people with a
calibrated score of 0.5, half are right, by an OKS of at least 0.5. The curve rises everywhere, so ranks stay.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEEPEST = 700.0  # the exponential of more has no place in float64


@dataclass(frozen=True)
class Curve:
    """1 / (1 + exp((half - score) / width)).

    half: the decoder's score of which half are right. width: how fast that changes; positive.

    Raises ValueError (TypeError for a wrong type) that names the parameter.
    """

    half: float
    width: float

    def __post_init__(self) -> None:
        for name in ("half", "width"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise TypeError(f"{name} must be a number but is {value!r}")
            if not (math.isfinite(value) and abs(value) < 1e3):
                raise ValueError(f"{name} must be a finite number below 1000 but is {value}")
        if self.width < 1e-3:
            raise ValueError(f"width must be at least 0.001 but is {self.width}")

    def __call__(self, scores: npt.ArrayLike) -> Floats:
        """Scores of a decoder, calibrated."""
        steps = (self.half - np.asarray(scores, np.float64)) / self.width
        return np.asarray(1 / (1 + np.exp(np.clip(steps, -_STEEPEST, _STEEPEST))))

    def score(self, calibrated: float) -> float:
        """The decoder's score, at least 0, that becomes this one, which is from 0 to 1."""
        if calibrated <= 0:
            return 0.0
        odds = calibrated / (1 - calibrated) if calibrated < 1 else 1e9  # which no person or joint has
        return max(0.0, self.half + self.width * math.log(odds))


@dataclass(frozen=True)
class Calibration:
    """The curves of people and of joints."""

    people: Curve
    joints: Curve

    def joint_scores(self, scores: npt.ArrayLike) -> Floats:
        """A decoder's scores of joints, calibrated; missing ones keep score 0."""
        return np.where(np.asarray(scores) > 0, self.joints(scores), 0.0)

    def to_dict(self) -> dict[str, list[float]]:
        """Plain values for JSON, which `from_dict` takes back: half and width of both curves."""
        return {"people": [self.people.half, self.people.width], "joints": [self.joints.half, self.joints.width]}

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """From plain values; TypeError or ValueError if they are none of a calibration."""
        if not isinstance(values, Mapping) or set(values) != {"people", "joints"}:
            raise TypeError(f"calibration must have people and joints but is {values!r}")
        for name, pair in values.items():
            if not isinstance(pair, (list, tuple)) or len(pair) != 2:
                raise TypeError(f"calibration must have half and width of {name} but has {pair!r}")
        return cls(Curve(*values["people"]), Curve(*values["joints"]))
