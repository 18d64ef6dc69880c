"""The initial flow from the network's labels: exact motion, missing parts, and its purpose."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stages.payloads import U8
from stages.people.initial_flow import initial_flow
from stages.people.optical_flow import CellGrid, PersonFlow
from stages.people.surface_estimate import SurfaceEstimate

pytestmark = pytest.mark.quick

HEIGHT, WIDTH = 48, 40
LEFT, RIGHT = slice(6, 14), slice(24, 32)
"""Columns of two legs, charts 13 and 14."""


def legs(x0: int, y0: int, left: int = 0, right: int = 0, step: int = 1) -> SurfaceEstimate:
    """Two upright bars on cells of `step` pixels, each moved by so many cells to the right."""
    labels_hw, values_hw4 = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH, 4), np.float32)
    for chart, columns, moved in ((13, LEFT, left), (14, RIGHT, right)):
        there = slice(columns.start + moved, columns.stop + moved)
        labels_hw[4:44, there] = chart
        values_hw4[4:44, there, 0] = (np.arange(40)[:, None] + 0.5) / 40
        values_hw4[4:44, there, 1] = (np.arange(8)[None] + 0.5) / 8
    grid = CellGrid(x0=x0, y0=y0, height=HEIGHT, width=WIDTH, step=step)
    return SurfaceEstimate(grid=grid, labels_hw=labels_hw, values_hw4=values_hw4)


def test_each_leg_has_its_own_motion_and_the_background_none() -> None:
    for step in (1, 3):
        initial = initial_flow(legs(100, 50, step=step), legs(90, 52, left=5, right=-3, step=step))
        assert initial is not None and initial.grid.step == step
        assert np.allclose(initial.offset_hw2[4:44, LEFT], (-10 + 5 * step, 2), atol=1e-4)
        assert np.allclose(initial.offset_hw2[4:44, RIGHT], (-10 - 3 * step, 2), atol=1e-4)
        assert not initial.offset_hw2[legs(0, 0).labels_hw == 0].any()


def test_a_missing_part_moves_with_the_others() -> None:
    there = legs(104, 50)
    there.labels_hw[:, RIGHT] = 0
    initial = initial_flow(legs(100, 50), there)
    assert initial is not None
    assert np.allclose(initial.offset_hw2[4:44, RIGHT], (4, 0), atol=1e-4)
    there.labels_hw[:14, LEFT] = 0  # the rest of it still tells
    initial = initial_flow(legs(100, 50), there)
    assert initial is not None
    assert np.allclose(initial.offset_hw2[4:44, LEFT], (4, 0), atol=1e-4)
    there.labels_hw[:] = 0
    assert initial_flow(legs(100, 50), there) is None


def test_of_large_people_every_kth_cell_is_used() -> None:
    def grown(memory: SurfaceEstimate) -> SurfaceEstimate:
        grid = CellGrid(x0=memory.grid.x0, y0=memory.grid.y0, height=4 * HEIGHT, width=4 * WIDTH)
        every = np.ix_(np.arange(4 * HEIGHT) // 4, np.arange(4 * WIDTH) // 4)
        return SurfaceEstimate(grid=grid, labels_hw=memory.labels_hw[every], values_hw4=memory.values_hw4[every])

    initial = initial_flow(grown(legs(100, 50)), grown(legs(93, 50, left=2)))
    assert initial is not None
    assert initial.grid == CellGrid(x0=100, y0=50, height=64, width=53, step=3)
    assert np.abs(initial.offset_hw2[8:56, 10:17] - (1, 0)).max() < 2, "eight cells to the right, seven to the left"
    assert np.abs(initial.offset_hw2[8:56, 34:41] - (-7, 0)).max() < 2


def test_another_cell_size_is_no_motion() -> None:
    """The same legs in cells of 2 pixels, and of 1."""
    coarse, grid = legs(100, 50, step=2), CellGrid(x0=100, y0=50, height=2 * HEIGHT, width=2 * WIDTH)
    every = np.ix_(np.arange(2 * HEIGHT) // 2, np.arange(2 * WIDTH) // 2)
    initial = initial_flow(
        coarse, SurfaceEstimate(grid=grid, labels_hw=coarse.labels_hw[every], values_hw4=coarse.values_hw4[every])
    )
    assert initial is not None
    assert np.abs(initial.offset_hw2).max() < 1e-4


def drawn(memory: SurfaceEstimate) -> U8:
    """A frame of 120 × 160 with the two legs on plain grey, each with its own texture."""
    frame_HW = np.full((120, 160), 90, np.uint8)
    for chart in (13, 14):
        skin_HW = np.random.default_rng(chart).integers(0, 256, (HEIGHT, 8)).astype(np.uint8)
        y_K, x_K = np.nonzero(memory.labels_hw == chart)
        frame_HW[memory.grid.y0 + y_K, memory.grid.x0 + x_K] = skin_HW[y_K, x_K - x_K.min()]
    return np.asarray(cv2.GaussianBlur(frame_HW, (3, 3), 0.7))


def test_legs_that_exchange_places_are_followed() -> None:
    """Legs that move farther than they are wide: without an initial flow the search finds the other leg, or nothing."""
    now, before = legs(60, 40), legs(60, 40, left=18, right=-18)
    right = []
    for initial in (None, initial_flow(now, before)):
        flow = PersonFlow().compute(drawn(now), drawn(before), now.grid, before.grid, initial)
        assert flow is not None
        moved_hw = flow.x_hw - np.arange(WIDTH)
        right.append(np.mean([np.abs(moved_hw[8:40, LEFT] - 18) < 2, np.abs(moved_hw[8:40, RIGHT] + 18) < 2]))
    assert right[0] < 0.2 and right[1] > 0.8
