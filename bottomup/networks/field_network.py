"""The network that sees fields in an image: a backbone, then stages that each predict all heatmaps and pafs.

One that looks at crops around one person each (`NetworkConfig.task`) has the same stages without the pafs.

The second stage sees the features and what the first predicted, so it can correct one joint by another (Cao et
al., arXiv:1611.08050, section 2.1). Every stage is supervised in training; the last is the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save_file
from torch import nn

from bottomup.networks.backbones.registry import BACKBONES, STAGED
from bottomup.networks.backends.process import survive_fork
from bottomup.networks.config import STAGED_NAMES, NetworkConfig
from bottomup.networks.export.lowering import check_weights
from bottomup.networks.layers import ConvBlock
from bottomup.networks.stored import FORMAT, StoredNetwork, change_config, read_config, read_network
from bottomup.skeleton import Skeleton

__all__ = ["FieldNetwork", "NetworkConfig", "change_config", "load_network", "read_config", "save_network"]


class _Stage(nn.Module):
    def __init__(self, inputs: int, channels: int, outputs: int, depth: int) -> None:
        super().__init__()
        # The second convolution looks further, at the other end of a limb.
        blocks = [ConvBlock(inputs if n == 0 else channels, channels, dilation=1 + n) for n in range(depth)]
        self.blocks = nn.Sequential(*blocks)
        self.predict = nn.Conv2d(channels if depth else inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return cast(torch.Tensor, self.predict(self.blocks(x)))


class FieldNetwork(nn.Module):
    """Fields of images.

    `alignment`: the sides of the input must be multiples of it.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: NetworkConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or NetworkConfig()
        self.skeleton: Skeleton = config.skeleton
        shape = (config.stride, config.channels, config.widths, config.depths)
        self.channels = outputs = config.outputs
        self.stages = nn.ModuleList()
        if config.backbone in STAGED_NAMES:
            self.backbone = STAGED[config.backbone](*shape, config.stages, outputs)
            self.dropout = self.backbone.dropout  # for those who train it
        else:
            self.backbone = BACKBONES[config.backbone](*shape)
            self.dropout = nn.Dropout2d(0.0)
            # The first stage reads off what the backbone's features show.
            self.stages.append(_Stage(config.channels, config.channels, outputs, 0))
            inputs = config.channels + outputs
            self.stages.extend(_Stage(inputs, config.channels, outputs, 2) for _ in range(config.stages - 1))
        self.alignment: int = self.backbone.alignment
        for name, gives in self.heads():
            if gives:
                self._begin(self.get_submodule(name))
        self.register_buffer("mean", torch.tensor(self.backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.backbone.std).view(1, 3, 1, 1), persistent=False)

    def _begin(self, head: nn.Module) -> None:
        """Joints are rare: begin at "hardly anywhere" rather than at "everywhere, half"."""
        if isinstance(head, nn.Conv2d):
            nn.init.normal_(head.weight, std=0.01)
        if isinstance(head.bias, nn.Parameter):
            with torch.no_grad():
                head.bias.zero_()[: self.skeleton.num_joints] = -4.0

    def heads(self) -> Iterator[tuple[str, bool]]:
        """The modules whose channels are those of the fields, by name: True if they give them, False if they read them.

        Those that read them have the features' channels before them, if they see features as well.
        """
        for number in range(len(self.stages)):
            yield f"stages.{number}.predict", True
            if number:
                yield f"stages.{number}.blocks.0.conv.0", False
        if self.config.backbone in STAGED_NAMES:
            for name, _ in self.backbone.named_modules():
                for patterns, gives in ((self.backbone.gives, True), (self.backbone.reads, False)):
                    if any(re.fullmatch(pattern, name) for pattern in patterns):
                        yield f"backbone.{name}", gives

    def forward(self, images: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """The fields of a batch of images, one pair per stage; the last is the best.

        Parameters
        ----------
        images:
            (B, 3, H, W) float, RGB 0..1.

        Returns heatmaps (B, K, H / stride, W / stride) in 0..1 and pafs (B, 2L, H / stride, W / stride) per stage.
        A network for crops has no pafs (B, 0, ...); where its task is `places`, heatmaps are logits.

        Raises ValueError if the images have another shape or sides that are not multiples of `alignment`.
        """
        return [(self.answer(logits), pafs) for logits, pafs in self.logits(images)]

    def answer(self, logits: torch.Tensor) -> torch.Tensor:
        """What the network tells of its heatmaps: their sigmoid, or where the task is `places`, the logits."""
        return logits if self.config.task == "places" else torch.sigmoid(logits)

    def logits(self, images: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """As `forward`, with heatmaps before the sigmoid, which is what the training needs."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"images must have shape (B, 3, H, W) but has {tuple(images.shape)}")
        if images.shape[2] % self.alignment or images.shape[3] % self.alignment or 0 in images.shape[2:]:
            raise ValueError(
                f"images must have sides that are multiples of {self.alignment} but has {tuple(images.shape)}"
            )
        return self.from_normalised((images - self.mean) / self.std)

    def from_normalised(self, images: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """As `logits`, of images of which the backbone's `mean` and `std` are taken out already; checks nothing."""
        joints, results = self.skeleton.num_joints, []
        if self.config.backbone in STAGED_NAMES:
            return [(output[:, :joints], output[:, joints:]) for output in self.backbone(images)]
        seen = features = self.dropout(self.backbone(images))
        for stage in self.stages:
            output = stage(seen)
            logits, pafs = output[:, :joints], output[:, joints:]
            results.append((logits, pafs))
            predicted = [torch.sigmoid(logits), pafs] if self.config.task == "fields" else [torch.sigmoid(logits)]
            seen = torch.cat([features, *predicted], 1)
        return results

    def stored(self) -> StoredNetwork:
        """The network as its file would hold it, but in float32."""
        tensors = {name: value.detach().float().cpu().numpy() for name, value in _own_tensors(self).items()}
        return StoredNetwork(self.config, tensors, {})


def _own_tensors(network: FieldNetwork) -> dict[str, torch.Tensor]:
    # `num_batches_tracked` counts batches during training, no use afterwards.
    return {n: tensor for n, tensor in network.state_dict().items() if not n.endswith("num_batches_tracked")}


def save_network(network: FieldNetwork, path: str | Path, *, metadata: dict[str, str] | None = None) -> None:
    """Write a network's weights as float16 safetensors, its config and `metadata` in the header."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in _own_tensors(network).items()
    }
    header = dict(metadata or {}) | {"format": FORMAT, "config": json.dumps(network.config.to_dict())}
    save_file(tensors, str(path), header)


def load_network(path: str | Path) -> FieldNetwork:
    """Read a network that `save_network` wrote: float32, in eval mode.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is damaged, of another kind, or
    does not fit its own config.
    """
    stored = read_network(path)
    check_weights(stored, path)
    survive_fork()
    network = FieldNetwork(stored.config)
    tensors = {name: torch.from_numpy(values.astype("float32")) for name, values in stored.tensors.items()}
    network.load_state_dict(tensors, strict=False)
    return network.eval()
