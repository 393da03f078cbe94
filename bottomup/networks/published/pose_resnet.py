"""Simple Baselines (Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from bottomup.networks.published.residual import RESNET_WIDTHS, ResNet

_CHANNELS = 256  # of the published transposed convolutions


class PoseResNetTrunk(ResNet):
    """ResNet and transposed convolutions, each of which doubles the resolution.

    depth, widths, depths: as in `ResNet`.
    channels: of the transposed convolutions, and so of the output.
    doublings: how many; the published three take stride 32 to 4.
    """

    def __init__(
        self,
        depth: int = 50,
        *,
        widths: Sequence[int] = RESNET_WIDTHS,
        depths: Sequence[int] = (),
        channels: int = _CHANNELS,
        doublings: int = 3,
    ) -> None:
        super().__init__(depth, widths=widths, depths=depths)
        layers: list[nn.Module] = []
        for inputs in (self.features[-1], *[channels] * (doublings - 1)):
            enlarge = nn.ConvTranspose2d(inputs, channels, 4, 2, 1, bias=False)
            layers += [enlarge, nn.BatchNorm2d(channels), nn.ReLU()]
        self.deconv_layers = nn.Sequential(*layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Features (B, channels, H / stride, W / stride) of normalised images (B, 3, H, W)."""
        features: torch.Tensor = self.deconv_layers(super().forward(images)[-1])
        return features


class PoseResNet(PoseResNetTrunk):
    """Heatmaps of one person's joints at stride 4, under the names of the published checkpoints.

    depth: 50, 101 or 152 in the published ones.  joints: how many heatmaps.
    """

    def __init__(self, depth: int = 50, joints: int = 17) -> None:
        super().__init__(depth)
        self.final_layer = nn.Conv2d(_CHANNELS, joints, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Heatmaps (B, K, H / 4, W / 4), not bounded, of normalised images (B, 3, H, W)."""
        heatmaps: torch.Tensor = self.final_layer(super().forward(images))
        return heatmaps
