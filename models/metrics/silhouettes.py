"""How well a predicted silhouette fits the true one: IoU, area, boundary, and where the wrong pixels lie."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.arrays import Bool, Float

NEAR_SHARE = 0.02
"""Pixels within this share of the person's height are at the rim; within this share of the diagonal of the box they
belong to the boundary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilhouetteFit:
    """A predicted silhouette against the true one.

    Attributes:
        iou: of the two silhouettes.
        area_ratio: predicted area over true area.
        boundary_iou, boundary_f: see the functions of these names.
        spill_people, spill_rim, spill_far: predicted pixels outside of the true silhouette: on other annotated people;
            elsewhere within 2 % of the person's height from the true rim; farther away. Shares of the true area.
        missed_rim, missed_inside: true pixels that are not predicted, within 2 % of the height from the true rim, and
            farther inside. Shares of the true area.
        area: true area in pixels.
    """

    iou: float
    area_ratio: float
    boundary_iou: float
    boundary_f: float
    spill_people: float
    spill_rim: float
    spill_far: float
    missed_rim: float
    missed_inside: float
    area: float


def silhouette_fit(found_HW: Bool, true_HW: Bool, others_HW: Bool, width: float, height: float) -> SilhouetteFit:
    """Compare two silhouettes of one image.

    Args:
        found_HW, true_HW: predicted and true silhouette; the true one is not empty.
        others_HW: pixels of all other annotated people.
        width, height: of the person's true box, in pixels.
    """
    window = window_of(found_HW | true_HW)
    found_hw, true_hw, others_hw = (np.ascontiguousarray(one[window]) for one in (found_HW, true_HW, others_HW))
    area = float(true_hw.sum())
    spilt_hw, missed_hw = found_hw & ~true_hw, true_hw & ~found_hw
    reach = NEAR_SHARE * height
    near_out_hw, near_in_hw = distance_to(true_hw) <= reach, depth_in(true_hw) <= reach
    tolerance = max(NEAR_SHARE * float(np.hypot(width, height)), 1.0)
    parts = {
        "spill_people": spilt_hw & others_hw,
        "spill_rim": spilt_hw & ~others_hw & near_out_hw,
        "spill_far": spilt_hw & ~others_hw & ~near_out_hw,
        "missed_rim": missed_hw & near_in_hw,
        "missed_inside": missed_hw & ~near_in_hw,
    }
    return SilhouetteFit(
        iou=overlap(found_hw, true_hw),
        area_ratio=float(found_hw.sum()) / area,
        boundary_iou=boundary_iou(found_hw, true_hw, tolerance),
        boundary_f=boundary_f(found_hw, true_hw, tolerance),
        area=area,
        **{name: float(one.sum()) / area for name, one in parts.items()},
    )


def boundary_iou(found_HW: Bool, true_HW: Bool, reach: float) -> float:
    """IoU of the pixels of each silhouette within `reach` pixels of its own boundary (Cheng et al., CVPR 2021).

    The paper's reach is 2 % of the image's diagonal. Here callers give 2 % of the diagonal of the person's box, so that
    the measure does not depend on how large a person is in the image. The image's edge is a boundary, as in the paper.
    """
    return overlap(inner_band(found_HW, reach), inner_band(true_HW, reach))


def boundary_f(found_HW: Bool, true_HW: Bool, reach: float) -> float:
    """F measure of the boundaries (Perazzi et al., DAVIS, CVPR 2016): harmonic mean of precision and recall.

    A boundary pixel is right if the other boundary is within `reach` pixels. DAVIS takes .8 % of the image's diagonal;
    here callers give 2 % of the diagonal of the person's box. 0 for an empty silhouette.
    """
    found_edge_HW, true_edge_HW = inner_band(found_HW, 1.0), inner_band(true_HW, 1.0)
    if not found_edge_HW.any() or not true_edge_HW.any():
        return 0.0
    precision = float((distance_to(true_edge_HW)[found_edge_HW] <= reach).mean())
    recall = float((distance_to(found_edge_HW)[true_edge_HW] <= reach).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def inner_band(mask_HW: Bool, reach: float) -> Bool:
    """The pixels of a mask within `reach` pixels of the outside; what lies beyond the array is outside."""
    return mask_HW & (depth_in(mask_HW) <= reach)


def depth_in(mask_HW: Bool) -> Float:
    """Distance of each pixel of a mask to the outside, at least 1; 0 for other pixels."""
    return distance_to(~np.pad(mask_HW, 1))[1:-1, 1:-1]


def distance_to(mask_HW: Bool) -> Float:
    """Distance of each pixel to the nearest pixel of a mask, in pixels; infinite for an empty mask."""
    if not mask_HW.any():
        return np.full(mask_HW.shape, np.inf)
    return np.asarray(cv2.distanceTransform((~mask_HW).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def overlap(one_HW: Bool, other_HW: Bool) -> float:
    """IoU of two masks; 0 for two empty ones.

    >>> round(overlap(np.array([[True, True, False]]), np.array([[False, True, True]])), 3)
    0.333
    """
    union = int((one_HW | other_HW).sum())
    return float((one_HW & other_HW).sum()) / union if union else 0.0


def window_of(mask_HW: Bool) -> tuple[slice, slice]:
    """Rows and columns of the smallest window that holds a mask."""
    rows, columns = np.flatnonzero(mask_HW.any(axis=1)), np.flatnonzero(mask_HW.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
