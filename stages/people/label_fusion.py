"""Which label a cell gets where two estimates of a person's surface differ, or where the log-odds are low."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import Bool, Index
from stages.payloads import F32, U8
from stages.people.surface_estimate import EstimateLayers

MASK_LOG_ODDS = 2.5
"""Log-odds of the network's decision between person and background."""
SUPPORT = 2
"""Radius, in cells, of the neighbourhood that votes on a label."""
SIDE = 2 * SUPPORT + 1
CENTRE = SIDE * SIDE // 2
MOST_WEIGHT = 1.75
"""At a chart border, the largest weight of the other estimate relative to the frame's own, by the ratio of log-odds.
Higher values reduce flicker but keep wrong charts longer."""
HAND_WEIGHT, LOWER_ARM_WEIGHT = 1.5, 1.25
"""Weights of hands and lower arms in the frame's own votes: they are thin and fast, and would otherwise appear too late
in front of a torso with high log-odds."""
_WEIGHT_256 = np.ones(256, np.float32)
_WEIGHT_256[[3, 4]], _WEIGHT_256[[19, 20, 21, 22]] = HAND_WEIGHT, LOWER_ARM_WEIGHT
WEAK_LOG_ODDS = 2.0
"""Log-odds below which a cell takes the label of its neighbourhood."""
LEAST_LATER_RATIO, LATER_WEIGHT = 0.5, 0.75
"""Later frames vote where their log-odds exceed the first number times the frame's own. The second number is the weight
of their votes."""


def cells_other_wins(own: EstimateLayers, other: EstimateLayers) -> Index:
    """Flat indices of the cells where the label of the other estimate (the past) wins.

    Between two charts: near a border between them, the label with more cells in the neighbourhood of both estimates, so
    that borders move smoothly; where the two contradict each other uniformly, the label with more log-odds in the
    neighbourhood. The silhouette is the frame's own, because voting on it costs accuracy and reduces no flicker: the
    past only fills in a person where the frame has uniform background, and never removes one.
    """
    contested_hw = (own.labels_hw != other.labels_hw) & (other.log_odds_hw > 0) & (other.labels_hw > 0)
    shown_hw = own.labels_hw > 0
    missed_K = np.flatnonzero(contested_hw & ~shown_hw & _outweighed(own, other) & _uniform_neighbourhood(own, other))
    chart_K = np.flatnonzero(contested_hw & shown_hw)
    return np.concatenate([missed_K, chart_K[_chart_votes_won(own, other, chart_K)]])


def _outweighed(own: EstimateLayers, other: EstimateLayers) -> Bool:
    return np.asarray(other.log_odds_hw > np.maximum(own.log_odds_hw, np.float32(MASK_LOG_ODDS)))


def _uniform_neighbourhood(own: EstimateLayers, other: EstimateLayers) -> Bool:
    """Where the whole neighbourhood is person or the whole neighbourhood is background, in both estimates."""
    around = np.ones((SIDE, SIDE), np.uint8)
    masks = (cv2.threshold(layers.labels_hw, 0, 1, cv2.THRESH_BINARY)[1] for layers in (own, other))
    one_hw, other_hw = (cv2.erode(mask_hw, around) == cv2.dilate(mask_hw, around) for mask_hw in masks)
    return np.asarray(one_hw & other_hw)


def _chart_votes_won(own: EstimateLayers, other: EstimateLayers, chart_K: Index) -> Bool:
    """Among cells with two different charts, those where the other's chart wins."""
    own_hw = _weighted_log_odds(own)
    at_25K = _neighbours(chart_K, own.labels_hw.shape)
    own_K, other_K = own.labels_hw.take(chart_K), other.labels_hw.take(chart_K)
    own_vote_25K, other_vote_25K = (_votes(layers, at_25K, own_K, other_K) for layers in (own, other))
    ratio_K = np.minimum(other.log_odds_hw.take(chart_K) / own_hw.take(chart_K), np.float32(MOST_WEIGHT))
    wins_K = own_vote_25K.sum(axis=0, dtype=np.int8) + ratio_K * other_vote_25K.sum(axis=0, dtype=np.int8) > 0
    flat_K = np.flatnonzero((own_vote_25K.max(axis=0) <= 0) & (other_vote_25K.min(axis=0) >= 0))
    at_25K = at_25K.take(flat_K, axis=1)
    sum_K = (_padded(own_hw).take(at_25K) * own_vote_25K.take(flat_K, axis=1)).sum(axis=0)
    sum_K += (_padded(other.log_odds_hw).take(at_25K) * other_vote_25K.take(flat_K, axis=1)).sum(axis=0)
    wins_K[flat_K] = sum_K > 0
    return np.asarray(wins_K)


def cells_later_wins(own: EstimateLayers, later: EstimateLayers) -> Index:
    """Flat indices of the cells with two different charts where the estimate of later frames has more support.

    By log-odds in the neighbourhood, those of later frames times LATER_WEIGHT. Later frames vote only where their
    log-odds exceed LEAST_LATER_RATIO times the frame's own.
    """
    own_hw, later_hw = _weighted_log_odds(own), _weighted_log_odds(later)
    contested_hw = later_hw > np.float32(LEAST_LATER_RATIO) * own_hw
    contested_hw &= own.labels_hw != later.labels_hw
    chart_K = np.flatnonzero(contested_hw)
    chart_K = chart_K[(own.labels_hw.take(chart_K) > 0) & (later.labels_hw.take(chart_K) > 0)]
    at_25K = _neighbours(chart_K, own.labels_hw.shape)
    own_K, other_K = own.labels_hw.take(chart_K), later.labels_hw.take(chart_K)
    sum_K = (_padded(own_hw).take(at_25K) * _votes(own, at_25K, own_K, other_K)).sum(axis=0)
    later_K = (_padded(later_hw).take(at_25K) * _votes(later, at_25K, own_K, other_K)).sum(axis=0)
    return chart_K[sum_K + np.float32(LATER_WEIGHT) * later_K > 0]


def _weighted_log_odds(layers: EstimateLayers) -> F32:
    """Log-odds, with more weight where the label is a hand or a lower arm."""
    return np.asarray(layers.log_odds_hw * cv2.LUT(layers.labels_hw, _WEIGHT_256), np.float32)


def _votes(layers: EstimateLayers, at_25K: Index, own_K: U8, other_K: U8) -> npt.NDArray[np.int8]:
    """Votes of the 25 neighbours, (25, K): 1 for the other label, −1 for the own label, else 0."""
    labels_25K = _padded(layers.labels_hw).take(at_25K)
    return np.asarray((labels_25K == other_K).view(np.int8) - (labels_25K == own_K).view(np.int8))


def relabel_weak_cells(layers: EstimateLayers) -> None:
    """Replace labels of low log-odds at chart borders by the label of their neighbourhood, in place.

    Where the flow covers and uncovers the surface, single cells lack the history of their neighbours.
    """
    around = np.ones((3, 3), np.uint8)
    labels_hw = layers.labels_hw
    border_hw = cv2.erode(labels_hw, around) != cv2.dilate(labels_hw, around)
    weak_K = np.flatnonzero(border_hw & (labels_hw > 0) & (layers.log_odds_hw < WEAK_LOG_ODDS))
    if not len(weak_K):
        return
    at_25K = _neighbours(weak_K, labels_hw.shape)
    labels_25K = _padded(labels_hw).take(at_25K)
    weight_25K = _padded(layers.log_odds_hw).take(at_25K) * (labels_25K > 0)
    slot_25K = labels_25K + 25 * np.arange(len(weak_K))
    votes_K25 = np.bincount(slot_25K.ravel(), weights=weight_25K.ravel(), minlength=25 * len(weak_K)).reshape(-1, 25)
    chosen_K = votes_K25.argmax(axis=1)
    changed_K = np.flatnonzero(chosen_K != labels_25K[CENTRE])
    chosen_K, weak_K = chosen_K.take(changed_K), weak_K.take(changed_K)
    for_it_25K = labels_25K.take(changed_K, axis=1) == chosen_K
    best_K = np.where(for_it_25K, weight_25K.take(changed_K, axis=1), -1).argmax(axis=0)
    source_K = at_25K[best_K, changed_K]
    labels_hw.put(weak_K, chosen_K)
    for axis_hw in (layers.u_hw, layers.v_hw):
        axis_hw.put(weak_K, _padded(axis_hw).take(source_K))


def _neighbours(at_K: Index, shape: tuple[int, ...]) -> Index:
    """Flat indices of the 25 neighbours of each cell in a layer made by `_padded`, (25, K)."""
    width = shape[1]
    padded_width = width + 2 * SUPPORT
    steps_25 = (np.arange(SIDE)[:, None] * padded_width + np.arange(SIDE)[None, :]).reshape(-1)
    return np.asarray((at_K + at_K // width * (padded_width - width))[None, :] + steps_25[:, None])


def _padded(layer_hw: U8 | F32) -> npt.NDArray[Any]:
    """A layer with its edge repeated for `SUPPORT` cells on each side."""
    return np.asarray(cv2.copyMakeBorder(layer_hw, SUPPORT, SUPPORT, SUPPORT, SUPPORT, cv2.BORDER_REPLICATE))
