"""The locations at which the detector predicts, as in FCOS (Tian et al., ICCV 2019), and boxes from the predicted
distances.

Without torch: processes that only detect people do not import it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from models.arrays import F32, Float

STRIDES = (8, 16, 32)


@cache
def detector_locations(height: int, width: int) -> tuple[F32, F32]:
    """Centres (P, 2) in pixels and strides (P) of the locations of an image of this size, float32."""
    centres, strides = [], []
    for stride in STRIDES:
        y, x = np.mgrid[: height // stride, : width // stride]
        centres.append((np.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride)
        strides.append(np.full(len(centres[-1]), stride))
    return np.concatenate(centres).astype(np.float32), np.concatenate(strides).astype(np.float32)


def boxes_from_distances(distance_P4: Float, centre_P2: F32, stride_P: F32) -> Float:
    """Boxes x0, y0, x1, y1 in pixels (P, 4). `distance_P4`: logarithms of the distances to the four sides, in units of
    the stride. The same as `detector.decode_boxes`, but without torch."""
    reach_P4 = np.exp(np.clip(distance_P4, -4, 5)) * stride_P[:, None]
    return np.concatenate([centre_P2 - reach_P4[:, :2], centre_P2 + reach_P4[:, 2:]], 1)
