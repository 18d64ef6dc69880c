"""Where each cell of a person is in the frame before or after: dense optical flow around the person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import F32, U8

STRIDE, DESCENT = 3, 4
"""Cells between the flow's patches, and steps of the descent: with 6 or the preset's 12 it finds nothing more."""
SMALL, STRIDE_OF_SMALL = 130, 4
"""In pictures of fewer lines patches lie farther apart and nothing is refined, for half of the search's time: films of
320 × 240 flicker .2 to .6 % more. Larger people would by 1 to 3 % (docs/benchmarks/temporal_tried.md)."""
MARGIN = 6
"""Cells around a person that the flow sees too: what lies still around it tells where it ends, and coarse levels of the
search need room. With 4 the flicker is 3 % more (tests/benchmarks/temporal.py)."""
SMALLEST = 16
"""Cells, in either direction, under which a picture is too small for the flow's patches."""
FLOW_LINES = 180
"""The flow sees a person in at most so many lines."""
FINEST = 0
"""The flow is searched down to the picture halved so many times."""
REFINEMENTS = 1
"""Steps of the search's variational refinement: 1.5 % less flicker than with none; 3 make it half a percent more."""
SURE_RESIDUAL, LOST_RESIDUAL = 5.0, 20.0
"""Grey levels of 255 between a cell and where it came from: full trust up to the first, none from the second on."""
TRUST_256 = np.clip((LOST_RESIDUAL - np.arange(256)) / (LOST_RESIDUAL - SURE_RESIDUAL), 0, 1).astype(np.float32)


LABEL, BORDER = np.uint8(0x1F), np.uint8(0x80)
"""Bits of a label, and the bit that marks a border, where both are read at once."""


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
class Guess:
    """How far what a grid's cells show may have gone to another frame.

    Attributes:
        grid: the cells.
        moved_hw2: float32, pixels of the frame in x and y; 0 on background, which may stand still.
    """

    grid: Grid
    moved_hw2: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The part of two frames in which a person's flow is searched, in whole cells.

    Attributes:
        x, y, height, width: upper left pixel in the one frame; rows and columns of cells.
        shift_x, shift_y: pixels from there to the same part of the other frame.
        step: pixels along a cell's side.
    """

    x: int
    y: int
    height: int
    width: int
    shift_x: int
    shift_y: int
    step: int

    def opposite(self) -> Window:
        """The same part as the other frame has it."""
        return Window(
            x=self.x + self.shift_x,
            y=self.y + self.shift_y,
            height=self.height,
            width=self.width,
            shift_x=-self.shift_x,
            shift_y=-self.shift_y,
            step=self.step,
        )

    def seen(self, grey_HW: U8, shift_x: int, shift_y: int) -> U8:
        """The part of a frame, one mean grey a cell."""
        x, y = self.x + shift_x, self.y + shift_y
        part_HW = grey_HW[y : y + self.height * self.step, x : x + self.width * self.step]
        if self.step == 1:
            return np.ascontiguousarray(part_HW)
        return np.asarray(cv2.resize(part_HW, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)


Search = Callable[[U8, U8, F32], F32]
"""From two grey pictures of one size, and a first guess of it, to where the one's pixels are in the other: (h, w, 2),
pixels in x and y."""


class InverseSearch:
    """Dense inverse search (Kroeger et al., ECCV 2016), OpenCV's, at its fastest setting."""

    def __init__(self) -> None:
        """Buffers are kept between calls; results do not depend on earlier calls."""
        self.small, self.large = _inverse_search(STRIDE_OF_SMALL, 0), _inverse_search(STRIDE, REFINEMENTS)

    def __call__(self, here_hw: U8, there_hw: U8, guess_hw2: F32) -> F32:
        """The way of each pixel, (h, w, 2) float32: the guess is taken where it fits better than what is searched."""
        search = self.small if len(here_hw) < SMALL else self.large
        with _one_thread():
            return np.asarray(search.calc(here_hw, there_hw, guess_hw2.copy()), np.float32)


def _inverse_search(stride: int, refinements: int) -> cv2.DISOpticalFlow:
    """A search whose patches lie so many cells apart, refined by so many steps."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    search.setFinestScale(FINEST)
    search.setPatchStride(stride)
    search.setGradientDescentIterations(DESCENT)
    search.setVariationalRefinementIterations(refinements)
    search.setUseMeanNormalization(False)  # the light of two successive frames is the same: grey says more
    return search


class Flow:
    """Where people's cells are in a neighbouring frame, by one kind of search or another."""

    def __init__(self, search: Search | None = None) -> None:
        """`search`: how the flow is found; `InverseSearch` where none is given."""
        self.search = search or InverseSearch()

    def way(self, here_HW: U8, there_HW: U8, grid: Grid, other: Grid, guess: Guess | None = None) -> Way | None:
        """Where a person's cells in one frame are in a neighbouring one; None where there is too little to see.

        The search goes one way: a second one home again, to trust only what comes back, made the flicker 0.6 % less
        and the stage a fifth dearer (docs/benchmarks/temporal.md).

        Args:
            here_HW, there_HW: grey pictures of the two frames, uint8, of one size.
            grid, other: the person's cells in each; the search starts from the way between the two middles.
            guess: how far the person's parts may have gone; None: as far as from one middle to the other.
        """
        found = self._searched(here_HW, there_HW, grid, other, guess)
        return None if found is None else _way(found[1], found[0], grid, other)

    def both_ways(
        self, here_HW: U8, there_HW: U8, grid: Grid, other: Grid, guess: Guess | None = None
    ) -> tuple[Way, Way] | None:
        """As `way`, and the way back: where the cells of the other grid are in this frame.

        The way back is the same search turned round (`_turned`): a search of its own makes the flicker of a smoothing
        that looks ahead 0.8 % less and takes five times as long.
        """
        found = self._searched(here_HW, there_HW, grid, other, guess)
        if found is None:
            return None
        window, known_hw3 = found
        return _way(known_hw3, window, grid, other), _way(_turned(known_hw3), window.opposite(), other, grid)

    def _searched(
        self, here_HW: U8, there_HW: U8, grid: Grid, other: Grid, guess: Guess | None
    ) -> tuple[Window, F32] | None:
        """A window around the person, and in its cells the way in x and y and its trust."""
        window = _window(here_HW, grid, other)
        if window.height < SMALLEST or window.width < SMALLEST:
            return None
        here_hw = window.seen(here_HW, 0, 0)
        there_hw = window.seen(there_HW, window.shift_x, window.shift_y)
        way_hw2 = self.search(here_hw, there_hw, _begin(guess, window))
        known_hw3 = np.asarray(cv2.merge([*cv2.split(way_hw2), _trust(here_hw, there_hw, way_hw2)]), np.float32)
        return window, known_hw3


def warped(labels_hw: U8, values_hw4: F32, way: Way) -> tuple[U8, F32]:
    """Labels and what goes with them, read where a way leads; nothing beyond their edge.

    Values are read between cells, else slow movement would be rounded away and lag; at a chart's border, from the
    nearest.
    """
    around = np.ones((3, 3), np.uint8)
    border_hw = cv2.erode(labels_hw, around) != cv2.dilate(labels_hw, around)
    tags_hw = labels_hw | BORDER * border_hw
    tags_hw = np.asarray(cv2.remap(tags_hw, way.x_hw, way.y_hw, cv2.INTER_NEAREST), np.uint8)
    nearest_hw4 = cv2.remap(values_hw4, way.x_hw, way.y_hw, cv2.INTER_NEAREST)
    between_hw4 = np.asarray(cv2.remap(values_hw4, way.x_hw, way.y_hw, cv2.INTER_LINEAR), np.float32)
    cv2.copyTo(nearest_hw4, tags_hw & BORDER, between_hw4)
    return np.asarray(tags_hw & LABEL, np.uint8), between_hw4


def _window(here_HW: U8, grid: Grid, other: Grid) -> Window:
    """Around the grid, cut so that it lies inside both frames."""
    lines, columns = here_HW.shape
    step = -(-grid.height * grid.step // FLOW_LINES)
    margin = MARGIN * step
    shift_x, shift_y = (round(there - here) for there, here in zip(other.centre, grid.centre, strict=True))
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


def _begin(guess: Guess | None, window: Window) -> F32:
    """A guess at the cells of a window, in such cells, beyond the window's own shift; what lies around stands still."""
    shape = (window.height, window.width)
    if guess is None:
        return np.zeros((*shape, 2), np.float32)
    shift_2 = np.array([window.shift_x, window.shift_y], np.float32)
    begin_hw2 = cv2.warpAffine(
        (guess.moved_hw2 - shift_2) / np.float32(window.step),
        _to_window(guess.grid, window),
        shape[::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(-shift_2 / window.step).tolist(),
    )
    return np.asarray(begin_hw2, np.float32)


def _to_window(grid: Grid, window: Window) -> F32:
    """(2, 3): from cells of a grid to those of a window."""
    offset_x, offset_y = (
        (first - at + (grid.step - window.step) / 2) / window.step
        for first, at in ((grid.x0, window.x), (grid.y0, window.y))
    )
    scale = grid.step / window.step
    return np.array([[scale, 0, offset_x], [0, scale, offset_y]], np.float32)


def _way(known_hw3: F32, window: Window, grid: Grid, other: Grid) -> Way:
    """Flow and trust on the cells of a window, read at a grid, as cells of the other grid."""
    step = window.step
    read_hw3 = cv2.warpAffine(
        known_hw3,
        _to_window(grid, window),
        (grid.width, grid.height),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    x_hw, y_hw, trust_hw = (np.asarray(axis_hw, np.float32) for axis_hw in cv2.split(read_hw3))
    half = (grid.step - other.step) / 2
    x_w, y_h = (
        ((np.arange(count) * grid.step + (first + shift - first_there + half)) / other.step).astype(np.float32)
        for count, first, shift, first_there in (
            (grid.width, grid.x0, window.shift_x, other.x0),
            (grid.height, grid.y0, window.shift_y, other.y0),
        )
    )
    longer = np.float32(step / other.step)
    x_hw *= longer
    y_hw *= longer
    x_hw += x_w[None, :]
    y_hw += y_h[:, None]
    return Way(x_hw=x_hw, y_hw=y_hw, trust_hw=trust_hw)


def _turned(known_hw3: F32) -> F32:
    """Ways from there to here from those from here to there, trust with them.

    Against the way that leads off at the same place of the window lies about the place that led there; its own way,
    turned round, is the answer.
    """
    height, width = known_hw3.shape[:2]
    dx_hw, dy_hw = cv2.split(known_hw3)[:2]
    from_x = np.arange(width, dtype=np.float32)[None, :] - dx_hw
    from_y = np.arange(height, dtype=np.float32)[:, None] - dy_hw
    turned_hw3 = cv2.remap(known_hw3, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    turned_hw3[..., :2] *= -1
    return np.asarray(turned_hw3, np.float32)


def _trust(here_hw: U8, there_hw: U8, way_hw2: F32) -> F32:
    """1 where the flow leads to the same grey, judged over 3 × 3 cells, 0 where it leads to quite another."""
    height, width = here_hw.shape
    to_x, to_y = cv2.split(way_hw2)
    to_x += np.arange(width, dtype=np.float32)[None, :]
    to_y += np.arange(height, dtype=np.float32)[:, None]
    carried_hw = cv2.remap(there_hw, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return TRUST_256.take(cv2.blur(cv2.absdiff(here_hw, carried_hw), (3, 3)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """The search cuts the picture into one stripe a thread, and stripes change the result: always one."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
