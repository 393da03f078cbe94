"""The backbones as layers: each function follows `forward` of the torch module that its docstring names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from bottomup.networks.backbones.shapes import (
    CAFFE_MEAN,
    CAFFE_STD,
    EFFICIENTNET_EPSILON,
    EFFICIENTNET_MEAN,
    EFFICIENTNET_STAGES,
    EFFICIENTNET_STD,
    IMAGENET_MEAN,
    IMAGENET_STD,
    check_shape,
    vgg_layers,
)
from bottomup.networks.config import NetworkConfig
from bottomup.networks.export.hrnet import hrnet
from bottomup.networks.export.lowering import FloatArray, GraphBuilder
from bottomup.networks.export.residual import deconv, resnet_features

Lowering = Callable[[GraphBuilder, NetworkConfig], int]


def pyramid(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.registry.Pyramid`."""
    check_shape("pyramid", config.stride, config.widths, config.depths)
    channels = config.channels
    (c4, c8, c16, c32), (n8, n16, n32) = config.widths, config.depths
    x4 = graph.conv_block(graph.normalise(IMAGENET_MEAN, IMAGENET_STD), "backbone.stem", 3, c4, kernel=8, stride=4)
    x8 = _down(graph, x4, "backbone.down8", c4, c8, [1] * n8)
    x16 = _down(graph, x8, "backbone.down16", c8, c16, [1 + n % 2 for n in range(n16)])
    x32 = _down(graph, x16, "backbone.down32", c16, c32, [1 + n % 2 for n in range(n32)])
    x16 = graph.add("relu", graph.add("add", x16, _up(graph, x32, "backbone.up16", c32, c16)))
    x16 = graph.residual(x16, "backbone.side16", c16)
    side = graph.conv_bn(x8, "backbone.side8", c8, channels, kernel=1)
    x = graph.add("relu", graph.add("add", side, _up(graph, x16, "backbone.up8", c16, channels)))
    x = graph.conv_block(x, "backbone.smooth8", channels, channels)
    if config.stride == 8:
        return x
    side = graph.conv_bn(x4, "backbone.side4", c4, channels, kernel=1)
    x = graph.add("relu", graph.add("add", side, _up(graph, x, "backbone.up4", channels, channels)))
    return graph.conv_block(x, "backbone.smooth4", channels, channels)


def _down(graph: GraphBuilder, x: int, name: str, inputs: int, outputs: int, dilations: list[int]) -> int:
    x = graph.conv_block(x, f"{name}.0", inputs, outputs, stride=2)
    for number, dilation in enumerate(dilations, 1):
        x = graph.residual(x, f"{name}.{number}", outputs, dilation)
    return x


def _up(graph: GraphBuilder, x: int, name: str, inputs: int, outputs: int) -> int:
    return graph.add("double", graph.conv_bn(x, name, inputs, outputs, kernel=1))


def resnet(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.resnet.ResNet`."""
    check_shape("resnet", config.stride, config.widths, config.depths)
    x, inputs = graph.normalise(IMAGENET_MEAN, IMAGENET_STD), config.widths[0]
    x = graph.conv_block(x, "backbone.stem", 3, inputs, kernel=7, stride=2)
    x = graph.add("max_pool", x, kernel=3, stride=2, padding=(1, 1, 1, 1))
    for stage, (width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        for block in range(depth):
            step = 2 if stage and not block else 1
            x, inputs = _basic_block(graph, x, f"backbone.stages.{stage}.{block}", inputs, width, step), width
    for number in range({8: 2, 4: 3}[config.stride]):
        name = f"backbone.ups.{number}"
        x = deconv(graph, x, f"{name}.deconv", f"{name}.norm", inputs, config.channels)
        inputs = config.channels
    return x


def resnet50(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.resnet50.ResNet50`."""
    check_shape("resnet50", config.stride, config.widths, config.depths)
    x = graph.normalise(IMAGENET_MEAN, IMAGENET_STD)
    x, inputs = resnet_features(graph, x, "backbone", config.widths, config.depths)[-1], 4 * config.widths[-1]
    for number in range({8: 2, 4: 3}[config.stride]):
        name, norm = (f"backbone.deconv_layers.{3 * number + part}" for part in (0, 1))
        x, inputs = deconv(graph, x, name, norm, inputs, config.channels), config.channels
    return x


def _basic_block(graph: GraphBuilder, x: int, name: str, inputs: int, outputs: int, stride: int) -> int:
    beside = x
    if stride != 1 or inputs != outputs:
        weight = graph.tensor(f"{name}.shortcut.0.weight", outputs, inputs, 1, 1)
        beside = graph.conv(x, *graph.fold(weight, f"{name}.shortcut.1", outputs), stride=stride)
    first = graph.conv_block(x, f"{name}.first", inputs, outputs, stride=stride)
    return graph.add("relu", graph.add("add", beside, graph.conv_bn(first, f"{name}.second", outputs, outputs)))


def vgg(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.vgg.Vgg`."""
    check_shape("vgg", config.stride, config.widths, config.depths)
    x = graph.normalise(CAFFE_MEAN, CAFFE_STD)
    for name, inputs, outputs, pooled in vgg_layers(config.widths, config.depths):
        weight = graph.tensor(f"backbone.{name}.weight", outputs, inputs, 3, 3)
        bias = graph.tensor(f"backbone.{name}.bias", outputs)
        x = graph.add("relu", graph.conv(x, weight, bias, padding=(1, 1, 1, 1)))
        if pooled:
            x = graph.add("max_pool", x, kernel=2, stride=2, padding=(0, 0, 0, 0))
    inner = max(config.widths[-1] // 2, 1)
    x = graph.conv_block(x, "backbone.fit.0", config.widths[-1], inner)
    return graph.conv_block(x, "backbone.fit.1", inner, config.channels)


def efficientnet_lite(
    depth: float, graph: GraphBuilder, config: NetworkConfig, *, stages: int = len(EFFICIENTNET_STAGES)
) -> int:
    """`bottomup.networks.backbones.efficientnet_lite.EfficientNetLite`."""
    check_shape("efficientnet_lite", config.stride, config.widths, config.depths)
    x = graph.normalise(EFFICIENTNET_MEAN, EFFICIENTNET_STD)
    x = _clip(graph, _fixed_norm(graph, x, "backbone.stem", 3, 32, 3, 2))
    seen, inputs = [], 32
    for stage, (kernel, step, expansion, outputs, blocks) in enumerate(EFFICIENTNET_STAGES[:stages]):
        for block in range(blocks if stage == 0 else math.ceil(depth * blocks)):
            name, stride = f"backbone.stages.{stage}.{block}", step if block == 0 else 1
            x = _inverted_residual(graph, x, name, inputs, outputs, kernel, stride, expansion)
            inputs = outputs
        seen.append(x)
    (c16,), (n16, n8), channels = config.widths, config.depths, config.channels
    c8, c16_in, c32 = (EFFICIENTNET_STAGES[stage][3] for stage in (2, 4, 5))
    x = graph.conv_bn(seen[4], "backbone.side16", c16_in, c16, kernel=1)
    if stages > 5:
        x = graph.add("add", x, _up(graph, seen[5], "backbone.up16", c32, c16))
    x = graph.add("relu", x)
    for number in range(n16):
        x = graph.residual(x, f"backbone.smooth16.{number}", c16, 1 + number % 2)
    side = graph.conv_bn(seen[2], "backbone.side8", c8, channels, kernel=1)
    x = graph.add("relu", graph.add("add", side, _up(graph, x, "backbone.up8", c16, channels)))
    for number in range(n8):
        x = graph.conv_block(x, f"backbone.smooth8.{number}", channels, channels)
    return x


def _inverted_residual(
    graph: GraphBuilder, x: int, name: str, inputs: int, outputs: int, kernel: int, stride: int, expansion: int
) -> int:
    inner, y = inputs * expansion, x
    if expansion > 1:
        y = _clip(graph, _fixed_norm(graph, y, f"{name}.expand", inputs, inner, 1))
    y = _clip(graph, _fixed_norm(graph, y, f"{name}.depthwise", inner, inner, kernel, stride, groups=inner))
    y = _fixed_norm(graph, y, f"{name}.project", inner, outputs, 1)
    return graph.add("add", x, y) if stride == 1 and inputs == outputs else y


def _fixed_norm(
    graph: GraphBuilder, x: int, name: str, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> int:
    """`FixedNormConv`."""
    before = (kernel - stride) // 2
    after = kernel - stride - before
    weight = graph.tensor(f"{name}.weight", outputs, inputs // groups, kernel, kernel)
    scale, shift, mean, var = (
        graph.tensor(f"{name}.{part}", outputs) for part in ("scale", "shift", "running_mean", "running_var")
    )
    factor: FloatArray = (scale / np.sqrt(var + np.float32(EFFICIENTNET_EPSILON))).astype(np.float32)
    padding = (before, before, after, after)
    return graph.conv(
        x, weight * factor.reshape(-1, 1, 1, 1), shift - mean * factor, stride=stride, padding=padding, groups=groups
    )


def _clip(graph: GraphBuilder, x: int) -> int:
    return graph.add("clip", x, low=0.0, high=6.0)


BACKBONES: Mapping[str, Lowering] = MappingProxyType(
    {
        "pyramid": pyramid,
        "resnet": resnet,
        "resnet50": resnet50,
        "hrnet": hrnet,
        "vgg": vgg,
        "efficientnet_lite0": partial(efficientnet_lite, 1.0),
        "efficientnet_lite1": partial(efficientnet_lite, 1.1),
        "efficientnet_lite0_stride16": partial(efficientnet_lite, 1.0, stages=5),
    }
)
