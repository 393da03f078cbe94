"""Checkpoint files of PyTorch as others have saved them: read without running anything that is in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

# What wrappers put before the names: DataParallel, and the two halves of an mmpose 0.x model.
_PREFIXES = re.compile(r"^(module\.|backbone\.|keypoint_head\.)+")
_SHOWN = 5


def read_checkpoint(path: str | Path) -> dict[str, torch.Tensor]:
    """The tensors of a checkpoint by their names in the network, on the CPU.

    A file may hold the state dictionary itself or a training's whole state with one inside; prefixes of DataParallel
    and mmpose are taken off. Only tensors and plain containers are unpickled (`weights_only`).

    Raises FileNotFoundError if there is no such file, ValueError naming it if it is damaged or holds anything else.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"model must be an existing file but {str(path)!r} is none")
    if Path(path).suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises many kinds for a damaged file
        raise ValueError(f"model must be a checkpoint of PyTorch but {str(path)!r} cannot be read: {error}") from error
    for _ in range(2):  # {"state_dict": {...}} and the like
        if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
            content = content["state_dict"]
    tensors = content.items() if isinstance(content, Mapping) else ()
    named = {_PREFIXES.sub("", str(name)): value for name, value in tensors if isinstance(value, torch.Tensor)}
    if not named:
        raise ValueError(f"model must be a checkpoint with tensors but {str(path)!r} holds none")
    return named


def _read_safetensors(path: str | Path) -> dict[str, torch.Tensor]:
    try:
        tensors: dict[str, torch.Tensor] = load_file(str(path))
    except SafetensorError as error:
        raise ValueError(f"model must be a safetensors file but {str(path)!r} is damaged or none: {error}") from error
    return tensors


def load_tensors(network: nn.Module, tensors: Mapping[str, torch.Tensor], path: str | Path) -> None:
    """Give a network the tensors of its published checkpoint; what the network does not use is left out.

    Counters of batches need not be there. Raises ValueError that lists the names which are missing, of another shape,
    or not finite.
    """
    own = network.state_dict()
    needed = [name for name in own if not name.endswith("num_batches_tracked")]
    missing = [name for name in needed if name not in tensors]
    if missing:
        raise ValueError(f"model must hold the weights of its network but {str(path)!r} lacks {_some(missing)}")
    wrong = [
        f"{name} {tuple(tensors[name].shape)} instead of {tuple(own[name].shape)}"
        for name in needed
        if tensors[name].shape != own[name].shape
    ]
    if wrong:
        raise ValueError(f"model must hold weights of its network's shapes but in {str(path)!r} are {_some(wrong)}")
    odd = [n for n in needed if not (tensors[n].is_floating_point() and bool(torch.isfinite(tensors[n]).all()))]
    if odd:
        raise ValueError(f"model must hold finite numbers but in {str(path)!r} are others in {_some(odd)}")
    network.load_state_dict({name: tensors[name].float() for name in needed}, strict=False)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
