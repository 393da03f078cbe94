"""Lightweight OpenPose (Osokin, Real-time 2D Multi-Person Pose Estimation on CPU, arXiv:1811.12004)."""

from __future__ import annotations

import torch
from torch import nn

# Channels, stride and dilation of the depthwise separable convolutions after the first one.
_MOBILENET = (
    (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2), (512, 1, 1), (512, 1, 1),
    (512, 1, 1), (512, 1, 1),
)  # fmt: skip
_CHANNELS = 128


def _conv(
    inputs: int, outputs: int, kernel: int = 3, *, norm: bool = False, relu: bool = True, dilation: int = 1
) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, 1, dilation * (kernel // 2), dilation)]
    layers += [nn.BatchNorm2d(outputs)] if norm else []
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


def _separable(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    depthwise = nn.Conv2d(inputs, inputs, 3, stride, dilation, dilation, groups=inputs, bias=False)
    pointwise = nn.Conv2d(inputs, outputs, 1, bias=False)
    return nn.Sequential(depthwise, nn.BatchNorm2d(inputs), nn.ReLU(), pointwise, nn.BatchNorm2d(outputs), nn.ReLU())


def _separable_elu(channels: int) -> nn.Sequential:
    depthwise = nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False)
    return nn.Sequential(depthwise, nn.ELU(), nn.Conv2d(channels, channels, 1, bias=False), nn.ELU())


class _Features(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.align = _conv(inputs, _CHANNELS, 1)
        self.trunk = nn.Sequential(*(_separable_elu(_CHANNELS) for _ in range(3)))
        self.conv = _conv(_CHANNELS, _CHANNELS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        aligned = self.align(x)
        return self.conv(aligned + self.trunk(aligned))  # type: ignore[no-any-return]


class _RefinementBlock(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.initial = _conv(inputs, _CHANNELS, 1)
        self.trunk = nn.Sequential(
            _conv(_CHANNELS, _CHANNELS, norm=True), _conv(_CHANNELS, _CHANNELS, norm=True, dilation=2)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.initial(x)
        return first + self.trunk(first)  # type: ignore[no-any-return]


class _Stage(nn.Module):
    """Heatmaps and part affinity fields from a trunk's features; `inner` channels before the last convolution."""

    def __init__(self, trunk: nn.Sequential, inner: int, heatmaps: int, pafs: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.heatmaps, self.pafs = (
            nn.Sequential(_conv(_CHANNELS, inner, 1), _conv(inner, outputs, 1, relu=False))
            for outputs in (heatmaps, pafs)
        )

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.trunk(x)
        return self.heatmaps(features), self.pafs(features)


class LightweightOpenPose(nn.Module):
    """MobileNet and two stages, under the names of the published checkpoint.

    heatmaps: 18 joints and the background.  pafs: two channels for each of 19 limbs.
    """

    def __init__(self, heatmaps: int = 19, pafs: int = 38) -> None:
        super().__init__()
        first = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU())
        inputs = [32, *(channels for channels, _, _ in _MOBILENET)]
        self.model = nn.Sequential(
            first, *(_separable(c, *layer) for c, layer in zip(inputs[:-1], _MOBILENET, strict=True))
        )
        self.cpm = _Features(inputs[-1])
        plain = nn.Sequential(*(_conv(_CHANNELS, _CHANNELS) for _ in range(3)))
        self.initial_stage = _Stage(plain, 512, heatmaps, pafs)
        seen = _CHANNELS + heatmaps + pafs
        blocks = nn.Sequential(*(_RefinementBlock(seen if n == 0 else _CHANNELS) for n in range(5)))
        # Of the three that were trained the published network uses the first.
        self.refinement_stages = nn.ModuleList([_Stage(blocks, _CHANNELS, heatmaps, pafs)])

    def forward(self, images: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Heatmaps (B, 19, H / 8, W / 8) and pafs (B, 38, H / 8, W / 8) of each stage; images are (BGR - 128) / 256."""
        features = self.cpm(self.model(images))
        stages = [self.initial_stage(features)]
        for stage in self.refinement_stages:
            stages.append(stage(torch.cat([features, *stages[-1]], 1)))
        return stages
