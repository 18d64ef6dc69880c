"""Precision over recall from verdicts on detections, COCO's way (101 recalls, monotone precision)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics.densepose_matching import Verdicts
from models.surface.geometry import Float

RECALL_R: Float = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureVerdicts:
    """One picture: scores of its detections, the verdicts on them, and how many people count."""

    score_D: Float
    verdicts: Verdicts
    people: int


def precision_and_recall(pictures: Sequence[PictureVerdicts]) -> tuple[Float, Float] | None:
    """Precision at the 101 recalls (T, 101) and the greatest recall (T,), or None where nobody counts.

    Detections of equal score keep the order of the pictures.
    """
    people = sum(picture.people for picture in pictures)
    if not people:
        return None
    order = np.argsort(-np.concatenate([picture.score_D for picture in pictures]), kind="stable")
    matched_TD = np.concatenate([picture.verdicts.matched_TD for picture in pictures], axis=1)[:, order]
    counts_TD = ~np.concatenate([picture.verdicts.ignored_TD for picture in pictures], axis=1)[:, order]
    right_TD = np.cumsum(matched_TD & counts_TD, axis=1).astype(np.float64)
    wrong_TD = np.cumsum(~matched_TD & counts_TD, axis=1).astype(np.float64)
    curves = [sampled(right_D / people, right_D / (right_D + wrong_D + np.spacing(1)))
              for right_D, wrong_D in zip(right_TD, wrong_TD, strict=True)]
    recall_T = right_TD[:, -1] / people if len(order) else np.zeros(len(right_TD))
    return np.stack(curves), recall_T


def sampled(recall_D: Float, precision_D: Float) -> Float:
    """The best precision at each of the 101 recalls or beyond; 0 beyond the greatest recall: (101,)."""
    monotone_D = np.maximum.accumulate(precision_D[::-1])[::-1]
    return np.append(monotone_D, 0.0)[np.searchsorted(recall_D, RECALL_R, side="left")]
