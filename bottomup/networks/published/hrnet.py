"""HRNet (Sun et al., Deep High-Resolution Representation Learning, CVPR 2019): joints of one person in a crop."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.published.residual import Basic, Bottleneck

_BLOCKS = 4  # residual blocks in a branch of a module
_MODULES = (1, 4, 3)  # modules in stages 2, 3 and 4
_BOTTLENECK_PLANES = 64


class HighResolutionModule(nn.Module):
    """Branches of residual blocks side by side, each at half the resolution of the one before, then mixed.

    channels: of each branch.  outputs: how many branches go on, from the finest.
    """

    def __init__(self, channels: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(Basic(count, count) for _ in range(_BLOCKS))) for count in channels
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resample(channels, source, target) for source in range(len(channels)))
            for target in range(outputs)
        )

    def forward(self, branches: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        seen = [branch(x) for branch, x in zip(self.branches, branches, strict=True)]
        mixed = []
        for resample in self.fuse_layers:
            assert isinstance(resample, nn.ModuleList)
            total = resample[0](seen[0])
            for layer, x in zip(list(resample)[1:], seen[1:], strict=True):
                total = total + layer(x)
            mixed.append(functional.relu(total))
        return mixed


def _resample(channels: Sequence[int], source: int, target: int) -> nn.Module:
    """What takes one branch's features to another's resolution and channels."""
    if source == target:
        return nn.Identity()
    if source > target:
        enlarge = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        convolution = nn.Conv2d(channels[source], channels[target], 1, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(channels[target]), enlarge)
    steps = [_halve(channels[source], channels[source]) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, _halve(channels[source], channels[target], relu=False))


def _halve(inputs: int, outputs: int, *, relu: bool = True) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class HighResolutionTrunk(nn.Module):
    """The stem and the four stages; the output is the finest branch, at stride 4.

    width: channels of the finest branch, 32 or 48 in the published networks.
    """

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.width = width
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        self.conv2, self.bn2 = nn.Conv2d(64, 64, 3, 2, 1, bias=False), nn.BatchNorm2d(64)
        first = _BOTTLENECK_PLANES * Bottleneck.expansion
        blocks = [Bottleneck(64, _BOTTLENECK_PLANES), *(Bottleneck(first, _BOTTLENECK_PLANES) for _ in range(3))]
        self.layer1 = nn.Sequential(*blocks)
        before = [first]
        for number, modules in enumerate(_MODULES, start=2):
            channels = [width * 2**branch for branch in range(number)]
            self.add_module(f"transition{number - 1}", _transition(before, channels))
            # Of the last module only the finest branch is used.
            outputs = [1 if number == 4 and n == modules - 1 else number for n in range(modules)]
            self.add_module(f"stage{number}", nn.ModuleList(HighResolutionModule(channels, n) for n in outputs))
            before = channels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Features (B, width, H / 4, W / 4) of images (B, 3, H, W)."""
        x = functional.relu(self.bn1(self.conv1(images)))
        branches = [self.layer1(functional.relu(self.bn2(self.conv2(x))))]
        for number in range(2, 5):
            transition, stage = (
                self.get_submodule(f"{name}") for name in (f"transition{number - 1}", f"stage{number}")
            )
            assert isinstance(transition, nn.ModuleList)
            assert isinstance(stage, nn.ModuleList)
            # A new branch begins from the coarsest one so far.
            branches = [layer(branches[min(index, len(branches) - 1)]) for index, layer in enumerate(transition)]
            for module in stage:
                branches = module(branches)
        features: torch.Tensor = branches[0]
        return features


def _transition(before: Sequence[int], after: Sequence[int]) -> nn.ModuleList:
    layers: list[nn.Module] = []
    for branch, channels in enumerate(after):
        if branch >= len(before):
            layers.append(nn.Sequential(_halve(before[-1], channels)))
        elif before[branch] == channels:
            layers.append(nn.Identity())
        else:
            convolution = nn.Conv2d(before[branch], channels, 3, 1, 1, bias=False)
            layers.append(nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU()))
    return nn.ModuleList(layers)


class HRNet(HighResolutionTrunk):
    """Heatmaps of one person's joints at stride 4, under the names of the published checkpoints.

    width: 32 or 48.  joints: how many heatmaps.
    """

    def __init__(self, width: int = 32, joints: int = 17) -> None:
        super().__init__(width)
        self.final_layer = nn.Conv2d(width, joints, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Heatmaps (B, K, H / 4, W / 4), not bounded, of normalised images (B, 3, H, W)."""
        heatmaps: torch.Tensor = self.final_layer(super().forward(images))
        return heatmaps
