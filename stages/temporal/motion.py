"""Where each cell of a person was one frame ago, and where those went: dense optical flow around the person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import F32, U8

STRIDE, DESCENT = 4, 6
"""Cells between the flow's patches, and steps of the descent: with the preset's 12 it finds nothing more."""
MARGIN = 8
"""Cells around a person that the flow sees too: what lies still around it tells where it ends, and coarse levels of the
search need room. With 4 the flicker is 3 % more (tests/benchmarks/temporal.py)."""
SMALLEST = 16
"""Cells, in either direction, under which a picture is too small for the flow's patches."""
FLOW_LINES = 48
"""The flow sees a person in at least so many lines, under twice as many, or in all there are."""
FINEST = 0
"""The flow is searched down to the picture halved so many times."""
SURE_RESIDUAL, LOST_RESIDUAL = 7.0, 30.0
"""Grey levels of 255 between a cell and where it came from: full trust up to the first, none from the second on."""
SURE_WAY, LOST_WAY = 1.0, 3.0
"""Cells by which the way there and back may miss its start: full trust up to the first, none from the second on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Square cells of `step` × `step` pixels of a frame: the first one's upper left pixel, how many, their side."""

    x0: int
    y0: int
    height: int
    width: int
    step: int = 1

    @property
    def centre(self) -> tuple[float, float]:
        """x, y of its middle, in pixels of the frame."""
        return self.x0 + self.width * self.step / 2, self.y0 + self.height * self.step / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """Where the cells of one grid are in another frame.

    Attributes:
        x_hw, y_hw: float32, in cells of the other frame's grid; a whole number is the middle of a cell.
        trust_hw: float32, 0..1, how well what is there looks like what is here.
    """

    x_hw: F32
    y_hw: F32
    trust_hw: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of two frames in which a person's flow is searched, in whole cells.

    Attributes:
        x, y, height, width: upper left pixel in the later frame; rows and columns of cells.
        shift_x, shift_y: pixels from there to the same part of the earlier frame.
        step: pixels along a cell's side.
    """

    x: int
    y: int
    height: int
    width: int
    shift_x: int
    shift_y: int
    step: int

    def corners(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """x, y of its upper left pixel in the later frame and in the earlier one."""
        return (self.x, self.y), (self.x + self.shift_x, self.y + self.shift_y)

    def seen(self, grey_HW: U8, shift_x: int, shift_y: int) -> U8:
        """The part of a frame, one mean grey a cell."""
        x, y = self.x + shift_x, self.y + shift_y
        part_HW = grey_HW[y : y + self.height * self.step, x : x + self.width * self.step]
        if self.step == 1:
            return np.ascontiguousarray(part_HW)
        return np.asarray(cv2.resize(part_HW, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What was found in the part of two frames around one person.

    Attributes:
        window: that part.
        now_hw, before_hw: what is seen there in this frame and the one before, uint8.
        back_hw2, forth_hw2: cells by which each cell of the one moves to its place in the other.
    """

    window: Window
    now_hw: U8
    before_hw: U8
    back_hw2: F32
    forth_hw2: F32

    def back(self, grid: Grid, was: Grid) -> Way:
        """From the person's cells in this frame to where they were."""
        trust_hw = _trust(self.now_hw, self.before_hw, self.back_hw2, self.forth_hw2)
        start, goal = self.window.corners()
        return _way(_joined(self.back_hw2, trust_hw), self.window.step, start, goal, grid, was)

    def forth(self, was: Grid, grid: Grid) -> Way:
        """From the person's cells in the frame before to where they went."""
        trust_hw = _trust(self.before_hw, self.now_hw, self.forth_hw2, self.back_hw2)
        goal, start = self.window.corners()
        return _way(_joined(self.forth_hw2, trust_hw), self.window.step, start, goal, was, grid)


class Flow:
    """Dense inverse search (Kroeger et al., ECCV 2016), OpenCV's, at its fastest setting."""

    def __init__(self) -> None:
        """Buffers are kept between calls; results do not depend on earlier calls."""
        self.search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self.search.setFinestScale(FINEST)
        self.search.setPatchStride(STRIDE)
        self.search.setGradientDescentIterations(DESCENT)
        self.search.setUseMeanNormalization(False)  # the light of two successive frames is the same: grey says more

    def between(self, now_HW: U8, before_HW: U8, grid: Grid, was: Grid) -> Search | None:
        """The flow around a person, both ways; None where there is too little to see.

        Args:
            now_HW, before_HW: grey pictures of this frame and the one before, uint8, of one size.
            grid: the person's cells in this frame.
            was: the person's cells in the frame before; the search starts from the way between the two middles.
        """
        window = _window(now_HW, grid, was)
        if window.height < SMALLEST or window.width < SMALLEST:
            return None
        now_hw = window.seen(now_HW, 0, 0)
        before_hw = window.seen(before_HW, window.shift_x, window.shift_y)
        with _one_thread():
            back_hw2, forth_hw2 = self._search(now_hw, before_hw), self._search(before_hw, now_hw)
        return Search(window=window, now_hw=now_hw, before_hw=before_hw, back_hw2=back_hw2, forth_hw2=forth_hw2)

    def _search(self, one_hw: U8, other_hw: U8) -> F32:
        """Where each cell of one picture went in the other, (h, w, 2)."""
        return np.asarray(self.search.calc(one_hw, other_hw, np.zeros((*one_hw.shape, 2), np.float32)), np.float32)


def _joined(way_hw2: F32, trust_hw: F32) -> F32:
    return np.asarray(cv2.merge([*cv2.split(way_hw2), trust_hw]), np.float32)


def _window(now_HW: U8, grid: Grid, was: Grid) -> Window:
    """Around the grid, cut so that it lies inside both frames."""
    lines, columns = now_HW.shape
    step = max(1, grid.height * grid.step // FLOW_LINES)
    margin = MARGIN * step
    shift_x, shift_y = (round(there - here) for there, here in zip(was.centre, grid.centre, strict=True))
    left, top = max(grid.x0 - margin, 0, -shift_x), max(grid.y0 - margin, 0, -shift_y)
    right = min(grid.x0 + grid.width * grid.step + margin, columns, columns - shift_x)
    bottom = min(grid.y0 + grid.height * grid.step + margin, lines, lines - shift_y)
    return Window(
        x=left,
        y=top,
        height=(bottom - top) // step,
        width=(right - left) // step,
        shift_x=shift_x,
        shift_y=shift_y,
        step=step,
    )


def _way(known_hw3: F32, step: int, start: tuple[int, int], goal: tuple[int, int], grid: Grid, other: Grid) -> Way:
    """Flow and trust on cells of `step` pixels from the pixel `start`, read at a grid, as cells of the other grid."""
    scale = grid.step / step
    offset = [(first - at + (grid.step - step) / 2) / step for first, at in zip((grid.x0, grid.y0), start, strict=True)]
    read_hw3 = cv2.warpAffine(
        known_hw3,
        np.array([[scale, 0, offset[0]], [0, scale, offset[1]]]),
        (grid.width, grid.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    longer = np.float32(step / other.step)
    half = (grid.step - other.step) / 2
    x_w, y_h = (
        ((np.arange(count) * grid.step + (first - at + to - first_there + half)) / other.step).astype(np.float32)
        for count, first, at, to, first_there in (
            (grid.width, grid.x0, start[0], goal[0], other.x0),
            (grid.height, grid.y0, start[1], goal[1], other.y0),
        )
    )
    return Way(
        x_hw=read_hw3[..., 0] * longer + x_w[None, :],
        y_hw=read_hw3[..., 1] * longer + y_h[:, None],
        trust_hw=np.ascontiguousarray(read_hw3[..., 2], np.float32),
    )


def _trust(here_hw: U8, there_hw: U8, way_hw2: F32, home_hw2: F32) -> F32:
    """1 where the flow leads to the same grey and the flow back leads home, 0 where one of the two is lost.

    The grey is judged over 3 × 3 cells.
    """
    height, width = here_hw.shape
    to_x, to_y = cv2.split(way_hw2)
    to_x += np.arange(width, dtype=np.float32)[None, :]
    to_y += np.arange(height, dtype=np.float32)[:, None]
    carried_hw = cv2.remap(there_hw, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    residual_hw = cv2.blur(cv2.absdiff(here_hw, carried_hw), (3, 3)).astype(np.float32)
    back_hw2 = cv2.remap(home_hw2, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    astray_hw = cv2.magnitude(*cv2.split(cv2.add(back_hw2, way_hw2)))
    alike_hw = np.clip((LOST_RESIDUAL - residual_hw) / (LOST_RESIDUAL - SURE_RESIDUAL), 0, 1)
    return np.asarray(alike_hw * np.clip((LOST_WAY - astray_hw) / (LOST_WAY - SURE_WAY), 0, 1), np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The search cuts the picture into one stripe a thread, and stripes change the result: always one."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
