"""`detect_people`, the shorthand for a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bottomup.detector
from bottomup.detector import Detector
from bottomup.people import People
from bottomup.settings import Settings
from bottomup.shorthand import detect_people
from bottomup.skeletons import COCO_17
from tests.makers.networks import save_random_network


@pytest.fixture(scope="module")
def random_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random_network(tmp_path_factory.mktemp("networks") / "random.safetensors", "openpose18")


@pytest.mark.slow
def test_detect_people_keeps_its_detector(random_network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[Any, ...]] = []
    original = bottomup.detector.Detector

    def counting(model: Any, **options: Any) -> Detector:
        made.append((model, options))
        return original(model, **options)

    bottomup.shorthand._detector.cache_clear()
    monkeypatch.setattr(bottomup.shorthand, "Detector", counting)
    monkeypatch.chdir(random_network.parent)
    # High thresholds: what a random network sees is noise, and there is no need to decode it.
    settings = Settings(input_height=64, peak_threshold=0.999999)
    image = np.zeros((64, 64, 3), np.uint8)
    people = detect_people(image, model=random_network, device="cpu", settings=settings)
    assert isinstance(people, People)
    assert people.skeleton == COCO_17
    assert len(detect_people([image, image], model=str(random_network), device="cpu", settings=settings)) == 2
    detect_people(
        image, model="random.safetensors", device="cpu", settings=Settings(input_height=64, peak_threshold=0.999999)
    )
    assert len(made) == 1
    detect_people(
        image, model=random_network, device="cpu", settings=Settings(input_height=96, peak_threshold=0.999999)
    )
    assert len(made) == 2
    assert original(random_network, device="cpu", settings=settings)(image) == people
    bottomup.shorthand._detector.cache_clear()
