"""The network that sees fields in an image: a backbone, then stages that each predict all heatmaps and pafs.

One that looks at crops around one person each (`NetworkConfig.task`) has the same stages without the pafs.

The second stage sees the features and what the first predicted, so it can correct one joint by another (Cao et
al., arXiv:1611.08050, section 2.1). Every stage is supervised in training; the last is the answer.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from bottomup.networks.backbones.registry import BACKBONES
from bottomup.networks.layers import ConvBlock
from bottomup.skeleton import Skeleton
from bottomup.skeletons import OPENPOSE_COCO_18, read_skeleton, write_skeleton

_FORMAT = "bottomup-field-network-1"
TASKS = ("fields", "crops", "places")


@dataclass(frozen=True)
class NetworkConfig:
    """The shape of a field network; saved with its weights.

    skeleton: whose joints and limbs the fields have; also given as a built-in one's name, or as the table that
        `Skeleton.from_dict` reads.
    stride: image pixels per cell of the fields, 4 or 8.
    backbone: a name in `bottomup.networks.backbones.registry.BACKBONES`.
    channels: of the features that the stages see.
    widths, depths: of the backbone.
    stages: how many predictions are made in turn.
    task: `fields`: heatmaps and part affinity fields of everybody in a picture; `crops`: heatmaps of the person in a
        crop; `places`: for each joint of that person a distribution over the cells of a crop, as logits.
    crop_size: sides in pixels of the crops that it was trained on, 0 for `fields`.
    person_threshold: least score of the people in this network's fields, where `Settings` leaves it open: how sure a
        network is where nobody is differs from network to network. 0: the decoder's own.
    input_height: at which the network sees best for the time it takes, where `Settings` leaves it open. 0: the usual.
    """

    skeleton: Skeleton = OPENPOSE_COCO_18
    stride: int = 8
    backbone: str = "pyramid"
    channels: int = 80
    widths: tuple[int, ...] = (48, 64, 144, 256)
    depths: tuple[int, ...] = (1, 2, 2)
    stages: int = 2
    task: str = "fields"
    crop_size: int = 0
    person_threshold: float = 0.0
    input_height: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "skeleton", read_skeleton(self.skeleton))
        if self.stride not in (4, 8):
            raise ValueError(f"stride must be 4 or 8 but is {self.stride}")
        if not 0 <= self.person_threshold <= 1:
            raise ValueError(f"person_threshold must be from 0 to 1 but is {self.person_threshold}")
        if self.input_height < 0:
            raise ValueError(f"input_height must be at least 0 but is {self.input_height}")
        if self.task not in TASKS:
            raise ValueError(f"task must be one of {TASKS} but is {self.task!r}")
        if self.crop_size < 0 or (self.crop_size > 0) != (self.task != "fields"):
            raise ValueError(f"crop_size must be above 0 for crops and 0 for fields but is {self.crop_size}")
        if self.backbone not in BACKBONES:
            raise ValueError(f"backbone must be one of {sorted(BACKBONES)} but is {self.backbone!r}")
        # TOML and JSON have lists only.
        for name in ("widths", "depths"):
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if min(self.channels, self.stages, *self.widths) < 1 or min(self.depths, default=0) < 0:
            raise ValueError(f"channels, stages and widths must be at least 1 and depths at least 0 but are {self}")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON or TOML, which `NetworkConfig(**values)` takes back."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return values | {"skeleton": write_skeleton(self.skeleton)}

    @property
    def preferred(self) -> dict[str, Any]:
        """Settings that this network asks for where `Settings` leaves them open."""
        wishes = {"person_threshold": self.person_threshold, "input_height": self.input_height}
        return {name: value for name, value in wishes.items() if value}


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
        self.backbone = BACKBONES[config.backbone](config.stride, config.channels, config.widths, config.depths)
        self.alignment: int = self.backbone.alignment
        self.channels: int = self.skeleton.num_joints
        if config.task == "fields":
            self.channels += 2 * self.skeleton.num_limbs
        outputs = self.channels
        # The first stage reads off what the backbone's features show.
        stages = [_Stage(config.channels, config.channels, outputs, 0)]
        stages += [_Stage(config.channels + outputs, config.channels, outputs, 2) for _ in range(config.stages - 1)]
        for stage in stages:
            nn.init.normal_(stage.predict.weight, std=0.01)
            # Joints are rare: begin at "hardly anywhere" rather than at "everywhere, half".
            bias = torch.zeros(outputs)
            bias[: self.skeleton.num_joints] = -4.0
            stage.predict.bias = nn.Parameter(bias)
        self.stages = nn.ModuleList(stages)
        self.register_buffer("mean", torch.tensor(self.backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(self.backbone.std).view(1, 3, 1, 1), persistent=False)

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
        features = self.backbone(images)
        joints, results = self.skeleton.num_joints, []
        seen = features
        for stage in self.stages:
            output = stage(seen)
            logits, pafs = output[:, :joints], output[:, joints:]
            results.append((logits, pafs))
            predicted = [torch.sigmoid(logits), pafs] if self.config.task == "fields" else [torch.sigmoid(logits)]
            seen = torch.cat([features, *predicted], 1)
        return results


def save_network(network: FieldNetwork, path: str | Path, *, metadata: dict[str, str] | None = None) -> None:
    """Write a network's weights as float16 safetensors, its config and `metadata` in the header."""
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
        # Counts batches during training, no use afterwards.
        if not name.endswith("num_batches_tracked")
    }
    header = dict(metadata or {}) | {"format": _FORMAT, "config": json.dumps(network.config.to_dict())}
    save_file(tensors, str(path), header)


def read_config(path: str | Path) -> NetworkConfig:
    """The config in the header of a file that `save_network` wrote; its weights are not read.

    Raises as `load_network` does, as far as the header goes.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path must be a weight file but there is no file {path}")
    try:
        with safe_open(str(path), "pt") as file:
            header = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(f"path must be a safetensors file but {path} is damaged or none: {error}") from error
    return _config(header, path)


def _config(header: dict[str, str], path: str | Path) -> NetworkConfig:
    if header.get("format") != _FORMAT:
        raise ValueError(f"path must hold {_FORMAT} but {path} holds {header.get('format')!r}")
    try:
        config: dict[str, Any] = json.loads(header["config"])
        return NetworkConfig(**config)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"path must hold a config that is understood but that of {path} is not: {error}") from error


def change_config(path: str | Path, **changes: Any) -> None:
    """Give the file of `save_network` other values of its config; its weights, and a reader of it, are not disturbed.

    Raises as `load_network` does, and ValueError for a value that the config cannot have.
    """
    config = dataclasses.replace(read_config(path), **changes)
    with safe_open(str(path), "pt") as file:
        header = (file.metadata() or {}) | {"config": json.dumps(config.to_dict())}
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    unfinished = Path(path).with_name(Path(path).name + ".part")
    save_file(tensors, str(unfinished), header)
    unfinished.replace(path)


def load_network(path: str | Path) -> FieldNetwork:
    """Read a network that `save_network` wrote: float32, in eval mode.

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is damaged, of another kind, or
    does not fit its own config.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"path must be a weight file but there is no file {path}")
    try:
        with safe_open(str(path), "pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"path must be a safetensors file but {path} is damaged or none: {error}") from error
    network = FieldNetwork(_config(header, path))
    expected = {n: v for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    wrong = [
        n
        for n in expected.keys() | tensors.keys()
        if n not in expected or n not in tensors or expected[n].shape != tensors[n].shape
    ]
    if wrong:
        raise ValueError(f"path must hold the weights of its config but in {path} these are wrong: {sorted(wrong)[:5]}")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise ValueError(f"path must hold finite weights but {path} has NaN or infinite ones")
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    return network.eval()
