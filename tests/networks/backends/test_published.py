"""Checkpoints of published networks as backends."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from bottomup import CropDetector, Detector, Settings
from bottomup.networks.backends import published as backend_module
from bottomup.networks.backends.factory import load_backend
from bottomup.networks.published.families import Published
from bottomup.skeletons import COCO_17, OPENPOSE_COCO_18


class Tiny(nn.Module):
    """Heatmaps with a background and pafs at stride 8, from the mean colour of each cell."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = nn.functional.avg_pool2d(images[:, :1], 8)
        return cells.repeat(1, 19, 1, 1).clamp(0, 1), cells.repeat(1, 38, 1, 1).clamp(-1, 1)


def published(task: str) -> Published:
    return Published(
        "Tiny", Tiny(), task, OPENPOSE_COCO_18, 8, 16, (96, 0),  # type: ignore[arg-type]
        lambda outputs: (outputs[0][:, :-1], outputs[1]), rgb=False, mean=(0.0,) * 3, std=(1.0,) * 3,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["a.pth", "a.pth.tar", "a.pt", "a.caffemodel"])
def test_a_checkpoint_is_a_detector(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend_module, "load_published", lambda _: published("fields"))
    (tmp_path / name).write_bytes(b"not read")
    detector = Detector(tmp_path / name, device="cpu")
    assert (detector.skeleton, detector.settings.input_height) == (COCO_17, 96)
    image = np.zeros((96, 128, 3), np.uint8)
    image[40:48, 64:72, 0] = 255  # blue comes first
    fields = detector.fields(image)
    assert fields.heatmaps.shape == (18, 12, 16)
    assert fields.pafs.shape == (38, 12, 16)
    assert fields.heatmaps[0].argmax() == 5 * 16 + 8


def test_a_checkpoint_ends_as_one_for_torch_does(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"not read")
    with pytest.raises(ValueError, match="model must end in"):
        load_backend(tmp_path / "a.pth", device="cpu", backend="openvino")


def test_a_checkpoint_for_crops_is_a_crop_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = dataclasses.replace(
        published("crops"), skeleton=COCO_17, input_size=(64, 48), corner_cells=True,
        answer=lambda outputs: (outputs[0][:, :17], outputs[1][:, :0]),
    )  # fmt: skip
    monkeypatch.setattr(backend_module, "load_published", lambda _: found)
    (tmp_path / "a.pth").write_bytes(b"not read")
    look = CropDetector(tmp_path / "a.pth", device="cpu")
    assert (look.decode, look.info.crop_size, look.info.corner_cells, look.info.padding) == (
        "candidates", (64, 48), True, 0,
    )  # fmt: skip
    image = np.zeros((96, 128, 3), np.uint8)
    image[40:48, 64:72, 0] = 255
    people = look(image, proposals=[[50, 30, 80, 70]])
    assert len(people) == 1
    assert np.abs(people.keypoints[0] - [67, 43]).max() < 8
    with pytest.raises(ValueError, match="is for crops: use CropDetector"):
        Detector(tmp_path / "a.pth", device="cpu")


class TinyTags(nn.Module):
    """Heatmaps and tags of 17 joints at stride 8, blue and green of each cell."""

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        cells = nn.functional.avg_pool2d(images[:, :2], 8)
        return cells[:, :1].repeat(1, 17, 1, 1), cells[:, 1:].repeat(1, 17, 1, 1)


def test_a_checkpoint_with_tags_is_a_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Published(
        "Tiny", TinyTags(), "tags", COCO_17, 8, 16, (96, 0), lambda outputs: outputs, rgb=False,
        mean=(0.0,) * 3, std=(1.0,) * 3,
    )  # fmt: skip
    monkeypatch.setattr(backend_module, "load_published", lambda _: network)
    (tmp_path / "a.pth").write_bytes(b"not read")
    detector = Detector(tmp_path / "a.pth", device="cpu")
    assert (detector.info.task, detector.info.stride, detector.settings.input_height) == ("tags", 8, 96)
    image = np.zeros((96, 128, 3), np.uint8)
    image[40:48, 64:72, 0] = 255
    people = detector(image)
    assert len(people) == 1
    np.testing.assert_allclose(people.keypoints[0], [[67.5, 43.5]] * 17, atol=0.01)
    with pytest.raises(ValueError, match="model must have part affinity fields but Tiny has tags"):
        detector.fields(image)
    with pytest.raises(ValueError, match="proposals must be None for a network with tags"):
        detector(image, proposals=[[0, 0, 50, 50]])
    with pytest.raises(ValueError, match='merge must be "fields" for a network with tags'):
        Detector(tmp_path / "a.pth", device="cpu", settings=Settings(merge="candidates"))
