"""The lift as a network that learns (after Martinez et al., *A Simple Yet Effective Baseline*, ICCV 2017)."""

from __future__ import annotations

import torch
from torch import nn

from models.lift.lift_weights import COMPONENTS, input_vertices

WIDTH, ADDED = 512, 2


class LiftNet(nn.Module):
    """Predicts a body in space from image points of its vertices, and two numbers of the view.

    The result is a weighted sum of principal components of bodies.
    """

    used_U: torch.Tensor
    basis_XC: torch.Tensor
    mean_X: torch.Tensor

    def __init__(self, basis_XC: torch.Tensor, mean_X: torch.Tensor) -> None:
        """Args: basis_XC, mean_X: principal components of bodies in the axes of the view, and their mean."""
        super().__init__()
        self.register_buffer("used_U", torch.from_numpy(input_vertices()), persistent=False)
        self.register_buffer("basis_XC", basis_XC.contiguous())
        self.register_buffer("mean_X", mean_X)
        self.first = nn.Linear(3 * len(self.used_U) + 2, WIDTH)
        self.added = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(ADDED))
        self.last = nn.Linear(WIDTH, COMPONENTS)

    def forward(self, place_N3L: torch.Tensor, number_N2: torch.Tensor) -> torch.Tensor:
        """The vertices (N, L, 3) relative to the middle of the hips, metres, in the axes of the view.

        Args:
            place_N3L: 1, x and y in the square of the view for each visible vertex; 0, 0 and 0 for each hidden one.
            number_N2: the `number_2` of each person's `MeshView`.
        """
        hidden_NH = self.first(torch.cat([place_N3L[:, :, self.used_U].flatten(1), number_N2], 1)).relu()
        for layer in self.added:
            hidden_NH = hidden_NH + layer(hidden_NH).relu()
        return (self.last(hidden_NH) @ self.basis_XC.T + self.mean_X).unflatten(1, (-1, 3))
