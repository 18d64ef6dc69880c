"""What is known of a person's surface at one time, carried to another time, and two such knowledges made one."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stages.payloads import Surface
from stages.people.cells import grid_of, middles
from stages.people.layers import Layers, Memory
from stages.people.motion import Way, warped
from stages.people.votes import MASK_STRENGTH, Index, later_wins, settle, yields

LIKENESS = 0.21
"""UV distance at which two answers are averaged 1/e as much: several times the network's own jitter."""
NOISE, NEARLY_EXACT = 0.136, (0.01, 1.2)
"""Standard deviation of an answer's U and of its V by its doubt, 1 - confidence: NOISE times the fourth root of it, as
measured on the light network (docs/benchmarks/temporal_tried.md), and at most a straight line, offset and slope: who
is surer than that network ever is, is believed to a cell."""
NOISE_OF_FLOW = 0.003
"""What one frame's flow adds to the standard deviation of a UV carried along."""
CHARTS_HIGH = 6
"""No UV that was carried is known better than to a cell, on a chart as long as the person's lines over this: else exact
answers are worn away by the flow's errors (3 points of AUC10)."""
RIVALS = 4.0
"""Charts that a cell could have beside the one that is named."""
UNSAID = 0.6
"""Confidence of a network that gives none."""
LEAST, MOST = 0.22, 0.995
"""Bounds of the confidence."""
MOST_STRENGTH = 5.9
"""Log-odds that a label gathers at most, so that a lasting change of mind is shown in time."""
_SURE_101 = np.clip(np.arange(101) / 100, LEAST, MOST)
_NOISE_101 = np.minimum(NOISE * (1 - _SURE_101) ** 0.25, NEARLY_EXACT[0] + NEARLY_EXACT[1] * (1 - _SURE_101))
PRECISION_101 = (1 / _NOISE_101**2).astype(np.float32)
"""Precision of UV by percent of confidence."""
STRENGTH_101 = np.log(RIVALS * _SURE_101 / (1 - _SURE_101)).astype(np.float32)
"""Log-odds of the label by percent of confidence."""


def first_memory(surface: Surface) -> Memory:
    """What one answer of the network says, read at the middle of every cell."""
    grid = grid_of(surface)
    rows, columns = middles(surface, grid)

    def read(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if grid.step == 1 else values.take(rows, axis=-2).take(columns, axis=-1)

    labels_hw = np.ascontiguousarray(read(surface.labels_hw))
    percent_hw = np.full(labels_hw.shape, int(100 * UNSAID), np.uint8)
    if surface.confidence_hw is not None:
        percent_hw = np.clip(read(surface.confidence_hw) * 100, 0, 100).astype(np.uint8)
    strength_hw = STRENGTH_101.take(percent_hw)
    strength_hw[labels_hw == 0] = MASK_STRENGTH
    seen_2hw = read(surface.uv_2hw).astype(np.float32, copy=False)
    known_hw4 = np.asarray(cv2.merge([*seen_2hw, PRECISION_101.take(percent_hw), strength_hw]), np.float32)
    return Memory(grid=grid, labels_hw=labels_hw, known_hw4=known_hw4)


def carried(memory: Memory, way: Way) -> Layers:
    """The memory at the cells that a way leads from, those of another frame's grid; weaker where it is not trusted."""
    labels_hw, known_hw4 = warped(memory.labels_hw, memory.known_hw4, way)
    layers = Layers.split(labels_hw, known_hw4)
    precision_hw, strength_hw = layers.precision_hw, layers.strength_hw
    precision_hw /= 1 + np.float32(NOISE_OF_FLOW**2) * precision_hw
    np.minimum(precision_hw, np.float32((memory.grid.height / CHARTS_HIGH) ** 2), out=precision_hw)
    precision_hw *= way.trust_hw
    np.minimum(strength_hw, np.float32(MOST_STRENGTH), out=strength_hw)
    strength_hw *= way.trust_hw
    return layers


def merged(mine: Layers, theirs: Layers) -> Layers:
    """Two knowledges of the same cells made one: theirs was carried here.

    Where both name one chart, UV is their mean by precision, the less mutual the farther they are apart (a Kalman
    filter with a gate), and the log-odds add up; where they differ, the label with more behind it wins (`yields`) and
    loses what speaks against it.
    """
    made = _agreed(mine, theirs)
    _take_over(made, mine, theirs, yields(mine, theirs))
    settle(made)
    return made


def reviewed(mine: Layers, later: Layers) -> Layers:
    """What is known of a frame, looked over again when later ones have been seen; theirs was carried here.

    As `merged`, but labels change between charts alone, by one vote (`later_wins`): to merge in full takes twice as
    long, and is as steady.
    """
    made = _agreed(mine, later)
    _take_over(made, mine, later, later_wins(mine, later))
    return made


def _take_over(made: Layers, mine: Layers, theirs: Layers, won_K: Index) -> None:
    """Cells that become the other's, in place: with their UV, and the log-odds that are left of theirs."""
    for layer, axis in ((made.labels_hw, theirs.labels_hw), (made.u_hw, theirs.u_hw), (made.v_hw, theirs.v_hw),
                        (made.precision_hw, theirs.precision_hw)):  # fmt: skip
        layer.put(won_K, axis.take(won_K))
    left_K = theirs.strength_hw.take(won_K) - mine.strength_hw.take(won_K)
    made.strength_hw.put(won_K, np.maximum(left_K, np.float32(0.1)))


def _agreed(mine: Layers, theirs: Layers) -> Layers:
    """New layers with my labels: UV's mean and the sums of precision and log-odds where both name one chart."""
    same_hw = cv2.compare(mine.labels_hw, theirs.labels_hw, cv2.CMP_EQ)
    du_hw, dv_hw = theirs.u_hw - mine.u_hw, theirs.v_hw - mine.v_hw
    apart_hw = du_hw * du_hw
    apart_hw += dv_hw * dv_hw
    apart_hw *= np.float32(-1 / LIKENESS**2)
    mutual_hw = cv2.copyTo(theirs.precision_hw * np.asarray(cv2.exp(apart_hw), np.float32), same_hw)
    total_hw = mine.precision_hw + mutual_hw
    share_hw = mutual_hw / total_hw
    du_hw *= share_hw
    dv_hw *= share_hw
    du_hw += mine.u_hw
    dv_hw += mine.v_hw
    strength_hw = mine.strength_hw + cv2.copyTo(theirs.strength_hw, same_hw)
    return Layers(
        labels_hw=mine.labels_hw.copy(), u_hw=du_hw, v_hw=dv_hw, precision_hw=total_hw, strength_hw=strength_hw
    )
