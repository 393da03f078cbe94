"""Depthwise convolutions whose gradients are quick on a CPU.

oneDNN has quick kernels for most gradients of depthwise convolutions. For those of a 5x5 kernel, and for the input's
where the stride is 2, torch falls back on a reference loop that takes 50 times as long as the convolution itself;
those loops were four fifths of a training step. Both gradients can be had from the quick kernels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from bottomup.networks.training_ops import padded


def depthwise_conv(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    """A depthwise convolution.

    Parameters
    ----------
    x:
        (B, C, H, W) float.
    weight, bias:
        (C, 1, 3, 3) or (C, 1, 5, 5), and (C,).
    stride, padding:
        1 or 2, and zeros on every side.

    Returns (B, C, h, w), with h = (H + 2 padding - kernel) // stride + 1.
    """
    if torch.is_grad_enabled() and x.device.type == "cpu" and weight.requires_grad:
        return _DepthwiseConv.apply(x, weight, bias, stride, padding)  # type: ignore[no-any-return,no-untyped-call]
    return functional.conv2d(x, weight, bias, stride, padding, groups=len(weight))


class _DepthwiseConv(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)  # type: ignore[untyped-decorator]
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int, padding: int
    ) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        ctx.steps = (stride, padding)
        return functional.conv2d(x, weight, bias, stride, padding, groups=len(weight))

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        gradient = gradients[0].contiguous(memory_format=torch.channels_last)
        of_x = _gradient_of_input(x, weight, gradient, *ctx.steps) if ctx.needs_input_grad[0] else None
        kernel = _gradient_of_kernel5 if weight.shape[-1] == 5 else _gradient_of_kernel
        of_weight = kernel(x, weight, gradient, *ctx.steps)
        return of_x, of_weight, gradient.sum((0, 2, 3)), None, None


def _gradient_of_input(
    x: torch.Tensor, weight: torch.Tensor, gradient: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    """The convolution with the kernel turned round, with zeros between the gradient's cells where the stride is 2."""
    margin = weight.shape[-1] - 1
    if stride > 1:
        rows, columns = (side + 2 * padding - margin for side in x.shape[2:])
        spread = torch.empty((*x.shape[:2], rows, columns), dtype=x.dtype, memory_format=torch.channels_last).zero_()
        spread[:, :, ::stride, ::stride] = gradient
        gradient = spread
    return functional.conv2d(gradient, weight.flip(2, 3), padding=margin - padding, groups=len(weight))


def _gradient_of_kernel5(
    x: torch.Tensor, weight: torch.Tensor, gradient: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    """Each 3x3 corner of the kernel is a 3x3 convolution that looks at another part; they agree where they overlap."""
    result, corner = torch.empty_like(weight), weight[:, :, :3, :3].contiguous()
    x = padded(x, (padding,) * 4)  # the quick kernels take less padding than is needed here
    shift = 2 // stride
    for top in (0, 1):
        for left in (0, 1):
            margins = (shift * left, shift - shift * left, shift * top, shift - shift * top)
            part = _gradient_of_kernel(x, corner, padded(gradient, margins), stride, 0)
            result[:, :, 2 * top : 2 * top + 3, 2 * left : 2 * left + 3] = part
    return result


def _gradient_of_kernel(
    x: torch.Tensor, weight: torch.Tensor, gradient: torch.Tensor, stride: int, padding: int
) -> torch.Tensor:
    steps = ((stride, stride), (padding, padding), (1, 1), False, (0, 0))
    _, result, _ = torch.ops.aten.convolution_backward(
        gradient, x, weight, None, *steps, len(weight), (False, True, False)
    )
    return result  # type: ignore[no-any-return]
