"""Where each pixel of a person was one frame ago: dense optical flow on a small picture of both frames."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from stages.payloads import F32, U8

MARGIN = 8
"""Pixels of the small picture around a person that the flow sees too."""
SMALLEST = 16
"""Pixels, in either direction, under which a picture is too small for the flow's patches."""
SURE_RESIDUAL, LOST_RESIDUAL = 5.0, 25.0
"""Grey levels of 255 between a pixel and where it came from: full trust up to the first, none from the second on."""

SURE_WAY, LOST_WAY = 0.5, 1.5
"""Pixels by which the way there and back may miss its start: full trust up to the first, none from the second on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Small:
    """A frame as the flow sees it: grey_hw uint8, and `scale` = its size over the frame's."""

    grey_hw: U8
    scale: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the pixels of a grid were in the frame before.

    Attributes:
        x_hw, y_hw: float32 pixel coordinates in the frame before.
        trust_hw: 0..1, how well what is there looks like what is here.
    """

    x_hw: F32
    y_hw: F32
    trust_hw: F32


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Pixels of a frame, regularly spaced: the upper left one, how many, and how far apart."""

    x0: int
    y0: int
    height: int
    width: int
    step: int = 1

    @property
    def centre(self) -> tuple[float, float]:
        """x, y of its middle, in pixels of the frame."""
        return self.x0 + self.width * self.step / 2, self.y0 + self.height * self.step / 2


def small_picture(frame_HW3: U8, lines: int) -> Small:
    """A grey copy of about so many lines, under twice as many: a whole number of pixels become one."""
    grey_hw = np.asarray(cv2.cvtColor(frame_HW3, cv2.COLOR_RGB2GRAY), np.uint8)
    merged = max(1, grey_hw.shape[0] // lines)
    if merged == 1 or grey_hw.shape[1] < merged:
        return Small(grey_hw=grey_hw, scale=1.0)
    height, width = (side // merged for side in grey_hw.shape)
    whole_hw = grey_hw[: height * merged, : width * merged]
    small_hw = cv2.resize(whole_hw, (width, height), interpolation=cv2.INTER_AREA)
    return Small(grey_hw=np.asarray(small_hw, np.uint8), scale=1 / merged)


class Flow:
    """Dense inverse search (Kroeger et al., ECCV 2016), OpenCV's, at its fastest setting."""

    def __init__(self) -> None:
        """Buffers are kept between calls; results do not depend on earlier calls."""
        self.search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def origin(self, now: Small, before: Small, grid: Grid, was: Grid) -> Origin | None:
        """Where the pixels of `grid` were in the frame before, or None where the picture is too small to tell.

        Args:
            now, before: small pictures of this frame and the one before, of one size.
            grid: the person's, in pixels of the frame.
            was: where the person was in the frame before; the search starts there.
        """
        x, y, shift_x, shift_y, height, width = _region(now, grid, was)
        if height < SMALLEST or width < SMALLEST:
            return None
        here = np.ascontiguousarray(now.grey_hw[y : y + height, x : x + width])
        there = before.grey_hw[y + shift_y : y + shift_y + height, x + shift_x : x + shift_x + width]
        there = np.ascontiguousarray(there)
        flow_hw2, back_hw2 = self._search(here, there), self._search(there, here)
        known_hw3 = cv2.merge([*cv2.split(flow_hw2), _trust(here, there, flow_hw2, back_hw2)])
        offset, spacing = 0.5 * now.scale - 0.5, now.scale * grid.step
        to_small = np.array(
            [[spacing, 0, grid.x0 * now.scale + offset - x], [0, spacing, grid.y0 * now.scale + offset - y]]
        )
        known_hw3 = cv2.warpAffine(
            known_hw3,
            to_small,
            (grid.width, grid.height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        x_w = np.arange(grid.width, dtype=np.float32) * grid.step + np.float32(grid.x0 + shift_x / now.scale)
        y_h = np.arange(grid.height, dtype=np.float32) * grid.step + np.float32(grid.y0 + shift_y / now.scale)
        longer = np.float32(1 / now.scale)
        return Origin(
            x_hw=known_hw3[..., 0] * longer + x_w[None, :],
            y_hw=known_hw3[..., 1] * longer + y_h[:, None],
            trust_hw=np.ascontiguousarray(known_hw3[..., 2]),
        )

    def _search(self, one_hw: U8, other_hw: U8) -> F32:
        """Where each pixel of one picture went in the other, (h, w, 2)."""
        with _one_thread():
            return np.asarray(self.search.calc(one_hw, other_hw, np.zeros((*one_hw.shape, 2), np.float32)), np.float32)


def _region(now: Small, grid: Grid, was: Grid) -> tuple[int, int, int, int, int, int]:
    """The small picture's rectangle x, y around the grid, its shift in the picture before, and height, width.

    Cut so that it lies inside both pictures.
    """
    lines, columns = now.grey_hw.shape
    shift_x = round((was.centre[0] - grid.centre[0]) * now.scale)
    shift_y = round((was.centre[1] - grid.centre[1]) * now.scale)
    left = max(int(grid.x0 * now.scale) - MARGIN, 0, -shift_x)
    top = max(int(grid.y0 * now.scale) - MARGIN, 0, -shift_y)
    right = min(int((grid.x0 + grid.width * grid.step) * now.scale) + MARGIN, columns, columns - shift_x)
    bottom = min(int((grid.y0 + grid.height * grid.step) * now.scale) + MARGIN, lines, lines - shift_y)
    return left, top, shift_x, shift_y, bottom - top, right - left


def _trust(here_hw: U8, there_hw: U8, flow_hw2: F32, back_hw2: F32) -> F32:
    """1 where the flow leads to the same grey and the flow back leads home, 0 where one of the two is lost.

    Judged at every other pixel, the grey over 3 × 3 of them.
    """
    height, width = here_hw.shape
    coarse_hw2 = np.ascontiguousarray(flow_hw2[::2, ::2])
    to_x, to_y = cv2.split(coarse_hw2)
    to_x += np.arange(0, width, 2, dtype=np.float32)[None, :]
    to_y += np.arange(0, height, 2, dtype=np.float32)[:, None]
    carried_hw = cv2.remap(there_hw, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    apart_hw = cv2.absdiff(np.ascontiguousarray(here_hw[::2, ::2]), carried_hw)
    residual_hw = cv2.blur(apart_hw, (3, 3)).astype(np.float32)
    home_hw2 = cv2.remap(back_hw2, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    astray_hw = cv2.magnitude(*cv2.split(cv2.add(home_hw2, coarse_hw2)))
    alike_hw = np.clip((LOST_RESIDUAL - residual_hw) / (LOST_RESIDUAL - SURE_RESIDUAL), 0, 1)
    trust_hw = alike_hw * np.clip((LOST_WAY - astray_hw) / (LOST_WAY - SURE_WAY), 0, 1)
    return np.asarray(cv2.resize(trust_hw, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The search cuts the picture into one stripe a thread, and stripes change the result: always one."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
