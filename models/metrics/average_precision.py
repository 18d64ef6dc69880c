"""Precision over recall from verdicts on detections, COCO's way (101 recalls, monotone precision)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.metrics.densepose_matching import Bool, Verdicts
from models.surface.geometry import Float, Int

RECALL_R: Float = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerdicts:
    """One picture: scores of its detections, the verdicts on them, and how many people count."""

    score_D: Float
    verdicts: Verdicts
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The detections of all pictures, best score first; those of equal score keep the order of the pictures.

    Attributes:
        right_TD, wrong_TD: that it answers for somebody who counts; that it should not be there.
        picture_D: whose detection it is.
        people_P: people that count, by picture.
    """

    right_TD: Bool
    wrong_TD: Bool
    picture_D: Int
    people_P: Int

    def curves(self, weight_P: Int) -> tuple[Float, Float] | None:
        """Precision at the 101 recalls (T, 101) and the greatest recall (T,), or None where nobody counts.

        Args:
            weight_P: how many times each picture is there: once, or as often as it was drawn (bootstrap).
        """
        people = int((self.people_P * weight_P).sum())
        if not people:
            return None
        weight_D = weight_P[self.picture_D]
        right_TD = np.cumsum(self.right_TD * weight_D, axis=1, dtype=np.float64)
        wrong_TD = np.cumsum(self.wrong_TD * weight_D, axis=1, dtype=np.float64)
        curves = [sampled(right_D / people, right_D / (right_D + wrong_D + np.spacing(1)))
                  for right_D, wrong_D in zip(right_TD, wrong_TD, strict=True)]
        recall_T = right_TD[:, -1] / people if right_TD.shape[1] else np.zeros(len(right_TD))
        return np.stack(curves), recall_T


def ranking(pictures: Sequence[ImageVerdicts]) -> Ranking:
    """The detections of pictures (at least one) in one list."""
    order = np.argsort(-np.concatenate([picture.score_D for picture in pictures]), kind="stable")
    matched_TD = np.concatenate([picture.verdicts.matched_TD for picture in pictures], axis=1)[:, order]
    counts_TD = ~np.concatenate([picture.verdicts.ignored_TD for picture in pictures], axis=1)[:, order]
    picture_D = np.repeat(np.arange(len(pictures)), [len(picture.score_D) for picture in pictures])
    return Ranking(
        right_TD=matched_TD & counts_TD, wrong_TD=~matched_TD & counts_TD, picture_D=picture_D[order],
        people_P=np.array([picture.people for picture in pictures], np.int64),
    )


def precision_and_recall(pictures: Sequence[ImageVerdicts]) -> tuple[Float, Float] | None:
    """Precision at the 101 recalls (T, 101) and the greatest recall (T,), or None where nobody counts."""
    return ranking(pictures).curves(np.ones(len(pictures), np.int64)) if len(pictures) else None


def sampled(recall_D: Float, precision_D: Float) -> Float:
    """The best precision at each of the 101 recalls or beyond; 0 beyond the greatest recall: (101,)."""
    monotone_D = np.maximum.accumulate(precision_D[::-1])[::-1]
    return np.append(monotone_D, 0.0)[np.searchsorted(recall_D, RECALL_R, side="left")]
