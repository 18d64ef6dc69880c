"""Temporal fusion of surface estimates: an estimate is warped to another frame and fused with that frame's estimate."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from stages.payloads import PersonSurface
from stages.people.label_fusion import MASK_LOG_ODDS, Index, cells_later_wins, cells_other_wins, relabel_weak_cells
from stages.people.optical_flow import FlowField, warped
from stages.people.surface_estimate import EstimateLayers, SurfaceEstimate, cell_centres, grid_of

GATE_WIDTH = 0.21
"""UV distance at which the weight of the other estimate falls to 1/e: several times the network's own jitter."""
NOISE, NOISE_LIMIT = 0.136, (0.01, 1.2)
"""Standard deviation of a predicted U or V as a function of 1 − confidence: the smaller of NOISE × its fourth root,
fitted to the light network (docs/benchmarks/temporal.md), and a straight line (offset, slope). The line applies above
the confidences of that network; it ends at the size of a cell."""
FLOW_NOISE = 0.003
"""Standard deviation that warping by one frame adds to UV."""
CHARTS_PER_HEIGHT = 6
"""Upper bound of the precision of warped UV: one cell, on a chart whose length is the person's rows over this number.
Without the bound, errors of the flow degrade exact predictions."""
RIVAL_CHARTS = 4.0
"""Number of other charts that a cell could have; sets the log-odds of a label."""
DEFAULT_CONFIDENCE = 0.6
"""Confidence of networks that predict none."""
LEAST_CONFIDENCE, MOST_CONFIDENCE = 0.22, 0.995
"""Bounds to which confidence is clipped."""
MOST_LOG_ODDS = 5.9
"""Upper bound of the accumulated log-odds of a label, so that a lasting change of label appears after a few frames."""
_CONFIDENCE_101 = np.clip(np.arange(101) / 100, LEAST_CONFIDENCE, MOST_CONFIDENCE)
_NOISE_101 = np.minimum(NOISE * (1 - _CONFIDENCE_101) ** 0.25, NOISE_LIMIT[0] + NOISE_LIMIT[1] * (1 - _CONFIDENCE_101))
PRECISION_101 = (1 / _NOISE_101**2).astype(np.float32)
"""Precision of UV by percent of confidence."""
LOG_ODDS_101 = np.log(RIVAL_CHARTS * _CONFIDENCE_101 / (1 - _CONFIDENCE_101)).astype(np.float32)
"""Log-odds of the label by percent of confidence."""


def estimate_from(surface: PersonSurface) -> SurfaceEstimate:
    """The estimate of one prediction of the network, sampled at the centre of every cell."""
    grid = grid_of(surface)
    rows, columns = cell_centres(surface, grid)

    def read(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values if grid.step == 1 else values.take(rows, axis=-2).take(columns, axis=-1)

    labels_hw = np.ascontiguousarray(read(surface.labels_hw))
    percent_hw = np.full(labels_hw.shape, int(100 * DEFAULT_CONFIDENCE), np.uint8)
    if surface.confidence_hw is not None:
        percent_hw = np.clip(read(surface.confidence_hw) * 100, 0, 100).astype(np.uint8)
    log_odds_hw = LOG_ODDS_101.take(percent_hw)
    log_odds_hw[labels_hw == 0] = MASK_LOG_ODDS
    uv_2hw = read(surface.uv_2hw).astype(np.float32, copy=False)
    values_hw4 = np.asarray(cv2.merge([*uv_2hw, PRECISION_101.take(percent_hw), log_odds_hw]), np.float32)
    return SurfaceEstimate(grid=grid, labels_hw=labels_hw, values_hw4=values_hw4)


def warped_estimate(estimate: SurfaceEstimate, flow: FlowField) -> EstimateLayers:
    """The estimate, warped to the grid where the flow field begins; weaker where the flow is not trusted."""
    labels_hw, values_hw4 = warped(estimate.labels_hw, estimate.values_hw4, flow)
    layers = EstimateLayers.split(labels_hw, values_hw4)
    precision_hw, log_odds_hw = layers.precision_hw, layers.log_odds_hw
    precision_hw /= 1 + np.float32(FLOW_NOISE**2) * precision_hw
    np.minimum(precision_hw, np.float32((estimate.grid.height / CHARTS_PER_HEIGHT) ** 2), out=precision_hw)
    precision_hw *= flow.trust_hw
    np.minimum(log_odds_hw, np.float32(MOST_LOG_ODDS), out=log_odds_hw)
    log_odds_hw *= flow.trust_hw
    return layers


def fused_with_past(own: EstimateLayers, other: EstimateLayers) -> EstimateLayers:
    """The estimate of a frame, fused with the estimate of the past, which was warped to the same cells.

    Where both have the same chart, UV is the mean by precision, with a weight that falls with distance (a Kalman filter
    with a gate), and log-odds add up. Where they differ, the label with more support wins (`cells_other_wins`), and the
    log-odds of the loser are subtracted from it.
    """
    result = _fused_same_label(own, other)
    _replace_cells(result, own, other, cells_other_wins(own, other))
    relabel_weak_cells(result)
    return result


def fused_with_later(own: EstimateLayers, later: EstimateLayers) -> EstimateLayers:
    """The estimate of a frame, fused with the estimate of later frames, which was warped to the same cells.

    As `fused_with_past`, but labels only change from chart to chart, by one vote (`cells_later_wins`): a full fusion
    takes twice as long and is not steadier.
    """
    result = _fused_same_label(own, later)
    _replace_cells(result, own, later, cells_later_wins(own, later))
    return result


def _replace_cells(result: EstimateLayers, own: EstimateLayers, other: EstimateLayers, cell_K: Index) -> None:
    """Replace cells by the other's, in place: label, UV and precision, with the difference of the log-odds."""
    for layer, axis in ((result.labels_hw, other.labels_hw), (result.u_hw, other.u_hw), (result.v_hw, other.v_hw),
                        (result.precision_hw, other.precision_hw)):  # fmt: skip
        layer.put(cell_K, axis.take(cell_K))
    left_K = other.log_odds_hw.take(cell_K) - own.log_odds_hw.take(cell_K)
    result.log_odds_hw.put(cell_K, np.maximum(left_K, np.float32(0.1)))


def _fused_same_label(own: EstimateLayers, other: EstimateLayers) -> EstimateLayers:
    """New layers with own labels; where both have the same label, the mean of UV and sums of precision and log-odds."""
    same_hw = cv2.compare(own.labels_hw, other.labels_hw, cv2.CMP_EQ)
    du_hw, dv_hw = other.u_hw - own.u_hw, other.v_hw - own.v_hw
    gate_hw = du_hw * du_hw
    gate_hw += dv_hw * dv_hw
    gate_hw *= np.float32(-1 / GATE_WIDTH**2)
    gain_hw = cv2.copyTo(other.precision_hw * np.asarray(cv2.exp(gate_hw), np.float32), same_hw)
    total_hw = own.precision_hw + gain_hw
    share_hw = gain_hw / total_hw
    du_hw *= share_hw
    dv_hw *= share_hw
    du_hw += own.u_hw
    dv_hw += own.v_hw
    log_odds_hw = own.log_odds_hw + cv2.copyTo(other.log_odds_hw, same_hw)
    return EstimateLayers(
        labels_hw=own.labels_hw.copy(), u_hw=du_hw, v_hw=dv_hw, precision_hw=total_hw, log_odds_hw=log_odds_hw
    )
