"""HRNet's layers: each function follows `forward` of the torch module that its docstring names."""

from __future__ import annotations

from bottomup.networks.backbones.shapes import IMAGENET_MEAN, IMAGENET_STD, check_shape
from bottomup.networks.config import NetworkConfig
from bottomup.networks.export.lowering import GraphBuilder
from bottomup.networks.export.residual import basic, bottleneck, conv_norm, relu

_BLOCKS, _MODULES, _PLANES = 4, (1, 4, 3), 64  # as in `bottomup.networks.published.hrnet`
_EXPANDED = 4 * _PLANES


def hrnet(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.hrnet.HRNet`."""
    check_shape("hrnet", config.stride, config.widths, config.depths)
    trunk, width = "backbone.trunk", config.widths[0]
    x = graph.normalise(IMAGENET_MEAN, IMAGENET_STD)
    x = relu(graph, conv_norm(graph, x, f"{trunk}.conv1", f"{trunk}.bn1", 3, 64, 3, 2))
    x = relu(graph, conv_norm(graph, x, f"{trunk}.conv2", f"{trunk}.bn2", 64, 64, 3, 2))
    for block in range(_BLOCKS):
        x = bottleneck(graph, x, f"{trunk}.layer1.{block}", 64 if block == 0 else _EXPANDED, _PLANES)
    branches, before = [x], [_EXPANDED]
    for number, modules in enumerate(_MODULES, start=2):
        channels = [width * 2**branch for branch in range(number)]
        branches = _transition(graph, branches, f"{trunk}.transition{number - 1}", before, channels)
        for module in range(modules):
            outputs = 1 if number == 4 and module == modules - 1 else number
            branches = _module(graph, branches, f"{trunk}.stage{number}.{module}", channels, outputs)
        before = channels
    return graph.conv_block(branches[0], "backbone.fit", width, config.channels, stride=config.stride // 4)


def _transition(graph: GraphBuilder, branches: list[int], name: str, before: list[int], after: list[int]) -> list[int]:
    """`bottomup.networks.published.hrnet._transition`: a new branch begins from the coarsest one so far."""
    results = []
    for branch, channels in enumerate(after):
        if branch >= len(before):
            part = f"{name}.{branch}.0"
            x = conv_norm(graph, branches[-1], f"{part}.0", f"{part}.1", before[-1], channels, 3, 2)
            results.append(relu(graph, x))
        elif before[branch] == channels:
            results.append(branches[branch])
        else:
            part = f"{name}.{branch}"
            x = conv_norm(graph, branches[branch], f"{part}.0", f"{part}.1", before[branch], channels, 3)
            results.append(relu(graph, x))
    return results


def _module(graph: GraphBuilder, branches: list[int], name: str, channels: list[int], outputs: int) -> list[int]:
    """`bottomup.networks.published.hrnet.HighResolutionModule`."""
    seen = []
    for branch, x in enumerate(branches):
        for block in range(_BLOCKS):
            x = basic(graph, x, f"{name}.branches.{branch}.{block}", channels[branch])
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
        mixed.append(relu(graph, total))
    return mixed


def _resample(graph: GraphBuilder, x: int, name: str, channels: list[int], source: int, target: int) -> int:
    """One branch's features in another's resolution and channels."""
    if source > target:
        x = conv_norm(graph, x, f"{name}.0", f"{name}.1", channels[source], channels[target], 1)
        for _ in range(source - target):
            x = graph.add("double", x)
        return x
    for step in range(target - source):
        last = step == target - source - 1
        part, outputs = f"{name}.{step}", channels[target] if last else channels[source]
        x = conv_norm(graph, x, f"{part}.0", f"{part}.1", channels[source], outputs, 3, 2)
        x = x if last else relu(graph, x)
    return x
