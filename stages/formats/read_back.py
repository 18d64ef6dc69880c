"""Surfaces from pictures of IUV: our own, and those of the tools that DensePose's users have."""

from __future__ import annotations

import numpy as np

from models.surface.charts import CHART_NAMES
from pipeline.stage import StageError
from stages.payloads import U8, Surface

LAST_CHART = len(CHART_NAMES) - 1


def surface_of_iuv(rgb_HW3: U8, where: str) -> Surface | None:
    """Everyone in an IUV picture as one surface; None where nobody is.

    The chart is in the last channel of RGB, as DensePose writes it (BGR = chart, U, V), or, as some data sets have it,
    in the first (RGB = chart, U, V): whichever holds nothing over 24. U and V are the middle of their steps, so that
    they become the same bytes again.

    Raises StageError naming `where`: a picture with charts over 24, which is none of IUV or was stored with loss.
    """
    last, first = rgb_HW3[..., 2], rgb_HW3[..., 0]
    if last.max(initial=0) <= LAST_CHART:
        labels_HW, u_HW, v_HW = last, rgb_HW3[..., 1], first
    elif first.max(initial=0) <= LAST_CHART:
        labels_HW, u_HW, v_HW = first, rgb_HW3[..., 1], last
    else:
        remedy = "name a folder that --export surfaces=FOLDER wrote, or a PNG or lossless film of IUV"
        raise StageError("is no picture of IUV: no channel holds charts 0 to 24", where, remedy)
    rows, columns = np.flatnonzero(labels_HW.any(axis=1)), np.flatnonzero(labels_HW.any(axis=0))
    if not len(rows):
        return None
    grid = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    labels_hw = np.ascontiguousarray(labels_HW[grid])
    uv_2hw = (np.stack([u_HW[grid], v_HW[grid]]) + np.float32(0.5)) / np.float32(255)
    return Surface(x0=int(columns[0]), y0=int(rows[0]), labels_hw=labels_hw, uv_2hw=np.where(labels_hw > 0, uv_2hw, 0))
