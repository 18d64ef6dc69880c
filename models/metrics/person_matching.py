"""Who answers for whom where people were detected, and the errors of all points of a picture then (paper §4.1)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.metrics.instances import ImageInstances, point_errors
from models.metrics.masks import box_overlaps
from models.surface.geometry import Float, Geometry, Int

LEAST_IOU = 0.5


def match_by_iou(iou_DG: Float, score_D: Float, least: float = LEAST_IOU) -> npt.NDArray[np.int64]:
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


def match_people(picture: ImageInstances) -> npt.NDArray[np.int64]:
    """`match_by_iou` for the people of a picture: the multi-person protocol. (With given boxes, i answers for i.)"""
    found_D4, true_G4 = (np.array([one.box_4 for one in side]).reshape(-1, 4) for side in (picture.found, picture.true))
    nobody_is_a_crowd = np.zeros(len(true_G4), bool)
    score_D = np.array([one.score for one in picture.found])
    return match_by_iou(box_overlaps(found_D4, true_G4, nobody_is_a_crowd), score_D)


def image_errors(geometry: Geometry, picture: ImageInstances, answer_G: Int) -> tuple[Float, Int]:
    """Errors of all annotated points of a picture; those of missed people are infinite.

    Args:
        geometry: the body.
        picture: people of one picture.
        answer_G: which of the found instances answers for each person, -1 for a missed one.

    Returns:
        metres (M,) and true charts (M,), person after person, without people that have no points.
    """
    errors: list[Float] = [np.zeros(0)]
    charts: list[Int] = [np.zeros(0, np.int64)]
    for true, d in zip(picture.true, answer_G, strict=True):
        if true.points is not None:
            errors.append(point_errors(geometry, true, picture.found[d] if d >= 0 else None))
            charts.append(true.points.chart_M)
    return np.concatenate(errors), np.concatenate(charts)
