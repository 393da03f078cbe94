"""Cascaded Pyramid Network (Chen et al., CVPR 2018) as GengDavid/pytorch-cpn has it: one person in a crop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.published.residual import RESNET_WIDTHS, Bottleneck, ResNet

REFINE_EXPANSION = 2
"""RefineNet's bottlenecks have so many times as many channels outside as inside."""


def _enlarge(x: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=True)


class _GlobalNet(nn.Module):
    """A feature pyramid from coarse to fine, with the joints predicted at each level."""

    def __init__(self, joints: int, features: Sequence[int], channels: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(_conv_relu(inputs, channels) for inputs in reversed(features))
        # The numbers leave room for the enlarging that the published module has between them.
        self.upsamples = nn.ModuleList(
            nn.Sequential(nn.Identity(), nn.Conv2d(channels, channels, 1, bias=False), nn.BatchNorm2d(channels))
            for _ in range(3)
        )
        self.predict = nn.ModuleList(
            nn.Sequential(
                *_conv_relu(channels, channels), nn.Conv2d(channels, joints, 3, 1, 1, bias=False), nn.Identity(),
                nn.BatchNorm2d(joints),
            )
            for _ in range(4)
        )  # fmt: skip

    def forward(self, features: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """The pyramid's features and the heatmaps at stride 4 of each level, coarsest first."""
        size = (features[0].shape[2], features[0].shape[3])
        pyramid: list[torch.Tensor] = []
        heatmaps: list[torch.Tensor] = []
        for number, x in enumerate(reversed(features)):
            level = self.laterals[number](x)
            if pyramid:
                coarser = _enlarge(pyramid[-1], (level.shape[2], level.shape[3]))
                level = level + self.upsamples[number - 1](coarser)
            pyramid.append(level)
            predict = self.predict[number]
            assert isinstance(predict, nn.Sequential)
            heatmaps.append(predict[5](_enlarge(predict[:4](level), size)))
        return pyramid, heatmaps


def _conv_relu(inputs: int, channels: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, channels, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU())


class _RefineNet(nn.Module):
    """Bottlenecks, the more the coarser the level, whose outputs are enlarged and read together."""

    def __init__(self, joints: int, channels: int) -> None:
        super().__init__()
        self.cascade = nn.ModuleList(
            nn.Sequential(*(_bottleneck(channels, channels) for _ in range(3 - level))) for level in range(4)
        )
        self.final_predict = nn.Sequential(
            _bottleneck(4 * channels, channels),
            nn.Conv2d(channels, joints, 3, 1, 1, bias=False),
            nn.BatchNorm2d(joints),
        )

    def forward(self, pyramid: list[torch.Tensor]) -> torch.Tensor:
        size = (pyramid[-1].shape[2], pyramid[-1].shape[3])
        levels = [_enlarge(part(x), size) for part, x in zip(self.cascade, pyramid, strict=True)]
        heatmaps: torch.Tensor = self.final_predict(torch.cat(levels, 1))
        return heatmaps


def _bottleneck(inputs: int, outputs: int) -> Bottleneck:
    return Bottleneck(inputs, outputs // REFINE_EXPANSION, expansion=REFINE_EXPANSION, project=True)


class CascadedPyramidNetwork(nn.Module):
    """GlobalNet on ResNet-50, then RefineNet, which was trained on the joints that GlobalNet sees worst.

    joints: how many heatmaps.
    channels: of the pyramid's features, an even number.
    widths, depths: of the ResNet, as in `ResNet`.

    dropout: of whole feature maps of the pyramid; none but for those who train it.
    """

    def __init__(
        self,
        joints: int = 17,
        channels: int = 256,
        *,
        widths: Sequence[int] = RESNET_WIDTHS,
        depths: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.resnet = ResNet(50, widths=widths, depths=depths)
        self.global_net = _GlobalNet(joints, self.resnet.features, channels)
        self.refine_net = _RefineNet(joints, channels)
        self.dropout = nn.Dropout2d(0.0)

    def forward(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """GlobalNet's heatmaps (B, K, H / 4, W / 4), coarsest first, and RefineNet's, of images (B, 3, H, W)."""
        pyramid, heatmaps = self.global_net(self.resnet(images))
        return heatmaps, self.refine_net([self.dropout(level) for level in pyramid])
