"""Part of joint: is the chart under a visible COCO keypoint one that touches that joint, side included?"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.structures import SurfaceMap
from models.surface.charts import CHARTS_AT_JOINT
from models.surface.geometry import Float

VISIBLE = 2
"""COCO's mark of a keypoint that is labelled and seen."""


def charts_under(surface: SurfaceMap, point_K2: Float) -> npt.NDArray[np.int64]:
    """The chart (0..24) at points (x, y) in pixels of the frame; 0 outside the person's grid: (K,)."""
    cell_K2 = np.floor(point_K2).astype(np.int64) - (surface.x0, surface.y0)
    limit = np.array(surface.labels_hw.shape[::-1])
    inside_K = ((cell_K2 >= 0) & (cell_K2 < limit)).all(axis=1)
    x_K, y_K = cell_K2.clip(0, limit - 1).T
    return np.where(inside_K, surface.labels_hw[y_K, x_K], 0).astype(np.int64)


def part_of_joint(
    surface: SurfaceMap | None, keypoint_173: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which keypoints of a person have a right chart, and which are visible and so count: (17,) bool each.

    Args:
        surface: who was found for the person; None for a missed person, who has nothing right.
        keypoint_173: x, y, visibility as COCO has them.
    """
    visible_17 = keypoint_173[:, 2] == VISIBLE
    if surface is None:
        return np.zeros(17, bool), visible_17
    chart_17 = charts_under(surface, keypoint_173[:, :2])
    right = [int(chart) in charts for chart, charts in zip(chart_17, CHARTS_AT_JOINT.values(), strict=True)]
    return np.array(right) & visible_17, visible_17
