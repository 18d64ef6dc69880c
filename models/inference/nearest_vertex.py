"""The mesh vertex whose embedding is nearest to that of a pixel: exact, without comparing all pairs.

Pixels of a small tile have similar embeddings. By the triangle inequality on the sphere, the nearest vertex of every
pixel of a tile lies within (distance of the tile's centre to its own nearest vertex + 2 × the tile's radius) of the
centre; only those vertices are compared.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from models.architecture.embedder import unit_rows
from models.arrays import I32, I64, Bool

TILE = 6
"""Pixels along each side of a tile. Larger ones have fewer centres, but more vertices to compare."""
CENTRES_AT_ONCE = 256
"""Tiles whose centres are compared with all vertices at once: 28 MB for the 27,554 vertices of SMPL's mesh."""
SLACK = 1e-3
"""Radians added to the bound for the rounding of float32: the arc cosine of 1 − 1e-7 is 4e-4."""
NOWHERE = -1
"""The vertex of a pixel that is not the person."""


def nearest_vertices(embedding_EHW: Tensor, mask_HW: Bool, vertex_VE: Tensor) -> I32:
    """The nearest vertex of every pixel of a mask.

    Args:
        embedding_EHW: float32, not normalised.
        mask_HW: the pixels.
        vertex_VE: float32 of length 1.

    Returns:
        (H, W) vertices from 0; −1 outside of the mask. Of vertices at the same distance, the first.
    """
    found_HW = np.full(mask_HW.shape, NOWHERE, np.int32)
    row_P, column_P = tile_order(mask_HW)
    if not len(row_P):
        return found_HW
    pixel_PE = embedding_EHW[:, row_P, column_P].T.contiguous()
    tile_P = torch.from_numpy(row_P // TILE * (mask_HW.shape[1] // TILE + 1) + column_P // TILE)
    _, count_K = torch.unique_consecutive(tile_P.to(pixel_PE.device), return_counts=True)
    found_HW[row_P, column_P] = nearest_in_groups(pixel_PE, count_K, vertex_VE).cpu().numpy()
    return found_HW


def tile_order(mask_HW: Bool) -> tuple[I64, I64]:
    """Rows and columns of a mask's pixels, tile by tile."""
    row_P, column_P = np.nonzero(mask_HW)
    order_P = np.lexsort((column_P // TILE, row_P // TILE))
    return row_P[order_P], column_P[order_P]


def nearest_in_groups(pixel_PE: Tensor, count_K: Tensor, vertex_VE: Tensor) -> Tensor:
    """The nearest vertex (P,) of pixels that stand group by group.

    Args:
        pixel_PE: float32.
        count_K: number of pixels of each group, of similar embeddings; the more similar, the faster.
        vertex_VE: float32 of length 1.
    """
    unit_PE = unit_rows(pixel_PE)
    group_P = torch.repeat_interleave(torch.arange(len(count_K), device=pixel_PE.device), count_K)
    centre_KE = unit_rows(torch.zeros(len(count_K), unit_PE.shape[1]).to(unit_PE).index_add_(0, group_P, unit_PE))
    angle_P = torch.acos((unit_PE * centre_KE[group_P]).sum(dim=1).clamp(-1, 1))
    radius_K = torch.zeros(len(count_K)).to(angle_P).scatter_reduce_(0, group_P, angle_P, "amax")
    found = []
    groups = list(zip(pixel_PE.split(count_K.tolist()), radius_K.tolist(), strict=True))
    for start in range(0, len(groups), CENTRES_AT_ONCE):
        some = slice(start, start + CENTRES_AT_ONCE)
        near_KV = centre_KE[some] @ vertex_VE.T
        best_K = torch.acos(near_KV.amax(dim=1).clamp(-1, 1)).tolist()
        for (group_PE, radius), near_V, best in zip(groups[some], near_KV, best_K, strict=True):
            bound = np.cos(min(best + 2 * radius + SLACK, np.pi))
            candidate_C = (near_V >= bound).nonzero()[:, 0] if bound > -1 else slice(None)
            chosen_P = (group_PE @ vertex_VE[candidate_C].T).argmax(dim=1)
            found.append(chosen_P if isinstance(candidate_C, slice) else candidate_C[chosen_P])
    return torch.cat(found)
