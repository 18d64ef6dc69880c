"""Self-attention of the light networks compared with torch's, and in the inference engine."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from models.engines.compiled_network import compile_network
from models.light.architecture.blocks import SelfAttention

pytestmark = pytest.mark.quick


def taught() -> SelfAttention:
    torch.manual_seed(4)
    block = SelfAttention(24, heads=3).eval()
    nn.init.normal_(block.tell.weight, std=0.3)
    return block


@torch.no_grad()
def test_self_attention_equals_torch_with_a_shortcut() -> None:
    block = taught()
    known = nn.MultiheadAttention(24, 3, batch_first=True).eval()
    known.in_proj_weight.copy_(block.ask.weight[:, :, 0, 0])
    known.out_proj.weight.copy_(block.tell.weight[:, :, 0, 0])
    x = torch.randn(2, 24, 5, 7)
    places = block.norm(x).flatten(2).transpose(1, 2)
    wanted = x + known(places, places, places, need_weights=False)[0].transpose(1, 2).unflatten(2, (5, 7))
    torch.testing.assert_close(block(x), wanted, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_inference_equals_training() -> None:
    block, x = taught(), torch.randn(1, 24, 6, 6)
    body = compile_network(block, (1, 24, 6, 6), engine="openvino", precision="fp32", threads=1)
    np.testing.assert_allclose(body(x.numpy()), block(x).numpy(), rtol=1e-4, atol=1e-4)


def test_heads_divide_the_channels_evenly() -> None:
    with pytest.raises(ValueError, match="22 channels cannot be divided among 4 heads"):
        SelfAttention(22)
