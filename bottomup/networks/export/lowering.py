"""A field network as a list of plain layers, for whoever runs it without torch's autograd.

torch's own exporters take many seconds for a network like ours (they trace the arithmetic of each operation); a
field network consists of a dozen kinds of layers, and naming those takes a few milliseconds. Batch normalisation is
multiplied into the convolution before it.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import fx, nn
from torch.nn import functional

from bottomup.networks.backbones.efficientnet_lite import FixedNormConv
from bottomup.networks.field_network import FieldNetwork

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One step: `kind`, and the numbers of the layers whose outputs it takes.

    image: the input, (B, H, W, 3) uint8 BGR.
    normalise: to (B, 3, H, W) float32 RGB, times `scale` plus `shift` (3,).
    conv: `weight` (O, I / groups, kh, kw), `bias` (O,); `stride`, `dilation`, `groups`; `padding` is (top, left,
        bottom, right) zeros.
    deconv: the transposed convolution, `weight` (I, O, kh, kw), `bias`; `stride`, `padding` as above.
    max_pool: `kernel`, `stride`, `padding` as above.
    relu, sigmoid, add, concat (channels): as they are called.
    clip: to `low`..`high`.  double: every cell becomes 2 x 2.  slice: channels `start` to `stop`.
    """

    kind: str
    inputs: tuple[int, ...] = ()
    arrays: dict[str, FloatArray] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class LoweredNetwork:
    """The layers in an order in which they can be computed, and which of them are the answer.

    outputs: the number of the layer by its name: `heatmaps` and, if the network has any, `pafs`.
    """

    layers: tuple[Layer, ...]
    outputs: dict[str, int]


@torch.no_grad()
def lower(network: FieldNetwork) -> LoweredNetwork:
    """The layers of a network's last stage and all it needs, for inference.

    Raises NotImplementedError that names the operation, if the network does something that is no `Layer`.
    """
    traced = _trace(_LastStage(copy.deepcopy(network.eval())))
    for node in reversed(traced.nodes):  # such as the features of a stage that does not follow
        if not node.users and node.op.startswith("call"):
            traced.erase_node(node)
    return _Lowering(network).run(traced)


class _LastStage(nn.Module):
    def __init__(self, network: FieldNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        logits, pafs = self.network.from_normalised(images)[-1]
        heatmaps = self.network.answer(logits)
        return (heatmaps, pafs) if self.network.config.task == "fields" else (heatmaps,)


def _trace(stage: _LastStage) -> fx.Graph:
    """The calls that a forward pass makes, of torch's modules and functions. Its modules are spoilt.

    `fx.Tracer` would put its own in the place of `nn.Module.__call__` meanwhile, and other threads that run or trace
    networks would fall into it; here only this network's modules are other than they were.
    """
    graph = fx.Graph()
    tracer = fx.proxy.GraphAppendingTracer(graph)

    def recorder(name: str) -> Callable[[fx.Proxy], fx.Proxy]:
        return lambda images: fx.Proxy(graph.call_module(name, (images.node,)), tracer)

    for name, module in stage.named_modules():
        is_of_torch = type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential)
        if is_of_torch or isinstance(module, FixedNormConv):
            module.forward = recorder(name)
    outputs = stage(fx.Proxy(graph.placeholder("images"), tracer))
    graph.output(tuple(output.node for output in outputs))
    return graph


class _Lowering:
    def __init__(self, network: FieldNetwork) -> None:
        std, mean = network.std.reshape(-1), network.mean.reshape(-1)
        shape = {"scale": _array(1 / (255 * std)), "shift": _array(-mean / std)}
        self._modules = dict(_LastStage(network).named_modules())
        self._channels = network.channels
        self._layers = [Layer("image"), Layer("normalise", (0,), shape)]
        self._numbers: dict[fx.Node, int] = {}

    def run(self, graph: fx.Graph) -> LoweredNetwork:
        for node in graph.nodes:
            if node.op == "placeholder":
                self._numbers[node] = 1
            elif node.op == "output":
                numbers = [self._numbers[result] for result in node.args[0]]
            else:
                self._numbers[node] = self._add(node)
        return LoweredNetwork(tuple(self._layers), dict(zip(("heatmaps", "pafs"), numbers, strict=False)))

    def _add(self, node: fx.Node) -> int:
        """The number of the layer that computes a node."""
        if node.op == "call_module":
            module = self._modules[str(node.target)]
            source = node.args[0]
            assert isinstance(source, fx.Node)
            if isinstance(module, nn.BatchNorm2d):
                return self._fold(module, source)
            layer = _of_module(module, self._numbers[source])
        else:
            layer = self._of_function(node)
        self._layers.append(layer)
        return len(self._layers) - 1

    def _fold(self, norm: nn.BatchNorm2d, source: fx.Node) -> int:
        """Multiply a normalisation into the convolution before it, which nobody else looks at."""
        number = self._numbers[source]
        before = self._layers[number]
        if before.kind not in ("conv", "deconv") or len(source.users) != 1:
            raise NotImplementedError(f"network must normalise right after a convolution but does after {before.kind}")
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = _array(norm.weight * torch.rsqrt(norm.running_var + norm.eps))
        over = (-1, 1, 1, 1) if before.kind == "conv" else (1, -1, 1, 1)
        bias = (before.arrays["bias"] - _array(norm.running_mean)) * factor + _array(norm.bias)
        arrays = {"weight": before.arrays["weight"] * factor.reshape(over), "bias": bias}
        self._layers[number] = replace(before, arrays=arrays)
        return number

    def _of_function(self, node: fx.Node) -> Layer:
        def number(argument: Any) -> int:
            return self._numbers[argument]

        function, args = node.target, node.args
        if function in (operator.add, torch.add):
            return Layer("add", (number(args[0]), number(args[1])))
        if function in (functional.relu, torch.relu):
            return Layer("relu", (number(args[0]),))
        if function is functional.relu6:
            return Layer("clip", (number(args[0]),), values={"low": 0.0, "high": 6.0})
        if function is torch.sigmoid:
            return Layer("sigmoid", (number(args[0]),))
        if function is functional.interpolate and node.kwargs["scale_factor"] == 2 and node.kwargs["mode"] == "nearest":
            return Layer("double", (number(args[0]),))
        if function is torch.cat:
            return Layer("concat", tuple(number(part) for part in args[0]))  # type: ignore[union-attr]
        if function is operator.getitem:
            channels: slice = args[1][1]  # type: ignore[index,assignment]
            stop = self._channels if channels.stop is None else channels.stop
            return Layer("slice", (number(args[0]),), values={"start": channels.start or 0, "stop": stop})
        raise NotImplementedError(f"network must consist of layers that can be exported but calls {node.target}")


def _of_module(module: nn.Module, source: int) -> Layer:
    if isinstance(module, FixedNormConv):
        weight, bias = module.folded()
        left, right, top, bottom = module.margins
        values = _values(module.stride, (top, left, bottom, right), dilation=1, groups=module.groups)
        return _conv("conv", source, weight, bias, values)
    if isinstance(module, nn.Conv2d):
        more = {"dilation": module.dilation[0], "groups": module.groups}
        values = _values(module.stride[0], _around(module.padding), **more)
        return _conv("conv", source, module.weight, module.bias, values)
    if isinstance(module, nn.ConvTranspose2d) and module.groups == 1 and not any(module.output_padding):
        values = _values(module.stride[0], _around(module.padding))
        return _conv("deconv", source, module.weight, module.bias, values)
    if isinstance(module, nn.MaxPool2d):
        values = _values(module.stride, _around((module.padding,) * 2), kernel=module.kernel_size)
        return Layer("max_pool", (source,), values=values)
    raise NotImplementedError(f"network must consist of layers that can be exported but has a {type(module).__name__}")


def _values(stride: Any, padding: tuple[int, int, int, int], **more: Any) -> dict[str, Any]:
    return {"stride": stride, "padding": padding, **more}


def _conv(kind: str, source: int, weight: torch.Tensor, bias: torch.Tensor | None, values: dict[str, Any]) -> Layer:
    outputs = weight.shape[0 if kind == "conv" else 1]
    arrays = {"weight": _array(weight), "bias": _array(torch.zeros(outputs) if bias is None else bias)}
    return Layer(kind, (source,), arrays, values)


def _around(padding: Any) -> tuple[int, int, int, int]:
    rows, columns = (int(side) for side in padding)
    return rows, columns, rows, columns


def _array(tensor: torch.Tensor) -> FloatArray:
    return tensor.detach().float().cpu().contiguous().numpy()
