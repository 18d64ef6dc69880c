"""Which pixels of a person annotators are asked about: k-means centres of each coarse part (DensePose paper, §2.1)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from models.arrays import U8
from stages.annotations.densepose_coco import MASK_SIDE, PART_MASKS

Rng = np.random.Generator

MAX_POINTS_PER_PART = 14
"""As in the paper, §2.1."""
CELLS_PER_POINT = 130
"""A part gets one point for so many cells of the 256 × 256 grid over the box: small parts get fewer points."""
CLUSTERED_PIXELS = 3000
"""k-means clusters at most this many pixels of a part: more cost time and change nothing else."""

POINT_RANGE = 255.0
"""Points' coordinates run from 0 to 255 over the box (DensePose-COCO)."""

def resample_to_box_grid(coarse_hw: U8) -> U8:
    """Coarse labels on the 256 × 256 grid over the box: those of the pixel under each cell's centre."""
    height, width = coarse_hw.shape
    centre = (np.arange(MASK_SIDE) + 0.5) / MASK_SIDE
    return coarse_hw[np.ix_((centre * height).astype(int), (centre * width).astype(int))]


def spread_points(
    coarse_hw: U8, cells_15: npt.NDArray[np.integer[Any]], rng: Rng
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows and columns (M) of the annotated pixels: the k-means centres of each part, moved to its nearest pixel.

    Args:
        coarse_hw: coarse labels of the person's visible pixels.
        cells_15: number of grid cells of each part, which decides its number of points: 1..`MAX_POINTS_PER_PART`.
    """
    found = []
    for part in range(1, PART_MASKS + 1):
        pixel_K2 = np.argwhere(coarse_hw == part)
        if not len(pixel_K2):
            continue
        wanted = int(np.clip(round(cells_15[part] / CELLS_PER_POINT), 1, min(MAX_POINTS_PER_PART, len(pixel_K2))))
        chosen = pixel_K2
        if len(chosen) > CLUSTERED_PIXELS:
            chosen = chosen[np.sort(rng.choice(len(chosen), CLUSTERED_PIXELS, replace=False))]
        centre_P2, _ = kmeans2(chosen.astype(np.float64), wanted, minit="++", seed=rng)
        nearest = ((pixel_K2[None] - centre_P2[:, None]) ** 2).sum(-1).argmin(axis=1)
        found.append(pixel_K2[np.unique(nearest)])
    point_M2 = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    return point_M2[:, 0], point_M2[:, 1]


def in_succession(point_M2: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The points (row, column) in the order of the axis along which they reach further.

    Neighbours on the image then follow each other, so that an annotator's clicks move over the body in one direction.
    """
    if not len(point_M2):
        return point_M2
    reach_2 = np.ptp(point_M2, axis=0)
    main = int(reach_2[1] > reach_2[0])
    return point_M2[np.lexsort((point_M2[:, 1 - main], point_M2[:, main]))]
