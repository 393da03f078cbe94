"""OpenPose's networks (Cao et al., arXiv:1611.08050 and arXiv:1812.08008), whose layers are those of the prototxts."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_TRUNK = (
    ("conv1_1", 3, 64), ("conv1_2", 64, 64), ("conv2_1", 64, 128), ("conv2_2", 128, 128), ("conv3_1", 128, 256),
    ("conv3_2", 256, 256), ("conv3_3", 256, 256), ("conv3_4", 256, 256), ("conv4_1", 256, 512), ("conv4_2", 512, 512),
    ("conv4_3_CPM", 512, 256), ("conv4_4_CPM", 256, 128),
)  # fmt: skip
_POOLED = ("conv1_2", "conv2_2", "conv3_4")
_FEATURES = 128
_STAGES = 6  # of the first version


class _Layers(nn.Module):
    """Convolutions under caffe's names of them."""

    def _add(self, name: str, inputs: int, outputs: int, kernel: int) -> None:
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))

    def _run(self, name: str, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.get_submodule(name)(x)
        return y


class OpenPose(_Layers):
    """VGG-19's first layers and six stages with two branches each: the COCO and the MPI network.

    heatmaps: joints and the background, 19 for COCO, 16 for MPI.  pafs: 38 or 28.
    """

    def __init__(self, heatmaps: int = 19, pafs: int = 38) -> None:
        super().__init__()
        for name, inputs, outputs in _TRUNK:
            self._add(name, inputs, outputs, 3)
        for branch, count in (("L1", pafs), ("L2", heatmaps)):
            for n in range(1, 4):
                self._add(f"conv5_{n}_CPM_{branch}", _FEATURES, _FEATURES, 3)
            self._add(f"conv5_4_CPM_{branch}", _FEATURES, 512, 1)
            self._add(f"conv5_5_CPM_{branch}", 512, count, 1)
            for stage in range(2, _STAGES + 1):
                for n in range(1, 6):
                    inputs = _FEATURES + heatmaps + pafs if n == 1 else _FEATURES
                    self._add(f"Mconv{n}_stage{stage}_{branch}", inputs, _FEATURES, 7)
                self._add(f"Mconv6_stage{stage}_{branch}", _FEATURES, _FEATURES, 1)
                self._add(f"Mconv7_stage{stage}_{branch}", _FEATURES, count, 1)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Heatmaps and pafs at stride 8 of images (B, 3, H, W), BGR / 256 - 0.5."""
        features = images
        for name, _, _ in _TRUNK:
            features = functional.relu(self._run(name, features))
            if name in _POOLED:
                features = functional.max_pool2d(features, 2, 2)
        first = [[f"conv5_{n}_CPM_{branch}" for n in range(1, 6)] for branch in ("L1", "L2")]
        pafs, heatmaps = (self._chain(names, features) for names in first)
        for stage in range(2, _STAGES + 1):
            seen = torch.cat([pafs, heatmaps, features], 1)
            later = [[f"Mconv{n}_stage{stage}_{branch}" for n in range(1, 8)] for branch in ("L1", "L2")]
            pafs, heatmaps = (self._chain(names, seen) for names in later)
        return heatmaps, pafs

    def _chain(self, names: list[str], x: torch.Tensor) -> torch.Tensor:
        """Convolutions in a row, with a ReLU between them."""
        for name in names[:-1]:
            x = functional.relu(self._run(name, x))
        return self._run(names[-1], x)


# Of BODY_25: branch (L2 are the pafs), channels of the triple convolutions, channels of the one after them.
_BODY_25_STAGES = (
    ("stage0_L2", 96, 256), ("stage1_L2", 128, 512), ("stage2_L2", 128, 512), ("stage3_L2", 128, 512),
    ("stage0_L1", 96, 256), ("stage1_L1", 128, 512),
)  # fmt: skip


class OpenPoseBody25(_Layers):
    """The second version: four stages of part affinity fields, then two of heatmaps, with PReLUs.

    heatmaps: 25 joints and the background.  pafs: two channels for each of 26 limbs.
    """

    def __init__(self, heatmaps: int = 26, pafs: int = 52) -> None:
        super().__init__()
        for name, inputs, outputs in _TRUNK:
            self._add(name, inputs, outputs, 3)
            if name >= "conv4_2":
                self._add_slopes(name, outputs)
        for stage, channels, last in _BODY_25_STAGES:
            number, branch = int(stage[5]), stage[-2:]
            inputs = _FEATURES + (pafs if branch == "L1" or number else 0) + (heatmaps if stage == "stage1_L1" else 0)
            for n in range(1, 6):
                for part in range(3):
                    source = channels if part else (inputs if n == 1 else 3 * channels)
                    self._add_pair(f"Mconv{n}_{stage}_{part}", source, channels, 3)
            self._add_pair(f"Mconv6_{stage}", 3 * channels, last, 1)
            self._add(f"Mconv7_{stage}", last, pafs if branch == "L2" else heatmaps, 1)

    def _add_pair(self, name: str, inputs: int, outputs: int, kernel: int) -> None:
        self._add(name, inputs, outputs, kernel)
        self._add_slopes(name, outputs)

    def _add_slopes(self, name: str, channels: int) -> None:
        self.add_module(name.replace("conv", "prelu"), nn.PReLU(channels))

    def _activated(self, name: str, x: torch.Tensor) -> torch.Tensor:
        return self._run(name.replace("conv", "prelu"), self._run(name, x))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Heatmaps and pafs at stride 8 of images (B, 3, H, W), BGR / 256 - 0.5."""
        features = images
        for name, _, _ in _TRUNK:
            features = (
                self._activated(name, features) if name >= "conv4_2" else functional.relu(self._run(name, features))
            )
            if name in _POOLED:
                features = functional.max_pool2d(features, 2, 2)
        pafs = self._stage("stage0_L2", features)
        for number in range(1, 4):
            pafs = self._stage(f"stage{number}_L2", torch.cat([features, pafs], 1))
        heatmaps = self._stage("stage0_L1", torch.cat([features, pafs], 1))
        heatmaps = self._stage("stage1_L1", torch.cat([features, heatmaps, pafs], 1))
        return heatmaps, pafs

    def _stage(self, stage: str, x: torch.Tensor) -> torch.Tensor:
        for n in range(1, 6):
            parts: list[torch.Tensor] = []
            for part in range(3):
                parts.append(self._activated(f"Mconv{n}_{stage}_{part}", parts[-1] if parts else x))
            x = torch.cat(parts, 1)
        return self._run(f"Mconv7_{stage}", self._activated(f"Mconv6_{stage}", x))
