"""Dense optical flow around one person, between the cells of one frame and those of the frame before or after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import F32, U8

PATCH_STRIDE, DESCENT_STEPS = 3, 4
"""Cells between patches of the search, and its gradient descent steps."""
SMALL_HEIGHT, SMALL_PATCH_STRIDE = 130, 4
"""Images of fewer rows use a wider patch stride and no refinement, which halves the search time."""
MARGIN_CELLS = 6
"""Cells around a person that the search also sees. The static surroundings show where the motion ends, and the coarse
levels of the search need room."""
LEAST_CELLS = 16
"""Rows or columns of cells below which an image is too small for the patches."""
MOST_ROWS = 180
"""Most rows of cells that the search sees of a person."""
FINEST_SCALE = 0
"""The finest pyramid level of the search: the number of times that the image is halved."""
REFINEMENTS = 1
"""Steps of variational refinement in large images."""
FULL_TRUST_RESIDUAL, NO_TRUST_RESIDUAL = 5.0, 20.0
"""Grey level difference (of 255) between a cell and its match: full trust up to the first, no trust from the second."""
TRUST_256 = np.clip((NO_TRUST_RESIDUAL - np.arange(256)) / (NO_TRUST_RESIDUAL - FULL_TRUST_RESIDUAL), 0, 1).astype(
    np.float32
)


LABEL_BITS, BORDER_BIT = np.uint8(0x1F), np.uint8(0x80)
"""The bits of a label, and the bit that marks a chart border, when one byte holds both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellGrid:
    """Square cells of `step` × `step` pixels of a frame.

    Attributes:
        x0, y0: upper left pixel of the first cell.
        height, width: rows and columns of cells.
        step: side of a cell in pixels.
    """

    x0: int
    y0: int
    height: int
    width: int
    step: int = 1

    @property
    def centre(self) -> tuple[float, float]:
        """x and y of the centre, in pixels of the frame."""
        return self.x0 + self.width * self.step / 2, self.y0 + self.height * self.step / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowField:
    """Where the cells of one grid are in another frame.

    Attributes:
        x_hw, y_hw: float32, position in cells of the other frame's grid; a whole number is the centre of a cell.
        trust_hw: float32, 0..1; how similar the grey levels of the two places are.
    """

    x_hw: F32
    y_hw: F32
    trust_hw: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class InitialFlow:
    """A first estimate of the flow, from which the search starts.

    Attributes:
        grid: the cells.
        offset_hw2: float32, displacement of each cell in pixels of the frame, x and y; 0 on background.
    """

    grid: CellGrid
    offset_hw2: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowWindow:
    """The part of two frames in which a person's flow is searched, in whole cells.

    Attributes:
        x, y: upper left pixel in the first frame.
        height, width: rows and columns of cells.
        shift_x, shift_y: pixels from there to the same part of the other frame.
        step: side of a cell in pixels.
    """

    x: int
    y: int
    height: int
    width: int
    shift_x: int
    shift_y: int
    step: int

    def in_other_frame(self) -> FlowWindow:
        """The same window, seen from the other frame."""
        return FlowWindow(
            x=self.x + self.shift_x,
            y=self.y + self.shift_y,
            height=self.height,
            width=self.width,
            shift_x=-self.shift_x,
            shift_y=-self.shift_y,
            step=self.step,
        )

    def mean_grey(self, grey_HW: U8, shift_x: int, shift_y: int) -> U8:
        """The window of a frame as one mean grey level per cell, (height, width)."""
        x, y = self.x + shift_x, self.y + shift_y
        part_HW = grey_HW[y : y + self.height * self.step, x : x + self.width * self.step]
        if self.step == 1:
            return np.ascontiguousarray(part_HW)
        return np.asarray(cv2.resize(part_HW, (self.width, self.height), interpolation=cv2.INTER_AREA), np.uint8)


FlowSearch = Callable[[U8, U8, F32], F32]
"""A flow search: (first image, second image, initial flow) → flow. Images are grey and of one size; flows are (h, w, 2)
float32, the displacement of each pixel of the first image in x and y."""


class DenseInverseSearch:
    """Dense inverse search (DIS; Kroeger et al., ECCV 2016), OpenCV's implementation in its fastest preset."""

    def __init__(self) -> None:
        """The searches keep their buffers between calls; a result does not depend on earlier calls."""
        self.small, self.large = _inverse_search(SMALL_PATCH_STRIDE, 0), _inverse_search(PATCH_STRIDE, REFINEMENTS)

    def __call__(self, here_hw: U8, there_hw: U8, initial_hw2: F32) -> F32:
        """The displacement of each pixel, (h, w, 2) float32; the initial flow is kept where it matches better."""
        search = self.small if len(here_hw) < SMALL_HEIGHT else self.large
        with _one_thread():
            return np.asarray(search.calc(here_hw, there_hw, initial_hw2.copy()), np.float32)


def _inverse_search(stride: int, refinements: int) -> cv2.DISOpticalFlow:
    """A search with patches `stride` cells apart and `refinements` steps of variational refinement."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
    search.setFinestScale(FINEST_SCALE)
    search.setPatchStride(stride)
    search.setGradientDescentIterations(DESCENT_STEPS)
    search.setVariationalRefinementIterations(refinements)
    search.setUseMeanNormalization(
        False
    )  # lighting does not change between neighbouring frames, so absolute grey levels help
    return search


class PersonFlow:
    """Optical flow of one person's cells between two neighbouring frames."""

    def __init__(self, search: FlowSearch | None = None) -> None:
        """`search`: the flow search; default `DenseInverseSearch`."""
        self.search = search or DenseInverseSearch()

    def compute(
        self, here_HW: U8, there_HW: U8, grid: CellGrid, other: CellGrid, initial: InitialFlow | None = None
    ) -> FlowField | None:
        """The flow from a person's cells in one frame to a neighbouring frame; None if the image part is too small.

        There is no second search for a forward-backward check: it costs much and reduces flicker little.

        Args:
            here_HW, there_HW: grey images of the two frames, uint8, of one size.
            grid, other: the person's cells in each frame; the search starts from the displacement between their
                centres.
            initial: a first estimate of the flow; None: the displacement between the centres everywhere.
        """
        found = self._search(here_HW, there_HW, grid, other, initial)
        return None if found is None else _flow_on_grid(found[1], found[0], grid, other)

    def compute_both(
        self, here_HW: U8, there_HW: U8, grid: CellGrid, other: CellGrid, initial: InitialFlow | None = None
    ) -> tuple[FlowField, FlowField] | None:
        """The same flow as `compute`, and the backward flow: where the cells of the other grid are in this frame.

        The backward flow is the inverted forward flow (`_inverted`), because a second search takes five times as
        long.
        """
        found = self._search(here_HW, there_HW, grid, other, initial)
        if found is None:
            return None
        window, flow_hw3 = found
        return _flow_on_grid(flow_hw3, window, grid, other), _flow_on_grid(
            _inverted(flow_hw3), window.in_other_frame(), other, grid
        )

    def _search(
        self, here_HW: U8, there_HW: U8, grid: CellGrid, other: CellGrid, initial: InitialFlow | None
    ) -> tuple[FlowWindow, F32] | None:
        """The window around the person, and on its cells the flow in x and y and the trust, (h, w, 3)."""
        window = _window(here_HW, grid, other)
        if window.height < LEAST_CELLS or window.width < LEAST_CELLS:
            return None
        here_hw = window.mean_grey(here_HW, 0, 0)
        there_hw = window.mean_grey(there_HW, window.shift_x, window.shift_y)
        flow_hw2 = self.search(here_hw, there_hw, _initial_in_window(initial, window))
        flow_hw3 = np.asarray(
            cv2.merge([*cv2.split(flow_hw2), _photometric_trust(here_hw, there_hw, flow_hw2)]), np.float32
        )
        return window, flow_hw3


def warped(labels_hw: U8, values_hw4: F32, flow: FlowField) -> tuple[U8, F32]:
    """Labels and values read at the positions of a flow field; 0 outside of their grid.

    Values are interpolated between cells, because rounding would lose slow motion. At chart borders they are taken from
    the nearest cell.
    """
    around = np.ones((3, 3), np.uint8)
    border_hw = cv2.erode(labels_hw, around) != cv2.dilate(labels_hw, around)
    tags_hw = labels_hw | BORDER_BIT * border_hw
    tags_hw = np.asarray(cv2.remap(tags_hw, flow.x_hw, flow.y_hw, cv2.INTER_NEAREST), np.uint8)
    nearest_hw4 = cv2.remap(values_hw4, flow.x_hw, flow.y_hw, cv2.INTER_NEAREST)
    between_hw4 = np.asarray(cv2.remap(values_hw4, flow.x_hw, flow.y_hw, cv2.INTER_LINEAR), np.float32)
    cv2.copyTo(nearest_hw4, tags_hw & BORDER_BIT, between_hw4)
    return np.asarray(tags_hw & LABEL_BITS, np.uint8), between_hw4


def _window(here_HW: U8, grid: CellGrid, other: CellGrid) -> FlowWindow:
    """The window around a grid, cut so that it lies inside both frames."""
    lines, columns = here_HW.shape
    step = -(-grid.height * grid.step // MOST_ROWS)
    margin = MARGIN_CELLS * step
    shift_x, shift_y = (round(there - here) for there, here in zip(other.centre, grid.centre, strict=True))
    left, top = max(grid.x0 - margin, 0, -shift_x), max(grid.y0 - margin, 0, -shift_y)
    right = min(grid.x0 + grid.width * grid.step + margin, columns, columns - shift_x)
    bottom = min(grid.y0 + grid.height * grid.step + margin, lines, lines - shift_y)
    return FlowWindow(
        x=left,
        y=top,
        height=(bottom - top) // step,
        width=(right - left) // step,
        shift_x=shift_x,
        shift_y=shift_y,
        step=step,
    )


def _initial_in_window(initial: InitialFlow | None, window: FlowWindow) -> F32:
    """The initial flow on the cells of a window, in cells, less the window's shift; the surroundings do not move."""
    shape = (window.height, window.width)
    if initial is None:
        return np.zeros((*shape, 2), np.float32)
    shift_2 = np.array([window.shift_x, window.shift_y], np.float32)
    initial_hw2 = cv2.warpAffine(
        (initial.offset_hw2 - shift_2) / np.float32(window.step),
        _grid_to_window(initial.grid, window),
        shape[::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(-shift_2 / window.step).tolist(),
    )
    return np.asarray(initial_hw2, np.float32)


def _grid_to_window(grid: CellGrid, window: FlowWindow) -> F32:
    """The affine transform from cells of a grid to cells of a window, (2, 3)."""
    offset_x, offset_y = (
        (first - at + (grid.step - window.step) / 2) / window.step
        for first, at in ((grid.x0, window.x), (grid.y0, window.y))
    )
    scale = grid.step / window.step
    return np.array([[scale, 0, offset_x], [0, scale, offset_y]], np.float32)


def _flow_on_grid(flow_hw3: F32, window: FlowWindow, grid: CellGrid, other: CellGrid) -> FlowField:
    """Flow and trust on the cells of a window, resampled to a grid, as cells of the other grid."""
    step = window.step
    read_hw3 = cv2.warpAffine(
        flow_hw3,
        _grid_to_window(grid, window),
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
    return FlowField(x_hw=x_hw, y_hw=y_hw, trust_hw=trust_hw)


def _inverted(flow_hw3: F32) -> F32:
    """The backward flow, with its trust, from the forward flow.

    The backward flow at a point p is approximated by the negated forward flow at p − flow(p): exact for uniform
    motion.
    """
    height, width = flow_hw3.shape[:2]
    dx_hw, dy_hw = cv2.split(flow_hw3)[:2]
    from_x = np.arange(width, dtype=np.float32)[None, :] - dx_hw
    from_y = np.arange(height, dtype=np.float32)[:, None] - dy_hw
    inverted_hw3 = cv2.remap(flow_hw3, from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inverted_hw3[..., :2] *= -1
    return np.asarray(inverted_hw3, np.float32)


def _photometric_trust(here_hw: U8, there_hw: U8, flow_hw2: F32) -> F32:
    """Trust of the flow by grey level difference, averaged over 3 × 3 cells: 1 = equal, 0 = entirely different."""
    height, width = here_hw.shape
    to_x, to_y = cv2.split(flow_hw2)
    to_x += np.arange(width, dtype=np.float32)[None, :]
    to_y += np.arange(height, dtype=np.float32)[:, None]
    carried_hw = cv2.remap(there_hw, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return TRUST_256.take(cv2.blur(cv2.absdiff(here_hw, carried_hw), (3, 3)))


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run OpenCV with one thread: the search divides images into one stripe per thread, which changes results."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
