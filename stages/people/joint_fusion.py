"""Temporal fusion of a person's keypoints along the same optical flow as the surface.

A keypoint of another frame is carried to this one by the flow under it, and fused with the network's own by weight, as
surfaces are. Keypoints that jump are not fused, so nothing lags behind fast motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stages.payloads import F32, Float, PersonSurface
from stages.people.optical_flow import CellGrid, FlowField

GATE_SHARE = 0.03
"""Distance at which the weight of the other frame's keypoint falls to 1/e, as a share of the rows of the person."""
MOST_RATIO = 3.0
"""Most weight of the other frames' keypoint, relative to the frame's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JointEstimate:
    """The keypoints of a person in one frame.

    Attributes:
        keypoint_K3: as in `PersonSurface`.
        weight_K: float32; of one frame's prediction its score, of fused keypoints the sum.
    """

    keypoint_K3: F32
    weight_K: F32


def measured_joints(surface: PersonSurface) -> JointEstimate | None:
    """The keypoints of one prediction; None if the network has no keypoint head."""
    if surface.keypoint_K3 is None:
        return None
    return JointEstimate(keypoint_K3=surface.keypoint_K3, weight_K=surface.keypoint_K3[:, 2].astype(np.float32))


def fused_along_flow(
    own: JointEstimate, other: JointEstimate, flow: FlowField, grid: CellGrid, other_grid: CellGrid
) -> JointEstimate:
    """A frame's keypoints, fused with those of another frame, which the flow carries to it.

    Args:
        own, other: of the frame, and of the other frame.
        flow: from the frame's cells to the other's.
        grid, other_grid: these cells.
    """
    motion_K2, trust_K = motion_at(own.keypoint_K3[:, :2], flow, grid, other_grid)
    change_K3 = other.keypoint_K3 - own.keypoint_K3
    change_K3[:, :2] -= motion_K2
    away_K = np.linalg.norm(change_K3[:, :2], axis=1) / (GATE_SHARE * grid.height * grid.step)
    gain_K = np.minimum(other.weight_K * trust_K, MOST_RATIO * own.weight_K) * np.exp(-np.square(away_K))
    total_K = own.weight_K + gain_K
    share_K = np.divide(gain_K, total_K, out=np.zeros_like(total_K), where=own.weight_K > 0)
    return JointEstimate(
        keypoint_K3=(own.keypoint_K3 + share_K[:, None] * change_K3).astype(np.float32),
        weight_K=total_K.astype(np.float32),
    )


def motion_at(place_K2: F32, flow: FlowField, grid: CellGrid, other_grid: CellGrid) -> tuple[Float, Float]:
    """How far places move to the other frame, in pixels, (K, 2), and the flow's trust there: 0 outside of the grid."""
    corner_2, other_corner_2 = (np.array([one.x0, one.y0]) for one in (grid, other_grid))
    cell_K2 = np.floor((place_K2 - corner_2) / grid.step).astype(np.int64)
    inside_K = ((cell_K2 >= 0) & (cell_K2 < (grid.width, grid.height))).all(axis=1)
    column_K, row_K = np.where(inside_K[:, None], cell_K2, 0).T
    there_K2 = np.stack([flow.x_hw[row_K, column_K], flow.y_hw[row_K, column_K]], axis=1)
    here_K2 = (np.stack([column_K, row_K], axis=1) + 0.5) * grid.step + corner_2
    motion_K2 = (there_K2 + 0.5) * other_grid.step + other_corner_2 - here_K2
    return motion_K2, np.where(inside_K, flow.trust_hw[row_K, column_K], 0)
