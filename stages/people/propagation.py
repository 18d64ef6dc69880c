"""Propagation of a missed person: the last surface is warped along the optical flow into the next frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from models.time_steps import remaining
from stages.payloads import F32, U8, PersonSurface
from stages.people.joint_fusion import motion_at
from stages.people.optical_flow import CellGrid, FlowField, PersonFlow, warped

LEAST_TRUST = 0.3
"""Pixels with less trust in the flow become background."""
MOST_ROUND_TRIP = 2.0
"""Forward-backward check: the largest distance, in pixels, between a pixel and the end of its round trip."""
LEAST_VISIBLE = 0.5
"""Share of the person's pixels that must be found again. With fewer, the person is occluded or gone."""
DECAY = 0.8
"""Factor on score and confidence after `FRAME_S` without detection."""
DEFAULT_CONFIDENCE = 0.6
"""Confidence of surfaces that have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PropagatedPerson:
    """One person as last detected, or as propagated since.

    Attributes:
        surface: in the last frame.
        box_4, score: of that surface; float32.
        seen_s: when the network last detected the person, seconds.
        shown_s: for how long the network detected the person since the first detection, seconds.
        nearness: as in `People.near_N`.
    """

    surface: PersonSurface
    box_4: F32
    score: float
    seen_s: float
    shown_s: float
    nearness: float


def propagated(
    last: PropagatedPerson, flow: PersonFlow, before_HW: U8, now_HW: U8, seconds: float
) -> PropagatedPerson | None:
    """The person in the next frame; None if the flow does not find enough of the person's pixels again.

    Args:
        last: the person in the frame before.
        flow: the optical flow.
        before_HW, now_HW: grey images of both frames, uint8.
        seconds: time between both frames.
    """
    surface, kept = last.surface, remaining(DECAY, seconds)
    old_grid = _pixel_grid(surface)
    forward = flow.compute(before_HW, now_HW, old_grid, old_grid)
    if forward is None:
        return None
    step_x, step_y = _median_motion(forward, surface.labels_hw)
    grid = replace(old_grid, x0=old_grid.x0 + step_x, y0=old_grid.y0 + step_y)
    backward = flow.compute(now_HW, before_HW, grid, old_grid)
    if backward is None:
        return None
    moved = _warped_surface(
        surface,
        replace(backward, trust_hw=backward.trust_hw * _round_trip_consistent(backward, forward, step_x, step_y)),
        grid,
        kept,
    )
    if surface.keypoint_K3 is not None:
        moved = replace(
            moved, keypoint_K3=_moved_keypoints(surface.keypoint_K3, forward, old_grid, (step_x, step_y), kept)
        )
    if np.count_nonzero(moved.labels_hw) < LEAST_VISIBLE * np.count_nonzero(surface.labels_hw):
        return None
    box_4 = last.box_4 + np.array([step_x, step_y, step_x, step_y], np.float32)
    return replace(last, surface=moved, box_4=box_4, score=last.score * kept)


def _pixel_grid(surface: PersonSurface) -> CellGrid:
    height, width = surface.labels_hw.shape
    return CellGrid(x0=surface.x0, y0=surface.y0, height=height, width=width)


def _median_motion(forward: FlowField, labels_hw: U8) -> tuple[int, int]:
    """The motion of the person in whole pixels: the median over the trusted pixels."""
    height, width = labels_hw.shape
    person_hw = (labels_hw > 0) & (forward.trust_hw >= LEAST_TRUST)
    if not person_hw.any():
        return 0, 0
    dx_M = (forward.x_hw - np.arange(width, dtype=np.float32)[None, :])[person_hw]
    dy_M = (forward.y_hw - np.arange(height, dtype=np.float32)[:, None])[person_hw]
    return round(float(np.median(dx_M))), round(float(np.median(dy_M)))


def _round_trip_consistent(backward: FlowField, forward: FlowField, step_x: int, step_y: int) -> F32:
    """Forward-backward check: 1 where the round trip ends within MOST_ROUND_TRIP pixels of its origin, else 0."""
    height, width = backward.x_hw.shape
    return_x, return_y = (
        cv2.remap(to_hw, backward.x_hw, backward.y_hw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for to_hw in (forward.x_hw, forward.y_hw)
    )
    # The forward flow is in pixels of the old grid; the backward flow begins at a grid that is moved by the steps.
    error_x = return_x - np.arange(step_x, step_x + width, dtype=np.float32)[None, :]
    error_y = return_y - np.arange(step_y, step_y + height, dtype=np.float32)[:, None]
    return np.asarray(np.hypot(error_x, error_y) <= MOST_ROUND_TRIP, np.float32)


def _warped_surface(surface: PersonSurface, backward: FlowField, grid: CellGrid, kept: float) -> PersonSurface:
    """The surface warped to a grid; background where the flow is not trusted. `kept`: share of the confidence."""
    confidence_hw = (
        np.full(surface.labels_hw.shape, DEFAULT_CONFIDENCE) if surface.confidence_hw is None else surface.confidence_hw
    )
    layers = [
        np.ascontiguousarray(layer_hw, np.float32) for layer_hw in (*surface.uv_2hw, confidence_hw, confidence_hw)
    ]
    labels_hw, values_hw4 = warped(surface.labels_hw, np.asarray(cv2.merge(layers), np.float32), backward)
    labels_hw[backward.trust_hw < LEAST_TRUST] = 0
    u_hw, v_hw, confidence_hw, _ = cv2.split(values_hw4)
    inside_hw = labels_hw > 0
    mask_hw = surface.mask_hw
    if mask_hw is not None:
        there_hw = cv2.remap(mask_hw.view(np.uint8), backward.x_hw, backward.y_hw, cv2.INTER_NEAREST)
        mask_hw = (np.asarray(there_hw) > 0) & (backward.trust_hw >= LEAST_TRUST)
    return PersonSurface(
        x0=grid.x0,
        y0=grid.y0,
        labels_hw=labels_hw,
        uv_2hw=np.stack([u_hw * inside_hw, v_hw * inside_hw]).astype(surface.uv_2hw.dtype, copy=False),
        confidence_hw=np.asarray(confidence_hw * np.float32(kept), np.float32),
        mask_hw=mask_hw,
    )


def _moved_keypoints(keypoint_K3: F32, forward: FlowField, grid: CellGrid, step_2: tuple[int, int], kept: float) -> F32:
    """The keypoints moved along the flow under them, and by the median motion where it is not trusted."""
    motion_K2, trust_K = motion_at(keypoint_K3[:, :2], forward, grid, grid)
    moved_K3 = keypoint_K3.copy()
    moved_K3[:, :2] += np.where(trust_K[:, None] >= LEAST_TRUST, motion_K2, step_2)
    moved_K3[:, 2] *= kept
    moved_K3[keypoint_K3[:, 2] == 0] = 0
    return moved_K3
