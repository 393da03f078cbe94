"""Weights of published networks as the start of a backbone, taken by the names of their tensors."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import nn

_NAMED = 5  # wrong tensors that an error lists


def own_tensors(module: nn.Module, *, without: Collection[str] = ()) -> dict[str, torch.Tensor]:
    """The tensors of a module by name that a checkpoint has to give: all but counters of batches.

    without: beginnings of the names of those that it need not give.
    """
    return {
        name: tensor
        for name, tensor in module.state_dict().items()
        if not name.endswith("num_batches_tracked") and not name.startswith(tuple(without))
    }


def take_weights(own: Mapping[str, torch.Tensor], weights: Mapping[str, torch.Tensor], network: str) -> None:
    """Give tensors of a network the values that a checkpoint has under the same names; what else it has is left out.

    network: what the checkpoint must be of, for the error.

    Raises ValueError that names the tensors which are missing or have another shape; nothing is changed then.
    """
    wrong = [name for name, tensor in own.items() if name not in weights or weights[name].shape != tensor.shape]
    if wrong:
        raise ValueError(
            f"weights must be those of {network} but lack, or have in another shape, {len(wrong)} of its {len(own)} "
            f"tensors: {wrong[:_NAMED]}"
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(weights[name])
