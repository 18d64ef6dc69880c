"""Part of joint: the share of visible COCO keypoints on a chart that touches the joint, on the correct side."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.arrays import I64, Bool, Float
from models.body.charts import CHARTS_AT_JOINT
from models.structures import SurfaceMap

VISIBLE = 2
"""COCO's visibility of a keypoint that is labelled and visible."""


def charts_under(surface: SurfaceMap, point_K2: Float) -> I64:
    """Chart (K,) 0..24 at points (x, y) in frame pixels; 0 outside of the person's grid."""
    cell_K2 = np.floor(point_K2).astype(np.int64) - (surface.x0, surface.y0)
    limit = np.array(surface.labels_hw.shape[::-1])
    inside_K = ((cell_K2 >= 0) & (cell_K2 < limit)).all(axis=1)
    x_K, y_K = cell_K2.clip(0, limit - 1).T
    return np.where(inside_K, surface.labels_hw[y_K, x_K], 0).astype(np.int64)


def part_of_joint(
    surface: SurfaceMap | None, keypoint_173: npt.NDArray[Any]
) -> tuple[Bool, Bool]:
    """Masks (17,) bool of a person's keypoints: on a right chart; visible, so that they count.

    Args:
        surface: of the matched detection; None for a missed person, whose keypoints are all wrong.
        keypoint_173: x, y, visibility as in COCO.
    """
    visible_17 = keypoint_173[:, 2] == VISIBLE
    if surface is None:
        return np.zeros(17, bool), visible_17
    chart_17 = charts_under(surface, keypoint_173[:, :2])
    right = [int(chart) in charts for chart, charts in zip(chart_17, CHARTS_AT_JOINT.values(), strict=True)]
    return np.array(right) & visible_17, visible_17
