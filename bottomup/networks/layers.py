"""Layers that several networks are built of."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


def conv_bn(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """A convolution that keeps the size (or divides it by the stride), and batch normalisation."""
    padding = dilation * (kernel - 1) // 2 if stride == 1 else (kernel - stride + 1) // 2
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class ConvBlock(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.conv = conv_bn(inputs, outputs, kernel, stride, dilation)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.conv(x), inplace=True)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around which the input passes (He et al., arXiv:1512.03385)."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.first = ConvBlock(channels, channels, dilation=dilation)
        self.second = conv_bn(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(x + self.second(self.first(x)), inplace=True)


def double(x: torch.Tensor) -> torch.Tensor:
    """Twice as large; the convolutions that follow smooth the steps."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")
