"""trt_pose (NVIDIA-AI-IOT): ResNet-18 or DenseNet-121 with attention in front of heatmaps and part affinity fields."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.published.residual import ResNet

_CHANNELS = 256
_GROWTH = 32  # channels that each layer of DenseNet adds
_DENSE_BLOCKS = (6, 12, 24, 16)  # DenseNet-121 (Huang et al., arXiv:1608.06993, table 1)


class _ResNetBackbone(nn.Module):
    channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.resnet = ResNet(18)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.resnet(images)[-1])


class _DenseLayer(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        inner = 4 * _GROWTH
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, inner, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(inner), nn.Conv2d(inner, _GROWTH, 3, 1, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(functional.relu(self.norm1(x)))
        return torch.cat([x, self.conv2(functional.relu(self.norm2(y)))], 1)


class _Transition(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, inputs // 2, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(self.conv(functional.relu(self.norm(x))), 2, 2)


class _DenseNetFeatures(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        channels = 64
        self.conv0, self.norm0 = nn.Conv2d(3, channels, 7, 2, 3, bias=False), nn.BatchNorm2d(channels)
        for number, layers in enumerate(_DENSE_BLOCKS, start=1):
            block = nn.Sequential()
            for n in range(layers):
                block.add_module(f"denselayer{n + 1}", _DenseLayer(channels))
                channels += _GROWTH
            self.add_module(f"denseblock{number}", block)
            if number < len(_DENSE_BLOCKS):
                self.add_module(f"transition{number}", _Transition(channels))
                channels //= 2
        self.norm5, self.channels = nn.BatchNorm2d(channels), channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = functional.max_pool2d(functional.relu(self.norm0(self.conv0(images))), 3, 2, 1)
        for number in range(1, len(_DENSE_BLOCKS) + 1):
            x = self.get_submodule(f"denseblock{number}")(x)
            if number < len(_DENSE_BLOCKS):
                x = self.get_submodule(f"transition{number}")(x)
        return cast(torch.Tensor, self.norm5(x))


class _DenseNetBackbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.densenet = nn.ModuleDict({"features": _DenseNetFeatures()})
        self.channels = cast(_DenseNetFeatures, self.densenet["features"]).channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.densenet["features"](images))


class _Head(nn.Module):
    def __init__(self, inputs: int, heatmaps: int, pafs: int) -> None:
        super().__init__()
        self.cmap_up, self.paf_up = _enlarging(inputs), _enlarging(inputs)
        self.cmap_att, self.paf_att = (nn.Conv2d(_CHANNELS, _CHANNELS, 3, 1, 1) for _ in range(2))
        self.cmap_conv, self.paf_conv = nn.Conv2d(_CHANNELS, heatmaps, 1), nn.Conv2d(_CHANNELS, pafs, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        joints, limbs = self.cmap_up(x), self.paf_up(x)
        heatmaps = self.cmap_conv(joints * torch.sigmoid(self.cmap_att(joints)))
        return heatmaps, self.paf_conv(limbs * torch.tanh(self.paf_att(limbs)))


def _enlarging(inputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (inputs, _CHANNELS, _CHANNELS):
        layers += [nn.ConvTranspose2d(count, _CHANNELS, 4, 2, 1), nn.BatchNorm2d(_CHANNELS), nn.ReLU()]
    return nn.Sequential(*layers)


class TrtPose(nn.Sequential):
    """`resnet18_baseline_att` or `densenet121_baseline_att`, under the names of the published checkpoints.

    backbone: `resnet18` or `densenet121`.  heatmaps, pafs: 18 joints and 21 limbs.
    """

    def __init__(self, backbone: str = "resnet18", heatmaps: int = 18, pafs: int = 42) -> None:
        first = _ResNetBackbone() if backbone == "resnet18" else _DenseNetBackbone()
        super().__init__(first, _Head(first.channels, heatmaps, pafs))

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Heatmaps (B, 18, H / 4, W / 4) and pafs (B, 42, ...), y before x, of normalised images (B, 3, H, W)."""
        backbone, head = self
        return cast(tuple[torch.Tensor, torch.Tensor], head(backbone(images)))
