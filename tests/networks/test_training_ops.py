"""The quick operations give what torch's own give, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional

from bottomup.networks.training_ops import pad, padded, relu6


def grads(operation: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The result of an operation and the gradient of the sum of its squares at x."""
    leaf = x.clone().requires_grad_()
    result = operation(leaf * 1)  # one that writes into its argument must not write into a leaf
    (result.float() ** 2).sum().backward()  # type: ignore[no-untyped-call]
    assert leaf.grad is not None
    return result.detach(), leaf.grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_relu6(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    special = torch.tensor([0.0, -0.0, 6.0, -6.0, 5.96875, 6.03125, 1e-38, -1e-38, float("inf"), -float("inf")])
    x = torch.cat([special, 4 * torch.randn(2 * 3 * 5 * 7 - len(special))]).view(2, 3, 5, 7).to(dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    for given, wanted in zip(grads(relu6, x), grads(functional.relu6, x), strict=True):
        assert torch.equal(given, wanted)
    inside = x.clone()
    assert relu6(inside) is inside or torch.equal(relu6(inside), functional.relu6(x))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("margins", [(0, 1, 0, 1), (2, 2, 2, 2), (1, 0, 2, 3), (0, 0, 0, 0)])
def test_pad(dtype: torch.dtype, margins: tuple[int, int, int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, 4, 5).to(dtype).contiguous(memory_format=torch.channels_last)
    assert torch.equal(padded(x, margins), functional.pad(x, margins))
    both = grads(lambda x: pad(x, margins), x), grads(lambda x: functional.pad(x, margins), x)
    for given, wanted in zip(*both, strict=True):
        assert torch.equal(given, wanted)
