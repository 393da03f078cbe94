"""Stacked hourglass (Newell et al., ECCV 2016) as bearpaw/pytorch-pose has it: one person in a crop, MPII's joints."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_DEPTH = 4  # how often an hourglass halves the resolution


class _PreActivation(nn.Module):
    """A bottleneck whose normalisations come before the convolutions (He et al., arXiv:1603.05027)."""

    def __init__(self, inputs: int, planes: int) -> None:
        super().__init__()
        outputs = 2 * planes
        self.bn1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, planes, 1)
        self.bn2, self.conv2 = nn.BatchNorm2d(planes), nn.Conv2d(planes, planes, 3, 1, 1)
        self.bn3, self.conv3 = nn.BatchNorm2d(planes), nn.Conv2d(planes, outputs, 1)
        self.downsample = None if inputs == outputs else nn.Sequential(nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(functional.relu(self.bn1(x)))
        y = self.conv2(functional.relu(self.bn2(y)))
        y = self.conv3(functional.relu(self.bn3(y)))
        return y + (x if self.downsample is None else self.downsample(x))  # type: ignore[no-any-return]


def _blocks(inputs: int, planes: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(_PreActivation(inputs if n == 0 else 2 * planes, planes) for n in range(count)))


class _Hourglass(nn.Module):
    """Down to a sixteenth of the resolution and back, with a way across at each of the four."""

    def __init__(self, blocks: int, channels: int) -> None:
        super().__init__()
        # At each resolution: the way across, before, after; at the coarsest one more in the middle.
        self.hg = nn.ModuleList(
            nn.ModuleList(_blocks(channels, channels // 2, blocks) for _ in range(4 if level == 0 else 3))
            for level in range(_DEPTH)
        )

    def forward(self, x: torch.Tensor, level: int = _DEPTH - 1) -> torch.Tensor:
        parts = self.hg[level]
        assert isinstance(parts, nn.ModuleList)
        across = parts[0](x)
        low = parts[1](functional.max_pool2d(x, 2, 2))
        low = parts[3](low) if level == 0 else self.forward(low, level - 1)
        return across + functional.interpolate(parts[2](low), scale_factor=2.0)  # type: ignore[no-any-return]


class StackedHourglass(nn.Module):
    """Hourglasses in a row, each of which sees what the one before predicted.

    stacks: how many.  blocks: residual blocks in each part.  joints: 16 for MPII.
    channels: of the features, a multiple of 4; half as many inside of a residual block.

    dropout: of whole feature maps before they are read; none but for those who train it.
    """

    def __init__(self, stacks: int = 2, blocks: int = 1, joints: int = 16, channels: int = 256) -> None:
        super().__init__()
        quarter, half = channels // 4, channels // 2
        self.conv1, self.bn1 = nn.Conv2d(3, quarter, 7, 2, 3), nn.BatchNorm2d(quarter)
        self.layer1, self.layer2 = _blocks(quarter, quarter, 1), _blocks(half, half, 1)
        self.layer3 = _blocks(channels, half, 1)
        self.hg = nn.ModuleList(_Hourglass(blocks, channels) for _ in range(stacks))
        self.res = nn.ModuleList(_blocks(channels, half, blocks) for _ in range(stacks))
        self.fc = nn.ModuleList(
            nn.Sequential(nn.Conv2d(channels, channels, 1), nn.BatchNorm2d(channels), nn.ReLU()) for _ in range(stacks)
        )
        self.score = nn.ModuleList(nn.Conv2d(channels, joints, 1) for _ in range(stacks))
        self.fc_ = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(stacks - 1))
        self.score_ = nn.ModuleList(nn.Conv2d(joints, channels, 1) for _ in range(stacks - 1))
        self.dropout = nn.Dropout2d(0.0)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Heatmaps (B, K, H / 4, W / 4) of each stack, the last the best, of images (B, 3, H, W), H and W of 64s."""
        x = self.layer1(functional.relu(self.bn1(self.conv1(images))))
        x = self.layer3(self.layer2(functional.max_pool2d(x, 2, 2)))
        heatmaps = []
        for number, hourglass in enumerate(self.hg):
            y = self.dropout(self.fc[number](self.res[number](hourglass(x))))
            heatmaps.append(self.score[number](y))
            if number < len(self.fc_):
                x = x + self.fc_[number](y) + self.score_[number](heatmaps[-1])
        return heatmaps
