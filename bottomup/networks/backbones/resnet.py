"""ResNet with transposed convolutions on top: Simple Baselines (Xiao, Wu and Wei, arXiv:1804.06208).

A large plain network to compare others with, or to teach them; not for quick inference.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.backbones.shapes import IMAGENET_MEAN, IMAGENET_STD, check_shape
from bottomup.networks.layers import ConvBlock, conv_bn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which a 1x1 convolution fits to another size (He et al., 2015)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = ConvBlock(inputs, outputs, stride=stride), conv_bn(outputs, outputs)
        fits = stride == 1 and inputs == outputs
        self.shortcut = None if fits else _shortcut(inputs, outputs, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        beside = x if self.shortcut is None else self.shortcut(x)
        return functional.relu(beside + self.second(self.first(x)), inplace=True)


class DeconvBlock(nn.Module):
    """A transposed convolution to twice the size, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.deconv = nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.norm(self.deconv(x)), inplace=True)


class ResNet(nn.Module):
    """A residual network of basic blocks down to stride 32, and transposed convolutions back up to `stride`.

    channels: of the transposed convolutions, and so of the output.
    widths, depths: channels and blocks at strides 4, 8, 16 and 32; (64, 128, 256, 512) and (2, 2, 2, 2) are ResNet-18.

    Raises ValueError unless there are four of each, with at least one block.
    """

    alignment = 32
    mean, std = IMAGENET_MEAN, IMAGENET_STD

    def __init__(self, stride: int, channels: int, widths: tuple[int, ...], depths: tuple[int, ...]) -> None:
        super().__init__()
        check_shape("resnet", stride, widths, depths)
        self.stride, self.channels = stride, channels
        self.stem, self.pool = ConvBlock(3, widths[0], kernel=7, stride=2), nn.MaxPool2d(3, 2, 1)
        stages, inputs = [], widths[0]
        for number, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            strides = [1 if number == 0 else 2] + [1] * (depth - 1)
            shapes = [(inputs, strides[0])] + [(width, step) for step in strides[1:]]
            stages.append(nn.Sequential(*(BasicBlock(before, width, step) for before, step in shapes)))
            inputs = width
        self.stages = nn.Sequential(*stages)
        ups = {8: 2, 4: 3}[stride]
        self.ups = nn.Sequential(*(DeconvBlock(inputs if n == 0 else channels, channels) for n in range(ups)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) normalised images to (B, channels, H / stride, W / stride)."""
        return self.ups(self.stages(self.pool(self.stem(images))))  # type: ignore[no-any-return]


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))
