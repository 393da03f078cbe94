"""Backbones that make the predictions themselves, as layers: each function follows `forward` of the torch module that
its docstring names, and gives the last prediction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bottomup.networks.backbones.shapes import CPN_MEAN, CPN_STD, HOURGLASS_MEAN, HOURGLASS_STD, check_stages
from bottomup.networks.config import NetworkConfig
from bottomup.networks.export.lowering import GraphBuilder
from bottomup.networks.export.residual import biased, bottleneck, conv_norm, pre_activation, relu, resnet_features

_LEVELS = 4  # how often an hourglass halves the resolution, and levels of CPN's pyramid
_REFINE_EXPANSION = 2  # as in `bottomup.networks.published.cpn`


def hourglass(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.hourglass.Hourglass`."""
    channels, stacks, blocks = config.channels, config.stages, config.depths
    check_stages("hourglass", config.stride, channels, config.widths, blocks, stacks)
    half, quarter = channels // 2, channels // 4
    x = graph.normalise(HOURGLASS_MEAN, HOURGLASS_STD)
    weight = graph.tensor("backbone.conv1.weight", quarter, 3, 7, 7)
    folded = graph.fold(weight, "backbone.bn1", quarter, bias=graph.tensor("backbone.conv1.bias", quarter))
    x = relu(graph, graph.conv(x, *folded, stride=2, padding=(3,) * 4))
    x = _halve(graph, _blocks(graph, x, "backbone.layer1", quarter, quarter, 1))
    x = _blocks(graph, x, "backbone.layer2", half, half, 1)
    x = _blocks(graph, x, "backbone.layer3", channels, half, 1)
    for stack in range(stacks):
        y = _one_hourglass(graph, x, f"backbone.hg.{stack}.hg", _LEVELS - 1, channels, blocks[0])
        y = _blocks(graph, y, f"backbone.res.{stack}", channels, half, blocks[0])
        weight = graph.tensor(f"backbone.fc.{stack}.0.weight", channels, channels, 1, 1)
        bias = graph.tensor(f"backbone.fc.{stack}.0.bias", channels)
        y = relu(graph, graph.conv(y, *graph.fold(weight, f"backbone.fc.{stack}.1", channels, bias=bias)))
        seen = biased(graph, y, f"backbone.score.{stack}", channels, config.outputs)
        if stack < stacks - 1:
            again = biased(graph, y, f"backbone.fc_.{stack}", channels, channels)
            told = biased(graph, seen, f"backbone.score_.{stack}", config.outputs, channels)
            x = graph.add("add", graph.add("add", x, again), told)
    return seen


def _halve(graph: GraphBuilder, x: int) -> int:
    return graph.add("max_pool", x, kernel=2, stride=2, padding=(0, 0, 0, 0))


def _blocks(graph: GraphBuilder, x: int, name: str, inputs: int, planes: int, count: int) -> int:
    for number in range(count):
        x, inputs = pre_activation(graph, x, f"{name}.{number}", inputs, planes), 2 * planes
    return x


def _one_hourglass(graph: GraphBuilder, x: int, name: str, level: int, channels: int, blocks: int) -> int:
    """`bottomup.networks.published.hourglass._Hourglass`."""

    def part(x: int, number: int) -> int:
        return _blocks(graph, x, f"{name}.{level}.{number}", channels, channels // 2, blocks)

    across = part(x, 0)
    low = part(_halve(graph, x), 1)
    low = _one_hourglass(graph, low, name, level - 1, channels, blocks) if level else part(low, 3)
    return graph.add("add", across, graph.add("double", part(low, 2)))


def cpn(graph: GraphBuilder, config: NetworkConfig) -> int:
    """`bottomup.networks.backbones.cpn.Cpn`."""
    channels = config.channels
    check_stages("cpn", config.stride, channels, config.widths, config.depths, config.stages)
    x = graph.normalise(CPN_MEAN, CPN_STD)
    features = resnet_features(graph, x, "backbone.resnet", config.widths, config.depths)
    pyramid: list[int] = []
    for number, feature in enumerate(reversed(features)):
        name = f"backbone.global_net.laterals.{number}"
        inputs = 4 * config.widths[_LEVELS - 1 - number]
        level = relu(graph, conv_norm(graph, feature, f"{name}.0", f"{name}.1", inputs, channels, 1))
        if pyramid:
            name = f"backbone.global_net.upsamples.{number - 1}"
            coarser = graph.add("enlarge", pyramid[-1], factor=2)
            level = graph.add("add", level, conv_norm(graph, coarser, f"{name}.1", f"{name}.2", channels, channels, 1))
        pyramid.append(level)
        _check_prediction(graph, f"backbone.global_net.predict.{number}", channels, config.outputs)
    planes = channels // _REFINE_EXPANSION
    levels = []
    for number, x in enumerate(pyramid):
        for block in range(_LEVELS - 1 - number):
            x = _refine(graph, x, f"backbone.refine_net.cascade.{number}.{block}", channels, planes)
        factor = 2 ** (_LEVELS - 1 - number)
        levels.append(graph.add("enlarge", x, factor=factor) if factor > 1 else x)
    name = "backbone.refine_net.final_predict"
    x = _refine(graph, graph.add("concat", *levels), f"{name}.0", _LEVELS * channels, planes)
    return conv_norm(graph, x, f"{name}.1", f"{name}.2", channels, config.outputs, 3)


def _refine(graph: GraphBuilder, x: int, name: str, inputs: int, planes: int) -> int:
    return bottleneck(graph, x, name, inputs, planes, expansion=_REFINE_EXPANSION, project=True)


def _check_prediction(graph: GraphBuilder, name: str, channels: int, outputs: int) -> None:
    """Of GlobalNet: only training needs it, but a file must hold it."""
    graph.fold(graph.tensor(f"{name}.0.weight", channels, channels, 1, 1), f"{name}.1", channels)
    graph.fold(graph.tensor(f"{name}.3.weight", outputs, channels, 3, 3), f"{name}.5", outputs)


STAGED: Mapping[str, Callable[[GraphBuilder, NetworkConfig], int]] = MappingProxyType(
    {"hourglass": hourglass, "cpn": cpn}
)
