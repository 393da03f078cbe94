"""Operations of a network that torch's own would make slow where it is trained in bfloat16 on a CPU.

Beside convolutions these two take most of a step: `relu6` converts every number to float32 and back, and padding writes
the whole result with zeros before it copies the picture into it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

_SIX = 0x40C0  # the bits of 6 in bfloat16

Margins = tuple[int, int, int, int]


def relu6(x: torch.Tensor) -> torch.Tensor:
    """min(max(x, 0), 6), in the place of x."""
    if x.device.type == "cpu" and x.dtype == torch.bfloat16:
        return _Relu6.apply(x)  # type: ignore[no-any-return,no-untyped-call]
    return functional.relu6(x, inplace=True)


class _Relu6(torch.autograd.Function):
    """As integers the bits of bfloat16 are in the order of the numbers, but for those below 0, which are below 0."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.mark_dirty(x)
        x.view(torch.int16).clamp_(0, _SIX)
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (result,) = ctx.saved_tensors
        return torch.ops.aten.hardtanh_backward(gradients[0], result, 0.0, 6.0)  # type: ignore[no-any-return]


def pad(x: torch.Tensor, margins: Margins) -> torch.Tensor:
    """(B, C, H, W) with zeros around it: so many columns left and right, rows above and below."""
    if x.device.type == "cpu" and x.dtype == torch.bfloat16:
        return _Pad.apply(x, margins)  # type: ignore[no-any-return,no-untyped-call]
    return functional.pad(x, margins)


class _Pad(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, margins: Margins) -> torch.Tensor:
        ctx.margins = margins
        return padded(x, margins)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        left, right, top, bottom = ctx.margins
        height, width = gradients[0].shape[2:]
        return gradients[0][:, :, top : height - bottom, left : width - right], None


def padded(x: torch.Tensor, margins: Margins) -> torch.Tensor:
    """`pad` without a gradient."""
    left, right, top, bottom = margins
    (batch, channels, height, width), layout = x.shape, torch.channels_last
    shape = batch, channels, height + top + bottom, width + left + right
    result = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)
    result[:, :, :top], result[:, :, top + height :] = 0, 0
    result[..., :left], result[..., left + width :] = 0, 0
    result[:, :, top : top + height, left : left + width] = x
    return result
