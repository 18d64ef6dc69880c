"""Detections ranked as in COCO's average precision, so that it can be computed for draws of images.

`coco_ap` computes the same numbers with pycocotools, once for all images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.arrays import Bool, Float
from models.metrics.average_precision import ImageVerdicts, Ranking, ranking
from models.metrics.densepose_matching import Candidates, Verdicts, match_at

MAX_BOXES, MAX_KEYPOINTS = 100, 20
"""Detections per image that count in COCO's AP of boxes and of keypoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedImage:
    """Detections of one image compared with its annotated people and crowds by IoU or OKS.

    Attributes:
        value_DG: of the best D detections, best first.
        score_D: their scores.
        counts_G: people that count; detections of others, and of crowds, are ignored.
        crowd_G: regions of many people.
    """

    value_DG: Float
    score_D: Float
    counts_G: Bool
    crowd_G: Bool


def coco_ranking(images: Sequence[ComparedImage], threshold_T: Float) -> Ranking:
    """Match the detections of each image greedily, as COCO does, and rank those of all images (at least one)."""
    return ranking([_verdicts(one, threshold_T) for one in images])


def _verdicts(one: ComparedImage, threshold_T: Float) -> ImageVerdicts:
    outside_D = np.zeros(len(one.score_D), bool)
    candidates = Candidates(
        value_DG=one.value_DG,
        box_iou_DG=one.value_DG,
        ignored_G=~one.counts_G,
        crowd_G=one.crowd_G,
        outside_D=outside_D,
    )
    match_TD = np.stack([match_at(candidates, float(threshold))[0] for threshold in threshold_T])
    matched_TD = match_TD >= 0
    ignored_TD = matched_TD & np.append(~one.counts_G, False)[match_TD]
    verdicts = Verdicts(matched_TD=matched_TD, ignored_TD=ignored_TD)
    return ImageVerdicts(score_D=one.score_D, verdicts=verdicts, people=int(one.counts_G.sum()))
