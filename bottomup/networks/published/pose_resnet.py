"""Simple Baselines (Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018)."""

from __future__ import annotations

import torch
from torch import nn

from bottomup.networks.published.residual import ResNet

_CHANNELS = 256  # of the transposed convolutions


class PoseResNet(ResNet):
    """ResNet and three transposed convolutions, under the names of the published checkpoints.

    depth: 50, 101 or 152 in the published ones.  joints: how many heatmaps.
    """

    def __init__(self, depth: int = 50, joints: int = 17) -> None:
        super().__init__(depth)
        layers: list[nn.Module] = []
        for inputs in (self.channels, _CHANNELS, _CHANNELS):
            enlarge = nn.ConvTranspose2d(inputs, _CHANNELS, 4, 2, 1, bias=False)
            layers += [enlarge, nn.BatchNorm2d(_CHANNELS), nn.ReLU()]
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(_CHANNELS, joints, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Heatmaps (B, K, H / 4, W / 4), not bounded, of normalised images (B, 3, H, W)."""
        heatmaps: torch.Tensor = self.final_layer(self.deconv_layers(super().forward(images)[-1]))
        return heatmaps
