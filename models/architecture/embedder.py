"""Embeddings of a mesh's vertices, the second half of continuous surface embeddings (Neverova et al. 2020)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from models.variant import EMBEDDING, MESHES

BASIS = 256
"""Smooth functions on the mesh (eigenfunctions of its Laplace–Beltrami operator) of which embeddings are made."""
SHORTEST = 1e-6
"""Vectors shorter than this are divided by it, not by their length."""


class VertexEmbedder(nn.Module):
    """One vector for each vertex: fixed features times trained weights. Attribute names are checkpoint keys."""

    features: Tensor

    def __init__(self, vertices: int) -> None:
        """Zeros, which a checkpoint fills. Args: vertices: of the mesh."""
        super().__init__()
        self.register_buffer("features", torch.zeros(vertices, BASIS))
        self.embeddings = nn.Parameter(torch.zeros(BASIS, EMBEDDING))

    def start(self, function_VK: Tensor, mixture_KE: Tensor) -> None:
        """Smooth functions of the mesh (vertices, 256) as features, and the first weights (256, 16)."""
        self.features.copy_(function_VK)
        with torch.no_grad():
            self.embeddings.copy_(mixture_KE)

    def forward(self) -> Tensor:
        """(vertices, 16) float32 of length 1."""
        return unit_rows(self.features @ self.embeddings)


def unit_rows(x_KE: Tensor) -> Tensor:
    """Vectors divided by their length."""
    return x_KE / x_KE.norm(dim=1, keepdim=True).clamp(min=SHORTEST)


class MeshEmbedders(nn.Module):
    """The embedder of a network's mesh, under the name that the published checkpoints give it."""

    def __init__(self, mesh: str) -> None:
        """Args: mesh: a key of `models.variant.MESHES`."""
        super().__init__()
        self._name = f"embedder_{mesh}"
        self.add_module(self._name, VertexEmbedder(MESHES[mesh]))

    @property
    def of_mesh(self) -> VertexEmbedder:
        """The embedder itself."""
        return cast(VertexEmbedder, self.get_submodule(self._name))

    def forward(self) -> Tensor:
        """(vertices, 16) float32 of length 1."""
        vertex_VE: Tensor = self.of_mesh()
        return vertex_VE
