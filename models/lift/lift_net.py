"""The lift as a network that learns (after Martinez et al., *A Simple Yet Effective Baseline*, ICCV 2017)."""

from __future__ import annotations

import torch
from torch import nn

from models.lift.lift_weights import COMPONENTS, read_vertices

WIDTH, ADDED = 512, 2


class LiftNet(nn.Module):
    """From places in the square and the numbers of the view to components of bodies in space."""

    used_U: torch.Tensor
    basis_XC: torch.Tensor
    mean_X: torch.Tensor

    def __init__(self, basis_XC: torch.Tensor, mean_X: torch.Tensor) -> None:
        """Args: basis_XC, mean_X: principal components of bodies in the axes of the view and their mean."""
        super().__init__()
        self.register_buffer("used_U", torch.from_numpy(read_vertices()), persistent=False)
        self.register_buffer("basis_XC", basis_XC.contiguous())
        self.register_buffer("mean_X", mean_X)
        self.first = nn.Linear(3 * len(self.used_U) + 2, WIDTH)
        self.added = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(ADDED))
        self.last = nn.Linear(WIDTH, COMPONENTS)

    def forward(self, place_N3L: torch.Tensor, number_N2: torch.Tensor) -> torch.Tensor:
        """The vertices (N, L, 3) relative to the middle of the hips, metres, in the axes of the view.

        Args:
            place_N3L: 1 where a vertex is seen, and x and y in the square there; 0 where it is not.
            number_N2: see `MeshView`.
        """
        hidden_NH = self.first(torch.cat([place_N3L[:, :, self.used_U].flatten(1), number_N2], 1)).relu()
        for layer in self.added:
            hidden_NH = hidden_NH + layer(hidden_NH).relu()
        return (self.last(hidden_NH) @ self.basis_XC.T + self.mean_X).unflatten(1, (-1, 3))
