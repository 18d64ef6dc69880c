"""Which label a cell gets where two knowledges of a person's surface differ, or where little is known."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import Bool, Index
from stages.payloads import F32, U8
from stages.people.layers import Layers

MASK_STRENGTH = 2.5
"""Log-odds of the network's word that here is the person, or nobody."""
SUPPORT = 2
"""Cells on each side of one whose labels speak for or against it."""
SIDE = 2 * SUPPORT + 1
MIDDLE = SIDE * SIDE // 2
MOST_SAY = 1.75
"""How many times as much as what is seen now the other counts at most where a border runs, by its log-odds: half the
flicker needs more than one; with 2, swinging legs in plain trousers keep wrong charts for longer."""
SAY_OF_HANDS, SAY_OF_LOWER_ARMS = 1.5, 1.25
"""How many times as much hands and lower arms count that are seen now, against what is remembered, and, when later
frames are asked, those of both: thin and fast, they are named in one frame and not in the next, and came too late
before a body that is remembered well."""
_SAY_256 = np.ones(256, np.float32)
_SAY_256[[3, 4]], _SAY_256[[19, 20, 21, 22]] = SAY_OF_HANDS, SAY_OF_LOWER_ARMS
WEAK = 2.0
"""Log-odds under which a cell follows those around it; with 1 the charts of real clips change a tenth more."""
LEAST_SAY, LATER_SAY = 0.5, 0.75
"""Log-odds of later frames, in terms of those of a frame, from which on they are asked, and what theirs count then: as
much would be 1 % more flicker."""


def yields(mine: Layers, theirs: Layers) -> Index:
    """Flat indices of the cells where the other's label wins.

    Between two charts: where a border between them runs nearby, the one with more cells around, here and there counted
    together, so that borders move on smoothly; where the two flatly contradict each other, the one with more log-odds
    around. Outlines belong to what is seen now (voted on, they cost 4 points of AUC10 on exact answers and gain nothing
    in steadiness): the other fills in a person where mine flatly has nobody, and never takes away whom mine shows.
    """
    contested_hw = (mine.labels_hw != theirs.labels_hw) & (theirs.strength_hw > 0) & (theirs.labels_hw > 0)
    shown_hw = mine.labels_hw > 0
    missed_K = np.flatnonzero(contested_hw & ~shown_hw & _outweighed(mine, theirs) & _all_alike(mine, theirs))
    chart_K = np.flatnonzero(contested_hw & shown_hw)
    return np.concatenate([missed_K, chart_K[_chart_yields(mine, theirs, chart_K)]])


def _outweighed(mine: Layers, theirs: Layers) -> Bool:
    return np.asarray(theirs.strength_hw > np.maximum(mine.strength_hw, np.float32(MASK_STRENGTH)))


def _all_alike(mine: Layers, theirs: Layers) -> Bool:
    """Where all cells around are the person, or none is, in mine and in theirs."""
    around = np.ones((SIDE, SIDE), np.uint8)
    masks = (cv2.threshold(layers.labels_hw, 0, 1, cv2.THRESH_BINARY)[1] for layers in (mine, theirs))
    one_hw, other_hw = (cv2.erode(mask_hw, around) == cv2.dilate(mask_hw, around) for mask_hw in masks)
    return np.asarray(one_hw & other_hw)


def _chart_yields(mine: Layers, theirs: Layers, chart_K: Index) -> Bool:
    """Of the cells that are two different charts, those where the other's wins."""
    said_hw = _said(mine)
    at_25K = _around(chart_K, mine.labels_hw.shape)
    one_K, other_K = mine.labels_hw.take(chart_K), theirs.labels_hw.take(chart_K)
    for_mine_25K, for_theirs_25K = (_sides(layers, at_25K, one_K, other_K) for layers in (mine, theirs))
    ratio_K = np.minimum(theirs.strength_hw.take(chart_K) / said_hw.take(chart_K), np.float32(MOST_SAY))
    wins_K = for_mine_25K.sum(axis=0, dtype=np.int8) + ratio_K * for_theirs_25K.sum(axis=0, dtype=np.int8) > 0
    flat_K = np.flatnonzero((for_mine_25K.max(axis=0) <= 0) & (for_theirs_25K.min(axis=0) >= 0))
    at_25K = at_25K.take(flat_K, axis=1)
    weighed_K = (_wide(said_hw).take(at_25K) * for_mine_25K.take(flat_K, axis=1)).sum(axis=0)
    weighed_K += (_wide(theirs.strength_hw).take(at_25K) * for_theirs_25K.take(flat_K, axis=1)).sum(axis=0)
    wins_K[flat_K] = weighed_K > 0
    return np.asarray(wins_K)


def later_wins(mine: Layers, later: Layers) -> Index:
    """Flat indices of the cells that are two different charts, where what later frames know wins.

    By the log-odds around, those of later frames counted `LATER_SAY` times; they are asked where theirs are over
    `LEAST_SAY` times mine, since what is known of the past seldom gives way to less.
    """
    said_hw, later_hw = _said(mine), _said(later)
    heard_hw = later_hw > np.float32(LEAST_SAY) * said_hw
    heard_hw &= mine.labels_hw != later.labels_hw
    chart_K = np.flatnonzero(heard_hw)
    chart_K = chart_K[(mine.labels_hw.take(chart_K) > 0) & (later.labels_hw.take(chart_K) > 0)]
    at_25K = _around(chart_K, mine.labels_hw.shape)
    one_K, other_K = mine.labels_hw.take(chart_K), later.labels_hw.take(chart_K)
    weighed_K = (_wide(said_hw).take(at_25K) * _sides(mine, at_25K, one_K, other_K)).sum(axis=0)
    later_K = (_wide(later_hw).take(at_25K) * _sides(later, at_25K, one_K, other_K)).sum(axis=0)
    return chart_K[weighed_K + np.float32(LATER_SAY) * later_K > 0]


def _said(layers: Layers) -> F32:
    """The log-odds, more of them where a hand or a lower arm is named."""
    return np.asarray(layers.strength_hw * cv2.LUT(layers.labels_hw, _SAY_256), np.float32)


def _sides(layers: Layers, at_25K: Index, one_K: U8, other_K: U8) -> npt.NDArray[np.int8]:
    """1 where a cell around is the other label, -1 where it is the one, else 0."""
    labels_25K = _wide(layers.labels_hw).take(at_25K)
    return np.asarray((labels_25K == other_K).view(np.int8) - (labels_25K == one_K).view(np.int8))


def settle(layers: Layers) -> None:
    """Labels of cells that little speaks for are taken from around them, in place, at borders between charts.

    There, flow that covers and uncovers leaves single cells that know nothing of what their neighbours remember.
    """
    around = np.ones((3, 3), np.uint8)
    labels_hw = layers.labels_hw
    border_hw = cv2.erode(labels_hw, around) != cv2.dilate(labels_hw, around)
    weak_K = np.flatnonzero(border_hw & (labels_hw > 0) & (layers.strength_hw < WEAK))
    if not len(weak_K):
        return
    at_25K = _around(weak_K, labels_hw.shape)
    labels_25K = _wide(labels_hw).take(at_25K)
    weight_25K = _wide(layers.strength_hw).take(at_25K) * (labels_25K > 0)
    slot_25K = labels_25K + 25 * np.arange(len(weak_K))
    votes_K25 = np.bincount(slot_25K.ravel(), weights=weight_25K.ravel(), minlength=25 * len(weak_K)).reshape(-1, 25)
    chosen_K = votes_K25.argmax(axis=1)
    taken_K = np.flatnonzero(chosen_K != labels_25K[MIDDLE])
    chosen_K, weak_K = chosen_K.take(taken_K), weak_K.take(taken_K)
    for_it_25K = labels_25K.take(taken_K, axis=1) == chosen_K
    best_K = np.where(for_it_25K, weight_25K.take(taken_K, axis=1), -1).argmax(axis=0)
    source_K = at_25K[best_K, taken_K]
    labels_hw.put(weak_K, chosen_K)
    for axis_hw in (layers.u_hw, layers.v_hw):
        axis_hw.put(weak_K, _wide(axis_hw).take(source_K))


def _around(at_K: Index, shape: tuple[int, ...]) -> Index:
    """Where the 25 cells around each are in a layer made `_wide`, (25, K)."""
    width = shape[1]
    wide = width + 2 * SUPPORT
    steps_25 = (np.arange(SIDE)[:, None] * wide + np.arange(SIDE)[None, :]).reshape(-1)
    return np.asarray((at_K + at_K // width * (wide - width))[None, :] + steps_25[:, None])


def _wide(layer_hw: U8 | F32) -> npt.NDArray[Any]:
    """A layer whose edge goes on for `SUPPORT` cells on each side."""
    return np.asarray(cv2.copyMakeBorder(layer_hw, SUPPORT, SUPPORT, SUPPORT, SUPPORT, cv2.BORDER_REPLICATE))
