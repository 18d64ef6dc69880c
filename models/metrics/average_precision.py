"""Precision and recall from matched detections as in COCO: 101 recalls, monotone precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from models.arrays import Bool, Float, Int
from models.metrics.bootstrap import DEFAULT_DRAWS
from models.metrics.densepose_matching import Verdicts

RECALL_R: Float = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageVerdicts:
    """One image: scores of its detections, their verdicts, and the number of people that count."""

    score_D: Float
    verdicts: Verdicts
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The detections of all images, best score first; detections with equal scores keep the order of the images.

    Attributes:
        right_TD, wrong_TD: true and false positives by threshold and detection.
        image_D: image of each detection.
        people_P: number of people that count in each image.
    """

    right_TD: Bool
    wrong_TD: Bool
    image_D: Int
    people_P: Int

    def curves(self, weight_P: Int) -> tuple[Float, Float] | None:
        """Precision at the 101 recalls (T, 101) and the greatest recall (T,); None if no person counts.

        Args:
            weight_P: number of times that each image counts: 1, or its count in a bootstrap sample.
        """
        people = int((self.people_P * weight_P).sum())
        if not people:
            return None
        weight_D = weight_P[self.image_D]
        right_TD = np.cumsum(self.right_TD * weight_D, axis=1, dtype=np.float64)
        wrong_TD = np.cumsum(self.wrong_TD * weight_D, axis=1, dtype=np.float64)
        curves = [sampled(right_D / people, right_D / (right_D + wrong_D + np.spacing(1)))
                  for right_D, wrong_D in zip(right_TD, wrong_TD, strict=True)]
        recall_T = right_TD[:, -1] / people if right_TD.shape[1] else np.zeros(len(right_TD))
        return np.stack(curves), recall_T


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """Average precision or recall of ranked detections, to be computed for draws of images (`bootstrap.Sample`)."""

    ranking: Ranking
    what: Literal["precision", "recall"]
    draws: int = DEFAULT_DRAWS

    @property
    def count(self) -> int:
        """Number of images."""
        return len(self.ranking.people_P)

    def at(self, pick_NP: Int) -> Float:
        """The mean over thresholds for each draw; nan if no person counts."""
        found = [self.ranking.curves(np.bincount(one, minlength=self.count)) for one in pick_NP]
        part = 0 if self.what == "precision" else 1
        return np.array([float("nan") if one is None else float(one[part].mean()) for one in found])


def ranking(images: Sequence[ImageVerdicts]) -> Ranking:
    """Rank the detections of all images (at least one)."""
    order = np.argsort(-np.concatenate([image.score_D for image in images]), kind="stable")
    matched_TD = np.concatenate([image.verdicts.matched_TD for image in images], axis=1)[:, order]
    counts_TD = ~np.concatenate([image.verdicts.ignored_TD for image in images], axis=1)[:, order]
    image_D = np.repeat(np.arange(len(images)), [len(image.score_D) for image in images])
    return Ranking(
        right_TD=matched_TD & counts_TD, wrong_TD=~matched_TD & counts_TD, image_D=image_D[order],
        people_P=np.array([image.people for image in images], np.int64),
    )


def precision_and_recall(images: Sequence[ImageVerdicts]) -> tuple[Float, Float] | None:
    """Precision at the 101 recalls (T, 101) and the greatest recall (T,); None if no person counts."""
    return ranking(images).curves(np.ones(len(images), np.int64)) if len(images) else None


def sampled(recall_D: Float, precision_D: Float) -> Float:
    """Best precision at or above each of the 101 recalls; 0 above the greatest recall: (101,)."""
    monotone_D = np.maximum.accumulate(precision_D[::-1])[::-1]
    return np.append(monotone_D, 0.0)[np.searchsorted(recall_D, RECALL_R, side="left")]
