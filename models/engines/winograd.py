"""3x3 convolutions by Winograd's algorithm: a quarter of the multiplications (Lavin and Gray 2016; Winograd 1980).

The map is cut into tiles of 6x6 cells that overlap by two. Tiles and kernels are evaluated as polynomials at 36 points
and multiplied there; channels are summed, and the sums are transformed to 4x4 cells of the result. The points are 0,
3/4, -3/4, 3/2, -3/2 and infinity. They give matrices without large entries, so the rounding errors in float32 are close
to those of direct convolution (Barabasz et al. 2020).
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.architecture.densepose_head import Convolution
from models.arrays import F64, Float

CELLS = 4
"""Cells per side of a tile's result."""
KERNEL = 3
TILE = CELLS + KERNEL - 1
POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)
"""The finite points; the last point is infinity."""

LEAST_CHANNELS = 128
"""Minimum number of channels for which Winograd is faster: with fewer, the transforms cost more than they save."""
def matrices() -> tuple[F64, F64, F64]:
    """The transforms along one axis: of tiles (6, 6), of kernels (6, 3), and from products to results (4, 6)."""
    point_P = np.array(POINTS)
    others = [np.delete(point_P, index) for index in range(len(POINTS))]
    scale_P = np.array([np.prod(point - rest) for point, rest in zip(point_P, others, strict=True)])
    tile_66 = np.zeros((TILE, TILE))
    for index, rest in enumerate(others):
        tile_66[index, : len(POINTS)] = np.poly(rest)[::-1]
    tile_66[-1] = np.poly(point_P)[::-1]
    infinity = len(POINTS)
    kernel_63 = np.zeros((TILE, KERNEL))
    kernel_63[:infinity] = point_P[:, None] ** np.arange(KERNEL) / scale_P[:, None]
    kernel_63[infinity, -1] = 1
    result_46 = np.zeros((CELLS, TILE))
    result_46[:, :infinity] = point_P ** np.arange(CELLS)[:, None]
    result_46[-1, infinity] = 1
    return tile_66, kernel_63, result_46


class WinogradConv(nn.Module):
    """A 3x3 convolution with stride 1 and padding 1 on float32 maps in channels-last memory."""

    def __init__(self, conv: nn.Conv2d) -> None:
        """Args: conv: with stride 1, padding 1, one group, and weights."""
        super().__init__()
        tile_66, kernel_63, result_46 = matrices()
        weight_KX = conv.weight.detach().permute(2, 3, 1, 0).reshape(KERNEL**2, -1)
        kernel_PX = float32_tensor(np.kron(kernel_63, kernel_63)) @ weight_KX
        self.kernel_PIO = kernel_PX.reshape(TILE**2, conv.in_channels, conv.out_channels)
        self.tile_PP = float32_tensor(np.kron(tile_66, tile_66))
        self.result_QP = float32_tensor(np.kron(result_46, result_46))
        self.bias_O = torch.zeros(conv.out_channels) if conv.bias is None else conv.bias.detach()
        self.inputs, self.outputs = conv.in_channels, conv.out_channels

    def forward(self, x_NChw: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, outputs, h, w)."""
        high, wide = x_NChw.shape[2:]
        down, across = (high + CELLS - 1) // CELLS, (wide + CELLS - 1) // CELLS
        margin = (0, 0, 1, across * CELLS - wide + 1, 1, down * CELLS - high + 1)
        padded_NhwC = F.pad(x_NChw.permute(0, 2, 3, 1), margin)
        tile_PX = _tiles(padded_NhwC, down, across).reshape(TILE**2, -1)
        tile_PTI = (self.tile_PP @ tile_PX).reshape(TILE**2, -1, self.inputs)
        result_PX = (tile_PTI @ self.kernel_PIO).reshape(TILE**2, -1)
        cells = (self.result_QP @ result_PX).reshape(CELLS, CELLS, -1, down, across, self.outputs)
        y_NhwC = cells.permute(2, 3, 0, 4, 1, 5).reshape(-1, down * CELLS, across * CELLS, self.outputs)
        return (y_NhwC[:, :high, :wide] + self.bias_O).permute(0, 3, 1, 2)


def _tiles(padded_NhwC: Tensor, down: int, across: int) -> Tensor:
    """(6, 6, N, tile rows, tile columns, C): the cells of every tile, by their position in the tile."""
    last_row, last_column = CELLS * (down - 1) + 1, CELLS * (across - 1) + 1
    rows = torch.stack([padded_NhwC[:, row : row + last_row : CELLS] for row in range(TILE)])
    return torch.stack([rows[:, :, :, column : column + last_column : CELLS] for column in range(TILE)], dim=1)


def float32_tensor(array: Float) -> Tensor:
    """An array as a float32 tensor."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def suits_winograd(conv: nn.Conv2d) -> bool:
    """Whether Winograd can compute a convolution and is faster."""
    shape = (conv.kernel_size, conv.stride, conv.padding, conv.dilation, conv.groups)
    plain = shape == ((KERNEL, KERNEL), (1, 1), (1, 1), (1, 1), 1)
    return plain and min(conv.in_channels, conv.out_channels) >= LEAST_CHANNELS


def use_winograd(network: nn.Module) -> bool:
    """Switch convolutions to Winograd where it is faster, in place. Returns whether there were any."""
    chosen = [module for module in network.modules() if isinstance(module, Convolution) and suits_winograd(module)]
    for conv in chosen:
        conv.fast = conv.fast or WinogradConv(conv)
    return bool(chosen)
