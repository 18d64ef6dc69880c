"""The painted skin of the last frame, carried by the optical flow, steadies that of this frame."""

from __future__ import annotations

import numpy as np

from models.arrays import F32, Index
from models.painting.painting_mesh import anchors
from models.time_steps import FRAME_S, frames_in, remaining

STEADY = 0.9
"""Weight after `FRAME_S` of the frame before where the skin stands still; the rest is this frame's."""
FAST_M = 0.3
"""Motion in metres in `FRAME_S` at which that weight is halved."""
STRAY_M = 0.05
"""Distance in metres between carried and new place at which that weight is a quarter: the flow or the past is wrong."""


def steadying(
    place_V2: F32, vertex_K: Index, pixel_K2: F32, carried_K2: F32, metre_px: float, seconds: float = FRAME_S
) -> F32:
    """By how much each vertex is moved (V, 2), pixels, towards where the frame before and the flow put it.

    Args:
        place_V2: vertices of the painting mesh in this frame, pixels.
        vertex_K, pixel_K2: anchors that were seen in the frame before, and their places there.
        carried_K2: where the flow carries these, pixels of this frame; NaN where it is unknown.
        metre_px: pixels of the frame that a metre of the body spans.
        seconds: time between both frames.
    """
    known = np.isfinite(carried_K2).all(axis=1)
    vertex_K, moved_K2, carried_K2 = vertex_K[known], (carried_K2 - pixel_K2)[known], carried_K2[known]
    away_K2 = carried_K2 - place_V2[vertex_K]
    speed_K, stray_K = (np.square(one).sum(axis=1) / np.float32(metre_px) ** 2 for one in (moved_K2, away_K2))
    weight_K = 1 / (1 + speed_K / (FAST_M * frames_in(seconds)) ** 2) / (1 + stray_K / STRAY_M**2) ** 2
    every = anchors()
    at_K = np.searchsorted(every.vertex_A, vertex_K)
    value_A3 = np.zeros((len(every.vertex_A), 3), np.float32)
    value_A3[at_K, :2], value_A3[at_K, 2] = away_K2 * weight_K[:, None], 1
    sum_V3 = np.einsum("nk,nki->ni", every.weight_NK, value_A3[every.source_NK])
    return np.asarray(remaining(STEADY, seconds) * sum_V3[:, :2] / np.maximum(sum_V3[:, 2:], 1e-3), np.float32)
