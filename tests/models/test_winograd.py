"""Winograd's algorithm compared with direct convolution."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from models.architecture.densepose_head import ConvHead, Convolution
from models.engines.winograd import WinogradConv, use_winograd
from models.variant import SIZES

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(("high", "wide"), [(28, 28), (14, 14), (4, 4), (1, 1), (9, 18)])
@pytest.mark.parametrize("bias", [True, False])
def test_winograd_equals_direct_convolution(high: int, wide: int, bias: bool) -> None:
    torch.manual_seed(high * wide)
    conv = nn.Conv2d(48, 32, 3, padding=1, bias=bias)
    x_NChw = torch.randn(3, 48, high, wide)
    exact = nn.functional.conv2d(
        x_NChw.double(), conv.weight.double(), None if conv.bias is None else conv.bias.double(), padding=1
    )
    with torch.no_grad():
        error = (WinogradConv(conv)(x_NChw) - exact).abs().max()
    assert error < 1e-5  # its terms sum up to 2 or 3


def test_winograd_is_used_for_suitable_convolutions_only() -> None:
    wide = nn.Sequential(Convolution(128, 256, 3, padding=1), Convolution(128, 256, 3, padding=6, dilation=6))
    assert use_winograd(wide)
    assert [conv.fast is not None for conv in wide if isinstance(conv, Convolution)] == [True, False]
    assert not use_winograd(ConvHead(SIZES["nano"]))
