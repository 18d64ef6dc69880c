"""How good a network is on people whose truth is known: boxes found, parts right, parts under joints right."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.metrics.joints import CHARTS_AT_JOINT
from models.structures import Detections, SurfaceMap
from stages.training.photos import iou

F32 = npt.NDArray[Any]
U8 = npt.NDArray[Any]



@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """Hits out of trials, kept per person, so that an interval can be drawn over people."""

    hits: npt.NDArray[np.float64]
    trials: npt.NDArray[np.float64]

    @property
    def value(self) -> float:
        """The ratio over everyone together; nan when there was nothing to try."""
        total = self.trials.sum()
        return float(self.hits.sum() / total) if total else float("nan")

    def interval(self, draws: int = 2000) -> tuple[float, float]:
        """The middle 95 % of the ratio over people drawn again with replacement (bootstrap, seed 0)."""
        if not self.trials.sum():
            return float("nan"), float("nan")
        picks = np.random.default_rng(0).integers(0, len(self.hits), (draws, len(self.hits)))
        values = self.hits[picks].sum(1) / np.maximum(self.trials[picks].sum(1), 1e-9)
        low, high = np.percentile(values, [2.5, 97.5])
        return float(low), float(high)


def join(ratios: Sequence[Ratio]) -> Ratio:
    """All people of several ratios together."""
    empty = [np.zeros(0)]
    return Ratio(
        hits=np.concatenate([ratio.hits for ratio in ratios] or empty),
        trials=np.concatenate([ratio.trials for ratio in ratios] or empty),
    )


def match(box_M4: F32, found: Detections, least: float = 0.5) -> npt.NDArray[np.int64]:
    """For each true box the detection that answers for it at IoU `least` (greedy by score), or -1."""
    answer = np.full(len(box_M4), -1, np.int64)
    overlap = iou(found.box_N4, box_M4)
    for index in np.argsort(-found.score_N, kind="stable"):
        free = np.where(answer < 0, overlap[index], -1) if len(box_M4) else np.zeros(0)
        if len(free) and free.max() >= least:
            answer[free.argmax()] = index
    return answer


def average_precision(scores: Sequence[F32], right: Sequence[npt.NDArray[np.bool_]], people: int) -> float:
    """COCO's 101-point average precision from each picture's detections: their scores and whether each was right."""
    score, hit = np.concatenate([*scores, np.zeros(0)]), np.concatenate([*right, np.zeros(0, bool)])
    order = np.argsort(-score, kind="stable")
    good = np.cumsum(hit[order])
    recall, precision = good / max(people, 1), good / np.arange(1, len(good) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(precision, 0.0)[np.minimum(at, len(precision))].mean())


def labels_at(surface: SurfaceMap, point_K2: F32) -> npt.NDArray[np.int64]:
    """The chart at points (x, y) of the frame; 0 outside the person's grid."""
    height, width = surface.labels_hw.shape
    x, y = (np.floor(point_K2[:, i]).astype(np.int64) - at for i, at in ((0, surface.x0), (1, surface.y0)))
    inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    labels = surface.labels_hw[y.clip(0, height - 1), x.clip(0, width - 1)].astype(np.int64)
    return np.where(inside, labels, 0)


def joint_hits(surface: SurfaceMap | None, keypoint_173: F32) -> tuple[F32, F32]:
    """Per COCO keypoint whether its chart is right (17) and whether it is visible (17); a missed person has no hits."""
    visible = keypoint_173[:, 2] == 2
    if surface is None:
        return np.zeros(17), visible.astype(np.float64)
    label = labels_at(surface, keypoint_173[:, :2])
    right = np.array([int(one) in charts for one, charts in zip(label, CHARTS_AT_JOINT.values(), strict=True)])
    return (right & visible).astype(np.float64), visible.astype(np.float64)


def part_hits(surface: SurfaceMap | None, label_HW: U8, mine_HW: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Pixels of a person's true mask whose chart is right, and pixels of the mask."""
    y, x = np.nonzero(mine_HW & (label_HW > 0))
    if surface is None or not len(x):
        return 0.0, float(len(x))
    found = labels_at(surface, np.stack([x, y], 1).astype(np.float32))
    return float((found == label_HW[y, x]).sum()), float(len(x))


Detector = Callable[[U8], Detections]
Mapper = Callable[[U8, F32], list[SurfaceMap]]
