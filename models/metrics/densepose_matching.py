"""Which detection answers for which person: the reference evaluator's greedy matching."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.arrays import Bool
from models.surface.geometry import Float

NEARLY_ONE = 1 - 1e-10
SAME_BOX = 0.8
"""A detection that answers for nobody, but whose box is a person's to this IoU, shares that person's fate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Detections of one picture, best score first, against its people, those that count first.

    Attributes:
        value_DG: what is matched by: GPS, GPSm or IoU.
        box_iou_DG: overlap of boxes.
        ignored_G: people that do not count in the area range.
        crowd_G: people that may be matched any number of times.
        outside_D: detections whose own area is outside the range.
    """

    value_DG: Float
    box_iou_DG: Float
    ignored_G: Bool
    crowd_G: Bool
    outside_D: Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """Per threshold and detection: whether it answers for somebody, and whether it does not count; (T, D) each."""

    matched_TD: Bool
    ignored_TD: Bool


def match(candidates: Candidates, threshold_T: Float) -> Verdicts:
    """Match greedily at every threshold, then let the unmatched share the fate of people they lie on.

    Where everybody is ignored, or nobody is there, every detection starts as ignored.
    """
    detections, people = candidates.value_DG.shape
    answer_TD = np.full((len(threshold_T), detections), -1)
    taken_TG = np.zeros((len(threshold_T), people), bool)
    for t, threshold in enumerate(threshold_T):
        answer_TD[t], taken_TG[t] = match_at(candidates, min(float(threshold), NEARLY_ONE))
    matched_TD = answer_TD >= 0
    ignored_TD = np.full(matched_TD.shape, bool(candidates.ignored_G.all()))
    if people:
        ignored_TD = np.where(matched_TD, candidates.ignored_G[answer_TD], ignored_TD)
    inherit_ignored(candidates, matched_TD, ignored_TD, taken_TG[-1])
    return Verdicts(matched_TD=matched_TD, ignored_TD=ignored_TD | (~matched_TD & candidates.outside_D))


def match_at(candidates: Candidates, threshold: float) -> tuple[npt.NDArray[np.int64], Bool]:
    """COCO's greedy matching at one threshold; a value of 0 never matches.

    Returns: the person of each detection or -1 (D,), and who is taken (G,).
    """
    answer_D = np.full(candidates.value_DG.shape[0], -1, np.int64)
    taken_G = np.zeros(candidates.value_DG.shape[1], bool)
    for d, value_G in enumerate(candidates.value_DG):
        able_G = (~taken_G | candidates.crowd_G) & (value_G >= threshold) & (value_G > 0)
        for group_G in (able_G & ~candidates.ignored_G, able_G & candidates.ignored_G):
            if group_G.any():
                answer_D[d] = last_best(value_G, group_G)
                taken_G[answer_D[d]] = True
                break
    return answer_D, taken_G


def last_best(value_G: Float, among_G: Bool) -> int:
    """The last of the best: COCO goes on while the value is not below the best so far."""
    value_G = np.where(among_G, value_G, -np.inf)
    return len(value_G) - 1 - int(value_G[::-1].argmax())


def inherit_ignored(candidates: Candidates, matched_TD: Bool, ignored_TD: Bool, taken_G: Bool) -> None:
    """The second pass, in place: reads the last threshold's matches only, but writes the flags of all."""
    if not len(taken_G):
        return
    taken_G = taken_G.copy()
    for d in np.flatnonzero(~matched_TD[-1]):
        box_iou_G = candidates.box_iou_DG[d]
        able_G = (~taken_G | candidates.crowd_G) & (box_iou_G >= SAME_BOX)
        if not able_G.any():
            continue
        person = last_best(box_iou_G, able_G)
        ignored_TD[:, d] = candidates.ignored_G[person]
        if candidates.ignored_G[person]:
            matched_TD[-1, d] = taken_G[person] = True
