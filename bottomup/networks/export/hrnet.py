"""HRNet's layers: each function follows `forward` of the torch module that its docstring names."""

from __future__ import annotations

from bottomup.networks.backbones.shapes import IMAGENET_MEAN, IMAGENET_STD, check_shape
from bottomup.networks.config import NetworkConfig
from bottomup.networks.export.lowering import GraphBuilder

_BLOCKS, _MODULES, _PLANES = 4, (1, 4, 3), 64  # as in `bottomup.networks.published.hrnet`
_EXPANDED = 4 * _PLANES


def hrnet(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.hrnet.HRNet`."""
    check_shape("hrnet", config.stride, config.widths, config.depths)
    trunk, width = "backbone.trunk", config.widths[0]
    x = graph.normalise(IMAGENET_MEAN, IMAGENET_STD)
    x = _relu(graph, _conv(graph, x, f"{trunk}.conv1", f"{trunk}.bn1", 3, 64, 3, 2))
    x = _relu(graph, _conv(graph, x, f"{trunk}.conv2", f"{trunk}.bn2", 64, 64, 3, 2))
    for block in range(_BLOCKS):
        x = _bottleneck(graph, x, f"{trunk}.layer1.{block}", 64 if block == 0 else _EXPANDED)
    branches, before = [x], [_EXPANDED]
    for number, modules in enumerate(_MODULES, start=2):
        channels = [width * 2**branch for branch in range(number)]
        branches = _transition(graph, branches, f"{trunk}.transition{number - 1}", before, channels)
        for module in range(modules):
            outputs = 1 if number == 4 and module == modules - 1 else number
            branches = _module(graph, branches, f"{trunk}.stage{number}.{module}", channels, outputs)
        before = channels
    return graph.conv_block(branches[0], "backbone.fit", width, config.channels, stride=config.stride // 4)


def _relu(graph: GraphBuilder, x: int) -> int:
    return graph.add("relu", x)


def _conv(
    graph: GraphBuilder, x: int, name: str, norm: str, inputs: int, outputs: int, kernel: int, stride: int = 1
) -> int:
    """A convolution and the batch normalisation `norm` after it."""
    weight = graph.tensor(f"{name}.weight", outputs, inputs, kernel, kernel)
    pad = kernel // 2
    return graph.conv(x, *graph.fold(weight, norm, outputs), stride=stride, padding=(pad,) * 4)


def _bottleneck(graph: GraphBuilder, x: int, name: str, inputs: int) -> int:
    """`bottomup.networks.published.residual.Bottleneck`."""
    beside = x
    if inputs != _EXPANDED:
        beside = _conv(graph, x, f"{name}.downsample.0", f"{name}.downsample.1", inputs, _EXPANDED, 1)
    y = _relu(graph, _conv(graph, x, f"{name}.conv1", f"{name}.bn1", inputs, _PLANES, 1))
    y = _relu(graph, _conv(graph, y, f"{name}.conv2", f"{name}.bn2", _PLANES, _PLANES, 3))
    y = _conv(graph, y, f"{name}.conv3", f"{name}.bn3", _PLANES, _EXPANDED, 1)
    return _relu(graph, graph.add("add", y, beside))


def _basic(graph: GraphBuilder, x: int, name: str, channels: int) -> int:
    """`bottomup.networks.published.residual.Basic`."""
    y = _relu(graph, _conv(graph, x, f"{name}.conv1", f"{name}.bn1", channels, channels, 3))
    y = _conv(graph, y, f"{name}.conv2", f"{name}.bn2", channels, channels, 3)
    return _relu(graph, graph.add("add", y, x))


def _transition(graph: GraphBuilder, branches: list[int], name: str, before: list[int], after: list[int]) -> list[int]:
    """`bottomup.networks.published.hrnet._transition`: a new branch begins from the coarsest one so far."""
    results = []
    for branch, channels in enumerate(after):
        if branch >= len(before):
            part = f"{name}.{branch}.0"
            x = _conv(graph, branches[-1], f"{part}.0", f"{part}.1", before[-1], channels, 3, 2)
            results.append(_relu(graph, x))
        elif before[branch] == channels:
            results.append(branches[branch])
        else:
            part = f"{name}.{branch}"
            x = _conv(graph, branches[branch], f"{part}.0", f"{part}.1", before[branch], channels, 3)
            results.append(_relu(graph, x))
    return results


def _module(graph: GraphBuilder, branches: list[int], name: str, channels: list[int], outputs: int) -> list[int]:
    """`bottomup.networks.published.hrnet.HighResolutionModule`."""
    seen = []
    for branch, x in enumerate(branches):
        for block in range(_BLOCKS):
            x = _basic(graph, x, f"{name}.branches.{branch}.{block}", channels[branch])
        seen.append(x)
    mixed = []
    for target in range(outputs):
        parts = [
            _resample(graph, x, f"{name}.fuse_layers.{target}.{source}", channels, source, target)
            for source, x in enumerate(seen)
        ]
        total = parts[0]
        for part in parts[1:]:
            total = graph.add("add", total, part)
        mixed.append(_relu(graph, total))
    return mixed


def _resample(graph: GraphBuilder, x: int, name: str, channels: list[int], source: int, target: int) -> int:
    """One branch's features in another's resolution and channels."""
    if source > target:
        x = _conv(graph, x, f"{name}.0", f"{name}.1", channels[source], channels[target], 1)
        for _ in range(source - target):
            x = graph.add("double", x)
        return x
    for step in range(target - source):
        last = step == target - source - 1
        part, outputs = f"{name}.{step}", channels[target] if last else channels[source]
        x = _conv(graph, x, f"{part}.0", f"{part}.1", channels[source], outputs, 3, 2)
        x = x if last else _relu(graph, x)
    return x
