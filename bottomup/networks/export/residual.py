"""Residual networks as layers: each function follows `forward` of the torch module that its docstring names."""

from __future__ import annotations

import numpy as np

from bottomup.networks.export.lowering import FloatArray, GraphBuilder


def relu(graph: GraphBuilder, x: int) -> int:
    """A ReLU."""
    return graph.add("relu", x)


def conv_norm(
    graph: GraphBuilder, x: int, name: str, norm: str, inputs: int, outputs: int, kernel: int, stride: int = 1
) -> int:
    """A convolution and the batch normalisation `norm` after it."""
    weight = graph.tensor(f"{name}.weight", outputs, inputs, kernel, kernel)
    pad = kernel // 2
    return graph.conv(x, *graph.fold(weight, norm, outputs), stride=stride, padding=(pad,) * 4)


def biased(graph: GraphBuilder, x: int, name: str, inputs: int, outputs: int) -> int:
    """A 1x1 convolution with a bias."""
    return graph.conv(x, graph.tensor(f"{name}.weight", outputs, inputs, 1, 1), graph.tensor(f"{name}.bias", outputs))


def basic(graph: GraphBuilder, x: int, name: str, channels: int) -> int:
    """`bottomup.networks.published.residual.Basic` that keeps size and channels."""
    y = relu(graph, conv_norm(graph, x, f"{name}.conv1", f"{name}.bn1", channels, channels, 3))
    y = conv_norm(graph, y, f"{name}.conv2", f"{name}.bn2", channels, channels, 3)
    return relu(graph, graph.add("add", y, x))


def bottleneck(
    graph: GraphBuilder,
    x: int,
    name: str,
    inputs: int,
    planes: int,
    stride: int = 1,
    *,
    expansion: int = 4,
    project: bool = False,
) -> int:
    """`bottomup.networks.published.residual.Bottleneck`."""
    outputs, beside = planes * expansion, x
    if stride != 1 or inputs != outputs or project:
        beside = conv_norm(graph, x, f"{name}.downsample.0", f"{name}.downsample.1", inputs, outputs, 1, stride)
    y = relu(graph, conv_norm(graph, x, f"{name}.conv1", f"{name}.bn1", inputs, planes, 1))
    y = relu(graph, conv_norm(graph, y, f"{name}.conv2", f"{name}.bn2", planes, planes, 3, stride))
    y = conv_norm(graph, y, f"{name}.conv3", f"{name}.bn3", planes, outputs, 1)
    return relu(graph, graph.add("add", y, beside))


def resnet_features(
    graph: GraphBuilder, x: int, name: str, widths: tuple[int, ...], depths: tuple[int, ...]
) -> list[int]:
    """`bottomup.networks.published.residual.ResNet` of bottlenecks."""
    x = relu(graph, conv_norm(graph, x, f"{name}.conv1", f"{name}.bn1", 3, widths[0], 7, 2))
    x = graph.add("max_pool", x, kernel=3, stride=2, padding=(1, 1, 1, 1))
    inputs, features = widths[0], []
    for stage, (planes, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        for block in range(depth):
            step = 2 if stage > 1 and not block else 1
            x, inputs = bottleneck(graph, x, f"{name}.layer{stage}.{block}", inputs, planes, step), 4 * planes
        features.append(x)
    return features


def deconv(graph: GraphBuilder, x: int, name: str, norm: str, inputs: int, outputs: int) -> int:
    """A transposed convolution to twice the size, the batch normalisation `norm`, ReLU."""
    weight = graph.tensor(f"{name}.weight", inputs, outputs, 4, 4)
    folded, bias = graph.fold(weight, norm, outputs, transposed=True)
    arrays = {"weight": np.ascontiguousarray(folded), "bias": bias}
    return relu(graph, graph.add("deconv", x, arrays=arrays, stride=2, padding=(1, 1, 1, 1)))


def pre_activation(graph: GraphBuilder, x: int, name: str, inputs: int, planes: int) -> int:
    """The hourglass's `bottomup.networks.published.hourglass._PreActivation`.

    Its first normalisation has a sum before it and no convolution to go into, so it becomes one of its own.
    """
    outputs = 2 * planes
    y = relu(graph, _norm(graph, x, f"{name}.bn1", inputs))
    for number, (before, after, kernel) in enumerate(((inputs, planes, 1), (planes, planes, 3)), start=1):
        weight = graph.tensor(f"{name}.conv{number}.weight", after, before, kernel, kernel)
        bias = graph.tensor(f"{name}.conv{number}.bias", after)
        folded = graph.fold(weight, f"{name}.bn{number + 1}", after, bias=bias)
        y = relu(graph, graph.conv(y, *folded, padding=(kernel // 2,) * 4))
    y = biased(graph, y, f"{name}.conv3", planes, outputs)
    beside = x if inputs == outputs else biased(graph, x, f"{name}.downsample.0", inputs, outputs)
    return graph.add("add", y, beside)


def _norm(graph: GraphBuilder, x: int, name: str, channels: int) -> int:
    """A batch normalisation by itself: each channel times a number plus a number."""
    ones: FloatArray = np.ones((channels, 1, 1, 1), np.float32)
    return graph.conv(x, *graph.fold(ones, name, channels), groups=channels)
