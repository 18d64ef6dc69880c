"""Greedy matching of detections with people, as in the reference evaluator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import I64, Bool, Float

MAX_THRESHOLD = 1 - 1e-10
"""Largest similarity that a match can require, as in COCO's evaluation: rounding must not exclude a perfect match."""
SAME_BOX = 0.8
"""An unmatched detection whose box has this IoU with a person's box is ignored if that person is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Detections of one image (best score first) and its people (those that count first).

    Attributes:
        value_DG: measure for the matching: GPS, GPSm or IoU.
        box_iou_DG: IoU of boxes.
        ignored_G: people that do not count in the area range.
        crowd_G: regions of many people, which may match any number of detections.
        outside_D: detections whose area is outside of the range.
    """

    value_DG: Float
    box_iou_DG: Float
    ignored_G: Bool
    crowd_G: Bool
    outside_D: Bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """By threshold and detection (T, D): whether the detection matches a person, and whether it is ignored."""

    matched_TD: Bool
    ignored_TD: Bool


def match(candidates: Candidates, threshold_T: Float) -> Verdicts:
    """Match greedily at every threshold; then ignore unmatched detections that overlap an ignored person.

    If all people are ignored, or there are none, all detections are ignored at first.
    """
    detections, people = candidates.value_DG.shape
    match_TD = np.full((len(threshold_T), detections), -1)
    taken_TG = np.zeros((len(threshold_T), people), bool)
    for t, threshold in enumerate(threshold_T):
        match_TD[t], taken_TG[t] = match_at(candidates, min(float(threshold), MAX_THRESHOLD))
    matched_TD = match_TD >= 0
    ignored_TD = np.full(matched_TD.shape, bool(candidates.ignored_G.all()))
    if people:
        ignored_TD = np.where(matched_TD, candidates.ignored_G[match_TD], ignored_TD)
    inherit_ignored(candidates, matched_TD, ignored_TD, taken_TG[-1])
    return Verdicts(matched_TD=matched_TD, ignored_TD=ignored_TD | (~matched_TD & candidates.outside_D))


def match_at(candidates: Candidates, threshold: float) -> tuple[I64, Bool]:
    """COCO's greedy matching at one threshold. A value of 0 never matches.

    Returns: the person of each detection or -1, (D,); whether each person is matched, (G,).
    """
    match_D = np.full(candidates.value_DG.shape[0], -1, np.int64)
    taken_G = np.zeros(candidates.value_DG.shape[1], bool)
    for d, value_G in enumerate(candidates.value_DG):
        able_G = (~taken_G | candidates.crowd_G) & (value_G >= threshold) & (value_G > 0)
        for group_G in (able_G & ~candidates.ignored_G, able_G & candidates.ignored_G):
            if group_G.any():
                match_D[d] = last_best(value_G, group_G)
                taken_G[match_D[d]] = True
                break
    return match_D, taken_G


def last_best(value_G: Float, among_G: Bool) -> int:
    """Index of the last maximum: COCO continues while a value is not below the best one."""
    value_G = np.where(among_G, value_G, -np.inf)
    return len(value_G) - 1 - int(value_G[::-1].argmax())


def inherit_ignored(candidates: Candidates, matched_TD: Bool, ignored_TD: Bool, taken_G: Bool) -> None:
    """Ignore unmatched detections that overlap an ignored person, in place.

    As in the reference, it reads the matches of the last threshold only, but writes the flags of all thresholds.
    """
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
