"""A convolution that can be computed in more than one way: the dense heads'."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn


class Convolution(nn.Conv2d):
    """A 2D convolution that inference may compute in another way.

    Attributes:
        way: computes what `forward` would, where it is set.
    """

    way: nn.Module | None

    def __init__(self, inputs: int, outputs: int, kernel: int, **settings: Any) -> None:
        """Args: settings: as `torch.nn.Conv2d` takes them."""
        super().__init__(inputs, outputs, kernel, **settings)
        self.way = None

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """(N, inputs, H, W) to (N, outputs, H', W')."""
        return super().forward(x_NCHW) if self.way is None else self.way(x_NCHW)
