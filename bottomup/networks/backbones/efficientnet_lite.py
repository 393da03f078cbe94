"""EfficientNet-lite: a backbone whose weights can start from image classification.

EfficientNet (Tan and Le, arXiv:1905.11946) without squeeze-and-excitation and with ReLU6, Google's variant for
processors. Batch normalisation keeps the statistics of ImageNet: they are better than what small batches of crops
give, and a normalisation that does not change costs nothing, since it is multiplied into the convolution.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from bottomup.networks.backbones.shapes import (
    EFFICIENTNET_EPSILON,
    EFFICIENTNET_MEAN,
    EFFICIENTNET_STAGES,
    EFFICIENTNET_STD,
    check_shape,
)
from bottomup.networks.depthwise import depthwise_conv
from bottomup.networks.layers import ConvBlock, ResidualBlock, conv_bn, double
from bottomup.networks.training_ops import pad, relu6


class FixedNormConv(nn.Module):
    """A convolution and a batch normalisation with fixed statistics, as one convolution.

    Scale and shift of the normalisation are trained like those of any other; mean and variance stay.
    Where the padding cannot be even (at stride 2), the lower right gets more, as in TensorFlow.
    """

    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.stride, self.groups = stride, groups
        self.padding = (kernel - 1) // 2 if stride == 1 else 0
        before = (kernel - stride) // 2
        after = kernel - stride - before
        self.margins = (before, after, before, after)
        self.weight = nn.Parameter(torch.empty(outputs, inputs // groups, kernel, kernel))
        nn.init.kaiming_normal_(self.weight, mode="fan_out", nonlinearity="relu")
        self.scale, self.shift = nn.Parameter(torch.ones(outputs)), nn.Parameter(torch.zeros(outputs))
        self.register_buffer("running_mean", torch.zeros(outputs))
        self.register_buffer("running_var", torch.ones(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.folded()
        if self.stride > 1:
            x = pad(x, self.margins)
        if self.groups > 1:
            return depthwise_conv(x, weight, bias, self.stride, self.padding)
        return functional.conv2d(x, weight, bias, self.stride, self.padding)

    def folded(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias of the one convolution."""
        factor = self.scale * torch.rsqrt(self.running_var + EFFICIENTNET_EPSILON)
        return self.weight * factor.view(-1, 1, 1, 1), self.shift - self.running_mean * factor


class InvertedResidual(nn.Module):
    """Widen, look around in each channel, narrow (Sandler et al., arXiv:1801.04381)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = FixedNormConv(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = FixedNormConv(inner, inner, kernel, stride, groups=inner)
        self.project = FixedNormConv(inner, outputs, 1)
        self.passes = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x if self.expand is None else relu6(self.expand(x))
        y = self.project(relu6(self.depthwise(y)))
        return x + y if self.passes else y  # type: ignore[no-any-return]


class EfficientNetLite(nn.Module):
    """EfficientNet-lite down to stride 32 and a top-down path back up to stride 8 (Lin et al., arXiv:1612.03144).

    depth: how much deeper than the smallest EfficientNet (1.0 is lite0, 1.1 lite1).
    stages: of EfficientNet's; 6, or 5 for a network that ends at stride 16: half the weights, enough for crops around
        one person.
    stride: of the output; 8, since the features of stride 4 know little yet.
    channels: of the output.
    widths: (channels at stride 16,) of the top-down path.
    depths: residual blocks at stride 16 and convolutions at stride 8 of the top-down path.

    Raises ValueError for another stride or other numbers of widths and depths.
    """

    alignment = 32
    mean, std = EFFICIENTNET_MEAN, EFFICIENTNET_STD

    def __init__(
        self,
        depth: float,
        stride: int,
        channels: int,
        widths: tuple[int, ...],
        depths: tuple[int, ...],
        *,
        stages: int = len(EFFICIENTNET_STAGES),
    ) -> None:
        super().__init__()
        check_shape("efficientnet_lite", stride, widths, depths)
        self.stride, self.channels = stride, channels
        self.stem = FixedNormConv(3, 32, 3, stride=2)
        parts, inputs = [], 32
        for number, (kernel, step, expansion, outputs, blocks) in enumerate(EFFICIENTNET_STAGES[:stages]):
            count = blocks if number == 0 else math.ceil(depth * blocks)
            shapes = [(inputs, step)] + [(outputs, 1)] * (count - 1)
            parts.append(nn.Sequential(*(InvertedResidual(c, outputs, kernel, s, expansion) for c, s in shapes)))
            inputs = outputs
        self.stages = nn.ModuleList(parts)
        (c16,), (n16, n8) = widths, depths
        c8, c16_in, c32 = EFFICIENTNET_STAGES[2][3], EFFICIENTNET_STAGES[4][3], EFFICIENTNET_STAGES[5][3]
        self.up16 = conv_bn(c32, c16, 1) if stages > 5 else None
        self.side16 = conv_bn(c16_in, c16, 1)
        self.smooth16 = nn.Sequential(*(ResidualBlock(c16, 1 + n % 2) for n in range(n16)))
        self.up8, self.side8 = conv_bn(c16, channels, 1), conv_bn(c8, channels, 1)
        self.smooth8 = nn.Sequential(*(ConvBlock(channels, channels) for _ in range(n8)))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = relu6(self.stem(images))
        seen = []
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        x8, x16 = seen[2], self.side16(seen[4])
        if self.up16 is not None:
            x16 = x16 + double(self.up16(seen[5]))
        x16 = self.smooth16(functional.relu(x16))
        return self.smooth8(functional.relu(self.side8(x8) + double(self.up8(x16))))  # type: ignore[no-any-return]

    def pretrained_parts(self) -> list[nn.Module]:
        """What ImageNet weights are there for, from the image upwards: the stem and each stage."""
        return [self.stem, *self.stages]

    def load_imagenet(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take the weights of a classifier with the names of the package `efficientnet_lite_pytorch`.

        Raises ValueError that names the tensors which are missing or have another shape.
        """
        blocks = [block for stage in self.stages for block in stage.children()]
        own = {f"stem.{name}": tensor for name, tensor in self.stem.state_dict().items()}
        own |= {f"{n}.{name}": tensor for n, block in enumerate(blocks) for name, tensor in block.state_dict().items()}
        wrong = []
        with torch.no_grad():
            for name, tensor in own.items():
                given = weights.get(_published_name(name))
                if given is None or given.shape != tensor.shape:
                    wrong.append(_published_name(name))
                else:
                    tensor.copy_(given)
        if wrong:
            raise ValueError(f"weights must be those of an EfficientNet-lite of this depth but lacks {wrong[:5]}")


_CONVS = {"stem": ("_conv_stem", "_bn0"), "expand": ("_expand_conv", "_bn0")}
_CONVS |= {"depthwise": ("_depthwise_conv", "_bn1"), "project": ("_project_conv", "_bn2")}


def _published_name(own: str) -> str:
    """`3.expand.scale` is `_blocks.3._bn0.weight` there."""
    *block, part, value = own.split(".")
    convolution, normalisation = _CONVS[part]
    module = convolution if value == "weight" else normalisation
    there = {"scale": "weight", "shift": "bias"}.get(value, value)
    return ".".join([*(f"_blocks.{number}" for number in block), module, there])
