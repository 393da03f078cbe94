"""Residual blocks under the names that published checkpoints give their tensors."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

RESNET_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}
RESNET_WIDTHS = (64, 128, 256, 512)


class Basic(nn.Module):
    """Two 3x3 convolutions around which the input passes (He et al., arXiv:1512.03385, fig. 5 left)."""

    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int = 1, *, project: bool = False) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False), nn.BatchNorm2d(planes)
        self.downsample = _projection(inputs, planes, stride, always=project)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """1x1, 3x3 with the stride, 1x1 convolutions around which the input passes (He et al., fig. 5 right)."""

    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int = 1, *, expansion: int = 4, project: bool = False) -> None:
        super().__init__()
        outputs = planes * expansion
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = _projection(inputs, outputs, stride, always=project)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.bn1(self.conv1(x)))
        y = functional.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return functional.relu(y + (x if self.downsample is None else self.downsample(x)))


def _projection(inputs: int, outputs: int, stride: int, *, always: bool) -> nn.Sequential | None:
    if stride == 1 and inputs == outputs and not always:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """ResNet down to stride 32 without its classifier (He et al., arXiv:1512.03385, table 1).

    depth: 18, 34, 50, 101 or 152.
    widths, depths: channels inside of the blocks at strides 4, 8, 16 and 32, and how many blocks there are; those of
        the paper unless given.

    features: channels of what `forward` gives.
    """

    def __init__(self, depth: int = 50, *, widths: Sequence[int] = RESNET_WIDTHS, depths: Sequence[int] = ()) -> None:
        super().__init__()
        if depth not in RESNET_BLOCKS:
            raise ValueError(f"depth must be one of {sorted(RESNET_BLOCKS)} but is {depth}")
        block: type[Basic] | type[Bottleneck] = Basic if depth < 50 else Bottleneck
        inputs = widths[0]
        self.conv1, self.bn1 = nn.Conv2d(3, inputs, 7, 2, 3, bias=False), nn.BatchNorm2d(inputs)
        for number, (planes, blocks) in enumerate(zip(widths, depths or RESNET_BLOCKS[depth], strict=True)):
            outputs, stride = planes * block.expansion, 1 if number == 0 else 2
            layers = [block(inputs, planes, stride), *(block(outputs, planes) for _ in range(blocks - 1))]
            self.add_module(f"layer{number + 1}", nn.Sequential(*layers))
            inputs = outputs
        self.features = tuple(width * block.expansion for width in widths)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """The features at strides 4, 8, 16 and 32 of images (B, 3, H, W)."""
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(images))), 3, 2, 1)
        features = []
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
            features.append(x)
        return features
