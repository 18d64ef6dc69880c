"""Matching of detections with annotated people by IoU, and point errors of an image (Güler et al. 2018, §4.1)."""

from __future__ import annotations

import numpy as np

from models.arrays import I64, Float, Int
from models.metrics.instances import ImageInstances, point_errors
from models.metrics.masks import box_overlaps
from models.surface.geometry import Geometry

LEAST_IOU = 0.5


def match_by_iou(iou_DG: Float, score_D: Float, least: float = LEAST_IOU) -> I64:
    """For each true person the matched detection, or -1 for a missed person.

    In the order of their scores, detections take the free person with the highest IoU, if it is at least `least`.

    Args:
        iou_DG: IoU of detected and true boxes.
        score_D: scores of the detections.
        least: minimum IoU.

    Returns:
        (G,) rows of `iou_DG`.
    """
    match_G = np.full(iou_DG.shape[1], -1, np.int64)
    for d in np.argsort(-score_D, kind="stable"):
        free_G = np.where((match_G < 0) & (iou_DG[d] >= least), iou_DG[d], -1.0)
        if free_G.size and free_G.max() >= least:
            match_G[free_G.argmax()] = d
    return match_G


def match_people(image: ImageInstances) -> I64:
    """`match_by_iou` for the people of an image, for detected boxes. (Given boxes match by index.)"""
    found_D4, true_G4 = (np.array([one.box_4 for one in side]).reshape(-1, 4) for side in (image.found, image.true))
    crowd_G = np.zeros(len(true_G4), bool)
    score_D = np.array([one.score for one in image.found])
    return match_by_iou(box_overlaps(found_D4, true_G4, crowd_G), score_D)


def image_errors(geometry: Geometry, image: ImageInstances, match_G: Int) -> tuple[Float, Int]:
    """Errors of all annotated points of an image; errors of missed people are infinite.

    Args:
        geometry: of the body.
        image: people of one image.
        match_G: index of the matched detection for each person, -1 for a missed person.

    Returns:
        Metres (M,) and true charts (M,) of all people with points.
    """
    errors: list[Float] = [np.zeros(0)]
    charts: list[Int] = [np.zeros(0, np.int64)]
    for true, d in zip(image.true, match_G, strict=True):
        if true.points is not None:
            errors.append(point_errors(geometry, true, image.found[d] if d >= 0 else None))
            charts.append(true.points.chart_M)
    return np.concatenate(errors), np.concatenate(charts)
