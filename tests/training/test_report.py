"""Logs and pictures of a run."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import cv2
import pytest

from bottomup.training import TrainConfig, train

pytest.importorskip("pycocotools")


@pytest.mark.slow
def test_tensorboard_has_the_curves(config: TrainConfig) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(dataclasses.replace(config, tensorboard=True), say=lambda _: None)
    events = EventAccumulator(str(Path(config.out) / "tensorboard"))
    events.Reload()
    assert {"loss", "heatmaps", "pafs", "learning_rate", "people/AP"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("loss")] == [6]


def test_tensorboard_needs_its_package(config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match=r"tensorboard = true needs the package tensorboard: pip install .*train"):
        train(dataclasses.replace(config, tensorboard=True), say=lambda _: None)


@pytest.mark.slow
def test_held_out_photos_are_judged_and_drawn(config: TrainConfig) -> None:
    nobody = dataclasses.replace(config.sources[1], held_out=1, folder="nobody")
    people = config.sources[0]
    lines: list[str] = []
    # Its only photo is held out, and there are no others.
    with pytest.raises(ValueError, match="sources must hold photos to train on but all of theirs are held out"):
        train(dataclasses.replace(config, sources=(nobody,)), say=lambda _: None)
    # Beside others, a source that holds all of its photos out is judged.
    train(dataclasses.replace(config, sources=(people, nobody)), say=lines.append)
    assert any(line.startswith("nobody: people ") for line in lines)
    pictures = Path(config.out) / "pictures"
    assert sorted(str(path.relative_to(pictures)) for path in pictures.rglob("*.jpg")) == [
        "nobody/empty.jpg",
        "people/1.jpg",
    ]
    drawn = cv2.imread(str(pictures / "people" / "1.jpg"))
    assert drawn is not None
    assert drawn.shape == (120, 320, 3)  # people beside heatmaps
