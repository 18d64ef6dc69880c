"""Who answers for whom where people were detected: by boxes, best score first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.metrics.geometry import Float

LEAST_IOU = 0.5


def answering(iou_DG: Float, score_D: Float, least: float = LEAST_IOU) -> npt.NDArray[np.int64]:
    """For each true person the detection that answers, or -1 for a missed person.

    Detections choose in the order of their scores, each the free person it overlaps most, if by at least `least`.

    Args:
        iou_DG: overlap of detected and true boxes.
        score_D: of the detections.
        least: smallest overlap that counts.

    Returns:
        (G,) rows of `iou_DG`.
    """
    answer_G = np.full(iou_DG.shape[1], -1, np.int64)
    for d in np.argsort(-score_D, kind="stable"):
        free_G = np.where((answer_G < 0) & (iou_DG[d] >= least), iou_DG[d], -1.0)
        if free_G.size and free_G.max() >= least:
            answer_G[free_G.argmax()] = d
    return answer_G
