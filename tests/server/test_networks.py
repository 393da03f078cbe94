"""The networks that are served: other settings are of the same network, and of the same second look."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bottomup import refinement
from bottomup.detector import Detector
from bottomup.server import ServedNetworks
from bottomup.skeletons import COCO_17
from tests.makers.detectors import SeesMiddles
from tests.makers.service import SeesRed, photo


@pytest.fixture
def crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refinement, "resolve_model", lambda model: Path(model))
    monkeypatch.setattr("bottomup.crop_detector.load_backend", lambda *_, **__: SeesMiddles(COCO_17))


@pytest.mark.usefixtures("crops")
def test_other_settings_have_the_same_second_look() -> None:
    networks = ServedNetworks({"red": Detector(backend=SeesRed(), refine="crops.xml")})
    loaded = networks.default("red")
    other = networks.detector("red", dataclasses.replace(loaded.settings, input_height=160))
    assert other is not loaded
    assert other.refiner is loaded.refiner is not None
    assert networks.runtime("red").endswith(", refined by stand-in")
    (person,) = other(photo())
    np.testing.assert_allclose(person.keypoints, np.broadcast_to(person.keypoints[:1], (17, 2)))  # the crop's middle


def test_it_is_told_to_every_network(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, Any]] = []

    def make(model: str, **given: Any) -> Detector:
        made.append((model, given["refine"]))
        return Detector(backend=SeesRed())

    monkeypatch.setattr("bottomup.server.networks.Detector", make)
    assert ServedNetworks.load(["default", "mine.onnx"], refine="crops.xml").names == ["default", "mine"]
    assert made == [("default", "crops.xml"), ("mine.onnx", "crops.xml")]
