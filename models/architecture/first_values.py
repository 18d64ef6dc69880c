"""The values that layers begin a training with."""

from __future__ import annotations

from torch import nn


def draw_he(layer: nn.Conv2d | nn.ConvTranspose2d) -> None:
    """Kaiming's normal values over the outputs, and no bias: of all dense heads' layers (He et al. 2015, facts §6)."""
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
