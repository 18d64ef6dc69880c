"""Depthwise convolution whose gradients are fast in bfloat16 on processors."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

_CONVOLUTION_BACKWARD = torch.ops.aten.convolution_backward.default


class DepthwiseConv(nn.Conv2d):
    """One filter for each channel, without bias; the parameters are those of `nn.Conv2d` with `groups=channels`."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) to (N, C, H / stride, W / stride)."""
        if x_NCHW.device.type != "cpu" or not torch.is_autocast_enabled("cpu") or not torch.is_grad_enabled():
            return super().forward(x_NCHW)
        dtype = torch.get_autocast_dtype("cpu")
        made: torch.Tensor = _FilterPerChannel.apply(x_NCHW.to(dtype), self.weight.to(dtype), self.stride[0])
        return made


class _FilterPerChannel(torch.autograd.Function):
    """A depthwise convolution with symmetric padding; sides must be multiples of the stride.

    oneDNN has no fast bfloat16 kernel for two of its gradients, which take 10 to 100 times as long as they could: that
    of the input where the stride is 2, and that of filters with more than three columns. Here both are made of those
    that it has.
    """

    @staticmethod
    def forward(ctx: Any, x_NCHW: torch.Tensor, weight_C1KK: torch.Tensor, stride: int) -> torch.Tensor:
        ctx.save_for_backward(x_NCHW, weight_C1KK)
        ctx.stride = stride
        pad = weight_C1KK.shape[-1] // 2
        return functional.conv2d(x_NCHW, weight_C1KK, None, stride, pad, groups=x_NCHW.shape[1])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None, None]:
        (out_NCHW,) = gradients
        x_NCHW, weight_C1KK = ctx.saved_tensors
        of_input = input_gradient(out_NCHW, weight_C1KK, ctx.stride) if ctx.needs_input_grad[0] else None
        of_weight = weight_gradient(out_NCHW, x_NCHW, weight_C1KK, ctx.stride) if ctx.needs_input_grad[1] else None
        return of_input, of_weight, None


def input_gradient(out_NCHW: torch.Tensor, weight_C1KK: torch.Tensor, stride: int) -> torch.Tensor:
    """The gradient of the input: a convolution of the output's with the reversed filter, with zeros between strides."""
    n, channels, height, width = out_NCHW.shape
    if stride > 1:
        spread_NHWC = out_NCHW.new_zeros(n, height * stride, width * stride, channels)
        spread_NHWC[:, ::stride, ::stride] = out_NCHW.permute(0, 2, 3, 1)
        out_NCHW = spread_NHWC.permute(0, 3, 1, 2)
    pad = weight_C1KK.shape[-1] // 2
    return functional.conv2d(out_NCHW, weight_C1KK.flip(2, 3), None, 1, pad, groups=channels)


def weight_gradient(
    out_NCHW: torch.Tensor, x_NCHW: torch.Tensor, weight_C1KK: torch.Tensor, stride: int
) -> torch.Tensor:
    """The gradient of the filters, three columns of them at a time."""
    kernel, width = weight_C1KK.shape[-1], x_NCHW.shape[-1]
    pad = kernel // 2
    if kernel <= 3:
        return _weight_gradient(out_NCHW, x_NCHW, weight_C1KK, stride, (pad, pad))
    padded = functional.pad(x_NCHW.permute(0, 2, 3, 1), (0, 0, pad, pad)).permute(0, 3, 1, 2)
    columns: list[torch.Tensor] = []
    for first in (*range(0, kernel - 3, 3), kernel - 3):
        seen = padded[..., first : first + width + 2]
        part = _weight_gradient(out_NCHW, seen, weight_C1KK[..., first : first + 3], stride, (pad, 0))
        columns.append(part[..., 3 * len(columns) - first :])
    return torch.cat(columns, -1)


def _weight_gradient(
    out_NCHW: torch.Tensor, x_NCHW: torch.Tensor, weight: torch.Tensor, stride: int, pads: tuple[int, int]
) -> torch.Tensor:
    window = [stride, stride], list(pads), [1, 1]
    channels = x_NCHW.shape[1]
    found = _CONVOLUTION_BACKWARD(
        out_NCHW, x_NCHW, weight, None, *window, False, [0, 0], channels, [False, True, False]
    )
    gradient: torch.Tensor = found[1]
    return gradient
