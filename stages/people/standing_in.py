"""A person whom the network missed: the last surface that was seen, carried by flow to where it is now."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from stages.payloads import F32, U8, Surface
from stages.people.motion import Flow, Grid, Way, warped

LEAST_TRUST = 0.3
"""Trust of the flow under which a pixel is not said to be the person."""
ASTRAY = 2.0
"""Pixels by which the way back and forth again may miss."""
LEAST_SHARE = 0.5
"""Share of the person's pixels that must be found again; with fewer, something stands before the person, or nobody is
there any more."""
FADING = 0.8
"""What is left of score and confidence from one frame that was missed to the next."""
UNSAID = 0.6
"""Confidence of a network that gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StandIn:
    """One person as last seen, or as carried since.

    Attributes:
        surface: in the frame before.
        box_4, score: that went with it; float32.
        missed: frames since the network saw the person; 0 = it just did.
        times: frames in which it did.
        near: how near the person stood, as in `People`.
    """

    surface: Surface
    box_4: F32
    score: float
    missed: int
    times: int
    near: float


def carried_on(last: StandIn, flow: Flow, before_HW: U8, now_HW: U8) -> StandIn | None:
    """The person one frame later; None where the flow does not find enough of the person again.

    Args:
        last: in the frame before.
        flow: the search.
        before_HW, now_HW: grey pictures of both frames, uint8.
    """
    surface = last.surface
    was = _grid(surface)
    forth = flow.way(before_HW, now_HW, was, was)
    if forth is None:
        return None
    step_x, step_y = _step(forth, surface.labels_hw)
    grid = replace(was, x0=was.x0 + step_x, y0=was.y0 + step_y)
    back = flow.way(now_HW, before_HW, grid, was)
    if back is None:
        return None
    now = _moved(surface, replace(back, trust_hw=back.trust_hw * _homing(back, forth, step_x, step_y)), grid)
    if np.count_nonzero(now.labels_hw) < LEAST_SHARE * np.count_nonzero(surface.labels_hw):
        return None
    box_4 = last.box_4 + np.array([step_x, step_y, step_x, step_y], np.float32)
    return replace(last, surface=now, box_4=box_4, score=last.score * FADING, missed=last.missed + 1)


def _grid(surface: Surface) -> Grid:
    height, width = surface.labels_hw.shape
    return Grid(x0=surface.x0, y0=surface.y0, height=height, width=width)


def _step(forth: Way, labels_hw: U8) -> tuple[int, int]:
    """Pixels that the person moved: the middle of what its pixels did."""
    height, width = labels_hw.shape
    person_hw = (labels_hw > 0) & (forth.trust_hw >= LEAST_TRUST)
    if not person_hw.any():
        return 0, 0
    dx_M = (forth.x_hw - np.arange(width, dtype=np.float32)[None, :])[person_hw]
    dy_M = (forth.y_hw - np.arange(height, dtype=np.float32)[:, None])[person_hw]
    return round(float(np.median(dx_M))), round(float(np.median(dy_M)))


def _homing(back: Way, forth: Way, step_x: int, step_y: int) -> F32:
    """1 where the way back and forth again leads home to within `ASTRAY` pixels, else 0."""
    height, width = back.x_hw.shape
    home_x, home_y = (
        cv2.remap(to_hw, back.x_hw, back.y_hw, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for to_hw in (forth.x_hw, forth.y_hw)
    )
    # The way forth is told in pixels of the grid as it was, the way back from a grid that moved on by the steps.
    away_x = home_x - np.arange(step_x, step_x + width, dtype=np.float32)[None, :]
    away_y = home_y - np.arange(step_y, step_y + height, dtype=np.float32)[:, None]
    return np.asarray(np.hypot(away_x, away_y) <= ASTRAY, np.float32)


def _moved(surface: Surface, back: Way, grid: Grid) -> Surface:
    """The surface at the grid's pixels, nothing where the flow is lost."""
    sure_hw = np.full(surface.labels_hw.shape, UNSAID) if surface.confidence_hw is None else surface.confidence_hw
    layers = [np.ascontiguousarray(layer_hw, np.float32) for layer_hw in (*surface.uv_2hw, sure_hw, sure_hw)]
    labels_hw, known_hw4 = warped(surface.labels_hw, np.asarray(cv2.merge(layers), np.float32), back)
    labels_hw[back.trust_hw < LEAST_TRUST] = 0
    u_hw, v_hw, sure_hw, _ = cv2.split(known_hw4)
    inside_hw = labels_hw > 0
    return Surface(
        x0=grid.x0,
        y0=grid.y0,
        labels_hw=labels_hw,
        uv_2hw=np.stack([u_hw * inside_hw, v_hw * inside_hw]).astype(surface.uv_2hw.dtype, copy=False),
        confidence_hw=np.asarray(sure_hw * np.float32(FADING), np.float32),
    )
