"""Skin between the mesh and a wider silhouette: clothes and hair continue the body beside them."""

from __future__ import annotations

import math
from dataclasses import replace

import cv2
import numpy as np
from scipy.spatial import cKDTree

from models.arrays import U8, Index
from models.body.charts import COARSE_NAMES, COARSE_OF_CHART
from models.painting.mesh_image import AROUND, MeshImage

REACH_M = 0.12
"""Distance up to which a limb is continued where another limb is nearer, metres."""
LEAST_PIXELS = 12
"""Fewer pixels of a limb show the nearest face of any limb."""


def _limbs() -> U8:
    """Limb of each label 0..24: 0 none, 1 trunk, 2 head, 3 and 4 arms, 5 and 6 legs."""
    limb_of_name = {"torso": 1, "head": 2}
    for name in COARSE_NAMES[1:]:
        side, _, part = name.partition(" ")
        if part:
            limb_of_name[name] = (3 if "arm" in part or "hand" in part else 5) + (side == "right")
    return np.array([0, *(limb_of_name[name] for name in COARSE_NAMES[1:])], np.uint8)[COARSE_OF_CHART]


LIMB_OF_LABEL = np.resize(_limbs(), 256)
JOINED_77 = np.eye(7, dtype=bool)
"""Limbs that continue each other. An arm hangs beside the trunk and is not continued by it."""
for _limb in (2, 5, 6):
    JOINED_77[1, _limb] = JOINED_77[_limb, 1] = True


def filled(image: MeshImage, own_hw: U8, wanted_hw: U8, metre_px: float) -> MeshImage:
    """The image whose gaps show the nearest face of the same limb.

    Where the network sees a limb that the mesh does not show within `REACH_M`, the nearest face of any limb is shown.

    Args:
        image: the mesh.
        own_hw: the network's labels on the same grid.
        wanted_hw: where gaps are filled.
        metre_px: pixels of the grid that a metre of the body spans.
    """
    empty_hw = image.labels_hw == 0
    gap_K = np.flatnonzero(empty_hw & (wanted_hw > 0))
    if not len(gap_K):
        return image
    source_K = _nearest(empty_hw.view(np.uint8), gap_K)
    limb_hw = np.asarray(cv2.LUT(image.labels_hw, LIMB_OF_LABEL), np.uint8)
    limb_K = LIMB_OF_LABEL[own_hw.reshape(-1)[gap_K]]
    strange_K = (limb_K > 0) & ~JOINED_77[limb_K, limb_hw.reshape(-1)[source_K]]
    reach = math.ceil(REACH_M * metre_px)
    for limb in np.flatnonzero(np.bincount(limb_K[strange_K]) >= LEAST_PIXELS).tolist():
        asked = np.flatnonzero(strange_K & (limb_K == limb))
        row_K, column_K = np.divmod(gap_K[asked], own_hw.shape[1])
        top, left = (max(int(at_K.min()) - reach, 0) for at_K in (row_K, column_K))
        window = slice(top, int(row_K.max()) + reach + 1), slice(left, int(column_K.max()) + reach + 1)
        other_hw = np.asarray(cv2.LUT(limb_hw[window], np.resize(~JOINED_77[limb], 256).view(np.uint8)), np.uint8)
        # Pixels inside of a limb are never the nearest.
        rim_R2 = np.argwhere(cv2.bitwise_and(cv2.dilate(other_hw, AROUND), 1 - other_hw) != 0)
        if not len(rim_R2):
            continue
        asked_K2 = np.stack([row_K - top, column_K - left], axis=1)
        away, found = cKDTree(rim_R2).query(asked_K2, distance_upper_bound=reach)
        near = np.isfinite(away)
        source_K[asked[near]] = (rim_R2[found[near]] + (top, left)) @ (own_hw.shape[1], 1)
    labels_hw, uv_2hw = image.labels_hw.copy(), image.uv_2hw.copy()
    labels_hw.reshape(-1)[gap_K] = labels_hw.reshape(-1)[source_K]
    for axis_hw in uv_2hw:
        axis_hw.reshape(-1)[gap_K] = axis_hw.reshape(-1)[source_K]
    return replace(image, labels_hw=labels_hw, uv_2hw=uv_2hw)


def _nearest(empty_hw: U8, gap_K: Index) -> Index:
    """The nearest pixel that is not empty of each of K pixels."""
    _, number_hw = cv2.distanceTransformWithLabels(empty_hw, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    # The transform numbers the pixels without distance in an order of its own.
    shown = np.flatnonzero(empty_hw == 0)
    pixel_N = np.zeros(len(shown) + 1, np.intp)
    pixel_N[number_hw.reshape(-1)[shown]] = shown
    return pixel_N[number_hw.reshape(-1)[gap_K]]
