"""Non-maximum suppression of people's boxes: NMS of nearly equal boxes, then soft-NMS of those that overlap."""

from __future__ import annotations

import cv2
import numpy as np

from models.arrays import F32, I64


def hard_nms(box_N4: F32, score_N: F32, iou_threshold: float) -> I64:
    """Indices of the boxes that non-maximum suppression keeps, best score first."""
    kept = cv2.dnn.NMSBoxes(_rectangles(box_N4).tolist(), score_N.tolist(), 0.0, iou_threshold)
    return np.asarray(kept, np.int64).reshape(-1)


def soft_nms(box_N4: F32, score_N: F32, sigma: float, min_score: float) -> tuple[I64, F32]:
    """Soft-NMS (Bodla et al., ICCV 2017): each box with a higher score multiplies a score by exp(-IoU² / sigma).

    Two people whose boxes overlap both stay; the score of the less confident one falls.

    Returns: indices of the boxes whose lowered scores stay above `min_score`, best first, and these scores.
    """
    sixteenth_N4 = np.round(16 * _rectangles(box_N4)).astype(int)  # OpenCV takes integers here
    score_K, kept = cv2.dnn.softNMSBoxes(sixteenth_N4.tolist(), score_N.tolist(), min_score, 1.0, sigma=sigma)
    return np.asarray(kept, np.int64).reshape(-1), np.asarray(score_K, np.float32).reshape(-1)


def hard_then_soft_nms(
    box_N4: F32, score_N: F32, *, iou_threshold: float, sigma: float, min_score: float
) -> tuple[I64, F32]:
    """`hard_nms`, then `soft_nms` of the kept boxes: their indices, best first, and their lowered scores."""
    kept = hard_nms(box_N4, score_N, iou_threshold)
    still_kept, score_K = soft_nms(box_N4[kept], score_N[kept], sigma, min_score)
    return kept[still_kept], score_K


def _rectangles(box_N4: F32) -> F32:
    """Boxes as x0, y0, width, height."""
    return np.concatenate([box_N4[:, :2], box_N4[:, 2:] - box_N4[:, :2]], 1)
