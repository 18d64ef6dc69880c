"""Maps of one region of a frame on the grid of another, nearly equal one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.light.assembly import nearest

F32 = npt.NDArray[Any]


def moved_maps(maps_5GG: F32, region_4: F32, to_4: F32) -> F32:
    """What `PickedSurface` says of a region, on the grid of another: the person's logit bilinear, the rest the nearest.

    Beyond the region it stays as at its edge.

    Args:
        maps_5GG: of the region.
        region_4: x0, y0, x1, y1 in pixels of the frame.
        to_4: the other region.
    """
    cells = maps_5GG.shape[-1]
    step_2 = (to_4[2:] - to_4[:2]) / (region_4[2:] - region_4[:2])
    start_2 = (to_4[:2] - region_4[:2]) / (region_4[2:] - region_4[:2]) * cells + step_2 / 2 - 0.5
    matrix_23 = np.array([[step_2[0], 0, start_2[0]], [0, step_2[1], start_2[1]]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    person_GG = cv2.warpAffine(maps_5GG[0], matrix_23, (cells, cells), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    column_G, row_G = nearest(start_2[:, None] + step_2[:, None] * np.arange(cells), cells)
    return np.concatenate([person_GG[None], maps_5GG[1:, row_G][:, :, column_G]])
