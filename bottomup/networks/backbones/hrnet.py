"""HRNet as the backbone of a field network: for a GPU's owner, or to teach smaller networks.

Its trunk is the module that published checkpoints load into, so a run can start from one of them, trained for poses or
for image classification.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from bottomup.networks.backbones.shapes import IMAGENET_MEAN, IMAGENET_STD, check_shape
from bottomup.networks.backbones.start import own_tensors, take_weights
from bottomup.networks.layers import ConvBlock
from bottomup.networks.published.hrnet import HighResolutionTrunk


class HRNet(nn.Module):
    """The four stages of HRNet at stride 4 (Sun et al., CVPR 2019), then a convolution to `stride`.

    channels: of the output.
    widths: (channels of the finest branch,); 32 and 48 are the published ones.
    depths: none; blocks and modules are the published ones.

    Raises ValueError for other numbers of widths and depths.
    """

    alignment = 32
    mean, std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        check_shape("hrnet", stride, widths, depths)
        self.stride, self.channels = stride, channels
        self.trunk = HighResolutionTrunk(widths[0])
        self.fit = ConvBlock(widths[0], channels, stride=stride // 4)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) normalised images to (B, channels, H / stride, W / stride)."""
        return self.fit(self.trunk(images))  # type: ignore[no-any-return]

    def pretrained_parts(self) -> list[nn.Module]:
        """What published weights are there for, from the image upwards: the stem, then each stage with its passage."""
        trunk = self.trunk
        parts: list[nn.Module] = [nn.ModuleList([trunk.conv1, trunk.bn1, trunk.conv2, trunk.bn2, trunk.layer1])]
        for number in range(2, 5):
            names = (f"transition{number - 1}", f"stage{number}")
            parts.append(nn.ModuleList([trunk.get_submodule(name) for name in names]))
        return parts

    def load_published(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the trunk's weights from a checkpoint of HRNet, mmpose or timm; heads and classifiers are left out.

        weights: as `bottomup.networks.published.checkpoint.read_checkpoint` gives them.

        Raises ValueError that names the tensors which are missing or have another shape.
        """
        take_weights(own_tensors(self.trunk), weights, f"an HRNet of width {self.trunk.width}")
