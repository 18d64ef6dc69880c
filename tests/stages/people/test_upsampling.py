"""Cells and pixels: one lattice for all frames, borders drawn to parts of a cell, static borders stay."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from moving_oval import chunk_of, people_of

from stages.payloads import PersonSurface, Surfaces
from stages.people.smooth import Smooth
from stages.people.surface_estimate import cell_centres, grid_of
from stages.people.upsampling import charts_to_pixels

pytestmark = pytest.mark.quick


def blank(height: int, width: int, x0: int = 0, y0: int = 0) -> PersonSurface:
    return PersonSurface(
        x0=x0,
        y0=y0,
        labels_hw=np.ones((height, width), np.uint8),
        uv_2hw=np.full((2, height, width), 0.5, np.float32),
    )


@pytest.mark.parametrize("corner", [(0, 0), (5, 3), (-7, 11), (101, -2)])
def test_cells_lie_on_one_lattice_and_cover_the_surface(corner: tuple[int, int]) -> None:
    surface = blank(1013, 211, *corner)
    grid = grid_of(surface)
    assert grid.step == 4
    assert grid.x0 % 4 == 0 and grid.y0 % 4 == 0
    assert 0 <= surface.x0 - grid.x0 < 4 and 0 <= grid.x0 + 4 * grid.width - (surface.x0 + 211) < 4
    assert 0 <= surface.y0 - grid.y0 < 4 and 0 <= grid.y0 + 4 * grid.height - (surface.y0 + 1013) < 4
    rows, columns = cell_centres(surface, grid)
    assert ((rows[1:-1] + surface.y0) % 4 == 2).all() and ((columns[1:-1] + surface.x0) % 4 == 2).all()
    assert rows[0] >= 0 and rows[-1] < 1013 and columns[0] >= 0 and columns[-1] < 211


@pytest.mark.parametrize("step", [2, 5, 6])
def test_a_slanting_border_of_cells_is_drawn_straight(step: int) -> None:
    """Cells i + j < 240 are one chart, the others another. By bilinear weights the border is i + j = 239.5 to within
    0.09 of a cell (where three cells are equal, the fourth wins from y · x > 1/2 on); along the edges of cells the
    error would be a half. Beyond the centres of the outermost cells nothing is interpolated.
    """
    surface = blank(240 * step, 240 * step)
    grid = grid_of(surface)
    i, j = np.mgrid[0:240, 0:240]
    labels_hw = np.where(i + j < 240, 1, 2).astype(np.uint8)
    u_hw = labels_hw / np.float32(10)
    label_hw, u_pixels_hw, _ = charts_to_pixels(labels_hw, (u_hw, u_hw), surface, grid)
    assert np.array_equal(u_pixels_hw, label_hw / np.float32(10))
    y, x = np.mgrid[step : 239 * step, step : 239 * step]
    label_hw = label_hw[step:-step, step:-step]
    beyond_hw = (y + 0.5 + x + 0.5) / step - 1 - 239.5  # cells beyond the line, along i + j
    sure_hw = np.abs(beyond_hw) > 0.1
    assert grid.step == step
    assert (label_hw == np.where(beyond_hw > 0, 2, 1))[sure_hw].all()
    assert (~sure_hw).mean() < 0.01


def test_silhouettes_and_single_charts_are_those_of_the_nearest_cells() -> None:
    surface = blank(960, 960)
    labels_hw = np.zeros((240, 240), np.uint8)
    cv2.circle(labels_hw, (90, 90), 52, 3, -1)
    zeros_hw = np.zeros((240, 240), np.float32)
    label_hw, _, _ = charts_to_pixels(labels_hw, (zeros_hw, zeros_hw), surface, grid_of(surface))
    assert np.array_equal(label_hw, labels_hw.repeat(4, axis=0).repeat(4, axis=1))


def test_a_static_border_stays_although_the_box_jitters() -> None:
    """A slanting border in a static image, predicted in blocks of 8 pixels that move with the box: the blocks jump from
    frame to frame, smoothed they stay."""
    rng = np.random.default_rng(4)
    picture_HW3 = cv2.GaussianBlur(rng.integers(0, 255, (620, 300, 3)).astype(np.float32), (0, 0), 2)
    picture_HW3 = cv2.normalize(picture_HW3, np.zeros_like(picture_HW3), 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    seen = []
    for _ in range(14):
        x0, y0 = rng.integers(10, 26, 2).tolist()
        y, x = np.mgrid[0:570, 0:250] // 8 * 8 + 4
        labels_hw = np.where((y + y0) + 3 * (x + x0) < 800, 1, 2).astype(np.uint8)
        seen.append(PersonSurface(x0=x0, y0=y0, labels_hw=labels_hw, uv_2hw=np.full((2, 570, 250), 0.5, np.float32)))
    stage = Smooth(Smooth.Config())
    (out,) = stage(chunk_of(np.stack([picture_HW3] * 14)), people_of(14), Surfaces(people=tuple(seen)))
    raw, steady = (changes(surfaces) for surfaces in (seen, out.people))
    assert raw > 0.01
    assert steady < 0.3 * raw


def changes(surfaces: tuple[PersonSurface, ...] | list[PersonSurface]) -> float:
    """Share of the frame's pixels inside all boxes that change their label from one frame to the next, from the 8th."""
    inner = [one.labels_hw[30 - one.y0 : 550 - one.y0, 30 - one.x0 : 250 - one.x0] for one in surfaces]
    return float(np.mean([(now != before).mean() for now, before in zip(inner[8:], inner[7:], strict=False)]))
