"""A field network as a list of plain layers, for runtimes other than torch, made of its weights by NumPy alone.

Batch normalisation is multiplied into the convolution before it. The layers of a backbone are described in
`bottomup.networks.export.backbones`, beside torch's modules of the same names in `bottomup.networks.backbones`; tests
hold that both give the same numbers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from bottomup.networks.config import NetworkConfig
from bottomup.networks.stored import StoredNetwork

FloatArray = npt.NDArray[np.float32]
_BATCH_NORM_EPSILON = 1e-5  # torch's default


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
    enlarge: bilinear, `factor` times as many cells each way, the corner cells' middles staying where they are.
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


class HasStored(Protocol):
    """A torch network that gives its weights as arrays."""

    def stored(self) -> StoredNetwork:
        """The network as its file would hold it."""
        ...


class GraphBuilder:
    """Layers in the making. Every method adds some and gives the number of the last.

    tensors: the weights by name. ValueError names the first that is missing or has another shape than its layer, before
    anything is computed of it.
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[np.floating[Any]]]) -> None:
        self.layers = [Layer("image")]
        self._tensors = tensors
        self._unused = set(tensors)

    def tensor(self, name: str, *shape: int) -> FloatArray:
        """The weights of that name, float32."""
        values = self._tensors.get(name)
        if values is None or values.shape != shape:
            was = "there are none" if values is None else f"those have shape {values.shape}"
            raise ValueError(f"the network needs weights {name} of shape {shape} but {was}")
        self._unused.discard(name)
        return values.astype(np.float32)

    def check_all_used(self) -> None:
        """ValueError if there are weights of which the network has no need."""
        if self._unused:
            raise ValueError(f"the network has no use for the weights {sorted(self._unused)[:5]}")

    def add(self, kind: str, *inputs: int, arrays: dict[str, FloatArray] | None = None, **values: Any) -> int:
        """A layer of any kind."""
        self.layers.append(Layer(kind, inputs, arrays or {}, values))
        return len(self.layers) - 1

    def normalise(self, mean: tuple[float, ...], std: tuple[float, ...]) -> int:
        """The input, 0..1 minus `mean` over `std`, RGB."""
        scale = 1 / (255 * np.array(std, np.float32))
        shift = (-np.array(mean, np.float32) / np.array(std, np.float32)).astype(np.float32)
        return self.add("normalise", 0, arrays={"scale": scale.astype(np.float32), "shift": shift})

    def conv(self, x: int, weight: FloatArray, bias: FloatArray, **values: Any) -> int:
        """A convolution of given weights; `stride`, `padding`, `dilation` and `groups` as in `Layer`."""
        full = {"stride": 1, "padding": (0, 0, 0, 0), "dilation": 1, "groups": 1} | values
        return self.add("conv", x, arrays={"weight": np.ascontiguousarray(weight), "bias": bias}, **full)

    def fold(
        self,
        weight: FloatArray,
        norm: str,
        outputs: int,
        *,
        transposed: bool = False,
        bias: FloatArray | float = 0.0,
    ) -> tuple[FloatArray, FloatArray]:
        """Weight and bias of a convolution, which may have a bias, and the batch normalisation `norm` after it."""
        gain, shift, mean, var = (
            self.tensor(f"{norm}.{part}", outputs) for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = (gain / np.sqrt(var + np.float32(_BATCH_NORM_EPSILON))).astype(np.float32)
        over = (1, -1, 1, 1) if transposed else (-1, 1, 1, 1)
        return weight * factor.reshape(over), shift + (bias - mean) * factor

    def conv_bn(
        self, x: int, name: str, inputs: int, outputs: int, kernel: int = 3, stride: int = 1, dilation: int = 1
    ) -> int:
        """`bottomup.networks.layers.conv_bn`."""
        pad = dilation * (kernel - 1) // 2 if stride == 1 else (kernel - stride + 1) // 2
        weight = self.tensor(f"{name}.0.weight", outputs, inputs, kernel, kernel)
        folded = self.fold(weight, f"{name}.1", outputs)
        return self.conv(x, *folded, stride=stride, padding=(pad,) * 4, dilation=dilation)

    def conv_block(self, x: int, name: str, inputs: int, outputs: int, **shape: int) -> int:
        """`bottomup.networks.layers.ConvBlock`."""
        return self.add("relu", self.conv_bn(x, f"{name}.conv", inputs, outputs, **shape))

    def residual(self, x: int, name: str, channels: int, dilation: int = 1) -> int:
        """`bottomup.networks.layers.ResidualBlock`."""
        first = self.conv_block(x, f"{name}.first", channels, channels, dilation=dilation)
        second = self.conv_bn(first, f"{name}.second", channels, channels)
        return self.add("relu", self.add("add", x, second))


def lower(network: StoredNetwork | HasStored) -> LoweredNetwork:
    """The layers of a network's last stage and all it needs, for inference.

    Raises ValueError that names the weights which its config and its file disagree about.
    """
    if not isinstance(network, StoredNetwork):
        network = network.stored()
    from bottomup.networks.export.backbones import BACKBONES
    from bottomup.networks.export.staged import STAGED

    config = network.config
    graph = GraphBuilder(network.tensors)
    if config.backbone in STAGED:
        heatmaps, pafs, _ = _read(graph, config, STAGED[config.backbone](graph, config))
    else:
        heatmaps, pafs = _stages(graph, config, BACKBONES[config.backbone](graph, config))
    graph.check_all_used()
    outputs = {"heatmaps": heatmaps} if pafs is None else {"heatmaps": heatmaps, "pafs": pafs}
    return LoweredNetwork(_needed(graph.layers, outputs), outputs)


def check_weights(network: StoredNetwork, path: object) -> LoweredNetwork:
    """The lowered network; ValueError naming the file if its weights are not those of its config."""
    try:
        return lower(network)
    except ValueError as error:
        raise ValueError(f"path must hold the weights of its config but in {path} these are wrong: {error}") from error


def _stages(graph: GraphBuilder, config: NetworkConfig, features: int) -> tuple[int, int | None]:
    """`FieldNetwork.from_normalised`: each stage sees the features and what the one before predicted."""
    outputs, channels = config.outputs, config.channels
    seen, inputs = features, channels
    for number in range(config.stages):
        name, x = f"stages.{number}", seen
        for n in range(2 if number else 0):
            x = graph.conv_block(x, f"{name}.blocks.{n}", inputs if n == 0 else channels, channels, dilation=1 + n)
        weight = graph.tensor(f"{name}.predict.weight", outputs, channels, 1, 1)
        x = graph.conv(x, weight, graph.tensor(f"{name}.predict.bias", outputs))
        answer, pafs, heatmaps = _read(graph, config, x)
        predicted = (heatmaps,) if pafs is None else (heatmaps, pafs)
        if number < config.stages - 1:
            seen, inputs = graph.add("concat", features, *predicted), channels + outputs
    return answer, pafs


def _read(graph: GraphBuilder, config: NetworkConfig, x: int) -> tuple[int, int | None, int]:
    """Of a prediction: `FieldNetwork.answer`, pafs if there are any, and the heatmaps' sigmoid."""
    joints, whole = config.skeleton.num_joints, config.task == "fields"
    logits = graph.add("slice", x, start=0, stop=joints) if whole else x
    pafs = graph.add("slice", x, start=joints, stop=config.outputs) if whole else None
    heatmaps = graph.add("sigmoid", logits)
    return (logits if config.task == "places" else heatmaps), pafs, heatmaps


def _needed(layers: list[Layer], outputs: dict[str, int]) -> tuple[Layer, ...]:
    """The layers without those at the end that nothing looks at, such as a sigmoid of logits that are the answer."""
    return tuple(layers[: max(outputs.values()) + 1])
