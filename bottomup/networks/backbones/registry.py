"""Backbones: image in, one feature map out; and those that make the predictions themselves.

A backbone is a module with `stride` (image pixels per cell) and `channels` of its output, and `mean` and `std` of the
images that it wants (RGB, 0..1). Register a new one in `BACKBONES`, or in `STAGED` if it predicts, and name it in
`NetworkConfig.backbone`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Protocol

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.backbones.cpn import Cpn
from bottomup.networks.backbones.efficientnet_lite import EfficientNetLite
from bottomup.networks.backbones.hourglass import Hourglass
from bottomup.networks.backbones.hrnet import HRNet
from bottomup.networks.backbones.resnet import ResNet
from bottomup.networks.backbones.resnet50 import ResNet50
from bottomup.networks.backbones.shapes import IMAGENET_MEAN, IMAGENET_STD, check_shape
from bottomup.networks.backbones.vgg import Vgg
from bottomup.networks.layers import ConvBlock, ResidualBlock, conv_bn, double


class Backbone(Protocol):
    """What the field network asks of a backbone."""

    stride: int
    channels: int
    alignment: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) normalised images to (B, channels, H / stride, W / stride); sides divide by `alignment`."""
        ...


class StagedBackbone(Protocol):
    """What the field network asks of a backbone that makes the predictions itself.

    dropout: of the feature maps that its heads see.
    gives, reads: patterns of the names of its modules that give, and that read, the predictions' channels.
    """

    alignment: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    dropout: nn.Dropout2d
    gives: tuple[str, ...]
    reads: tuple[str, ...]

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) normalised images to predictions (B, outputs, H / stride, W / stride), the best last."""
        ...


class Pyramid(nn.Module):
    """A short residual network that goes down to stride 32 for context and back up to `stride`.

    Three things make it quick to train without a GPU: plain dense convolutions (depthwise ones are bound by
    memory), a first convolution that leaves full resolution at once, and most of its depth at stride 16.

    widths: channels at strides 4, 8, 16 and 32. depths: residual blocks at strides 8, 16 and 32.
    """

    alignment = 32
    mean, std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        check_shape("pyramid", stride, widths, depths)
        self.stride, self.channels = stride, channels
        c4, c8, c16, c32 = widths
        n8, n16, n32 = depths
        self.stem = ConvBlock(3, c4, kernel=8, stride=4)
        self.down8 = nn.Sequential(ConvBlock(c4, c8, stride=2), *(ResidualBlock(c8) for _ in range(n8)))
        self.down16 = nn.Sequential(ConvBlock(c8, c16, stride=2), *(ResidualBlock(c16, 1 + n % 2) for n in range(n16)))
        self.down32 = nn.Sequential(ConvBlock(c16, c32, stride=2), *(ResidualBlock(c32, 1 + n % 2) for n in range(n32)))
        self.side16, self.up16 = ResidualBlock(c16), conv_bn(c32, c16, 1)
        self.side8, self.up8 = conv_bn(c8, channels, 1), conv_bn(c16, channels, 1)
        self.smooth8 = ConvBlock(channels, channels)
        if stride == 4:
            self.side4, self.up4 = conv_bn(c4, channels, 1), conv_bn(channels, channels, 1)
            self.smooth4 = ConvBlock(channels, channels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x4 = self.stem(images)
        x8 = self.down8(x4)
        x16 = self.down16(x8)
        x32 = self.down32(x16)
        x16 = self.side16(functional.relu(x16 + double(self.up16(x32))))
        x8 = self.smooth8(functional.relu(self.side8(x8) + double(self.up8(x16))))
        if self.stride == 8:
            return x8  # type: ignore[no-any-return]
        return self.smooth4(functional.relu(self.side4(x4) + double(self.up4(x8))))  # type: ignore[no-any-return]


BACKBONES: Mapping[str, Any] = MappingProxyType(
    {
        "pyramid": Pyramid,
        "resnet": ResNet,
        "resnet50": ResNet50,
        "hrnet": HRNet,
        "vgg": Vgg,
        "efficientnet_lite0": partial(EfficientNetLite, 1.0),
        "efficientnet_lite1": partial(EfficientNetLite, 1.1),
        "efficientnet_lite0_stride16": partial(EfficientNetLite, 1.0, stages=5),
    }
)

STAGED: Mapping[str, Any] = MappingProxyType({"hourglass": Hourglass, "cpn": Cpn})
