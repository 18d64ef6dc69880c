"""Losses of continuous surface embeddings (Neverova et al. 2020): hard and soft ones at points."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from models.losses.points import PlacedPoints, point_cells, read_all, visible_points
from models.losses.terms import Term

UNKNOWN = -1
"""Vertex of points without a loss."""
SHORTEST = 1e-6
"""Embeddings shorter than this are divided by it, not by their length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexPoints(PlacedPoints):
    """M annotated points. `vertex_M`: int64, vertex of the mesh, or UNKNOWN."""

    vertex_M: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingWeights:
    """Weights and scales of the losses of embeddings. Defaults: the reference's schedule for people.

    Attributes:
        vertex: weight of the loss at points.
        scale: squared distance of embeddings that divides the scores.
        spread_m: soft loss: distance on the surface, in metres, at which a vertex is as good as 1/e of the true one;
            0: the hard loss, for which only the nearest vertex is right.
    """

    vertex: float = 0.6
    scale: float = 0.01
    spread_m: float = 0.01


def vertex_scores(embedding_ME: Tensor, vertex_VE: Tensor, scale: float) -> Tensor:
    """Logits (M, V) of each vertex: the negative squared distance of the embeddings, over `scale`.

    Args:
        embedding_ME: predicted embeddings of any length; vectors of length 1 are compared.
        vertex_VE: embeddings of the vertices, of length 1.
    """
    unit_ME = F.normalize(embedding_ME, dim=1, eps=SHORTEST)
    squared_MV = (unit_ME**2).sum(1)[:, None] + (vertex_VE**2).sum(1)[None] - 2 * unit_ME @ vertex_VE.T
    return -squared_MV / scale


def vertex_term(
    embedding_KEhw: Tensor,
    points: VertexPoints,
    box_K4: Tensor,
    vertex_VE: Tensor,
    weights: EmbeddingWeights,
    distances: Callable[[Tensor], Tensor] | None = None,
    upsampling: int = 1,
) -> Term:
    """Cross entropy over the vertices of a mesh, a mean over the points inside of their regions.

    Args:
        embedding_KEhw: predicted embeddings of K regions, float32.
        points: annotated points; those with the vertex UNKNOWN have no loss.
        box_K4: the regions, network pixels.
        vertex_VE: embeddings of the vertices, of length 1; gradients flow to them.
        weights: see `EmbeddingWeights`.
        distances: metres on the surface from M vertices to all, (M, V): the soft loss, whose target falls with the
            distance from the annotated vertex. None: the hard loss, whose target is that vertex.
        upsampling: see `point_cells`.
    """
    seen = visible_points(points, box_K4)
    seen = seen.only(seen.vertex_M != UNKNOWN)
    embedding_ME = read_all(embedding_KEhw, point_cells(seen, box_K4, embedding_KEhw, upsampling))
    score_MV = vertex_scores(embedding_ME, vertex_VE, weights.scale)
    if distances is None:
        total = F.cross_entropy(score_MV, seen.vertex_M, reduction="sum")
    else:
        wanted_MV = torch.softmax(-distances(seen.vertex_M) / weights.spread_m, dim=1)
        total = F.cross_entropy(score_MV, wanted_MV, reduction="sum")
    return Term(total, float(len(seen.vertex_M)), weights.vertex)
