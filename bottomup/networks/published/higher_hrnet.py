"""HigherHRNet (Cheng et al., CVPR 2020): heatmaps and associative embeddings of all people in a picture."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.published.hrnet import HighResolutionTrunk
from bottomup.networks.published.residual import Basic

_BLOCKS = 4  # residual blocks after the transposed convolution


class HigherHRNet(HighResolutionTrunk):
    """HRNet with a second, finer head, under the names of the published checkpoints.

    width: 32 or 48.  joints: 17 for COCO, 14 for CrowdPose.
    """

    def __init__(self, width: int = 32, joints: int = 17) -> None:
        super().__init__(width)
        self.joints = joints
        self.final_layers = nn.ModuleList([nn.Conv2d(width, 2 * joints, 1), nn.Conv2d(width, joints, 1)])
        enlarge = nn.Sequential(
            nn.ConvTranspose2d(width + 2 * joints, width, 4, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        blocks = [nn.Sequential(Basic(width, width)) for _ in range(_BLOCKS)]
        self.deconv_layers = nn.ModuleList([nn.Sequential(enlarge, *blocks)])

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # type: ignore[override]
        """Of normalised images (B, 3, H, W): heatmaps and tags (B, 2K, H / 4, W / 4), heatmaps (B, K, H / 2, W / 2)."""
        features = super().forward(images)
        coarse = self.final_layers[0](features)
        fine = self.final_layers[1](self.deconv_layers[0](torch.cat([features, coarse], 1)))
        return coarse, fine

    def fields_of(self, coarse: torch.Tensor, fine: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Of what `forward` gives: heatmaps at stride 2, the mean of both resolutions, and tags of that size."""
        large = functional.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=False)
        return (large[:, : self.joints] + fine) / 2, large[:, self.joints :]
