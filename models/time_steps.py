"""Time steps: how long a frame lasts, and how a share or a limit is converted from one frame rate to another.

All other modules ask this one, so that a video gives the same result at any frame rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from models.arrays import Float

FRAME_S = 1 / 30
"""Seconds. Shares and speeds are stated for frames of this length; a single frame lasts as long."""
FALLBACK_RATE = Fraction(25)
"""Frames per second where a container states no rate; as FFmpeg assumes for raw streams."""
ROUNDING_S = 2e-3
"""Seconds by which times of frames may be off: containers round them to milliseconds."""
JITTER = 0.1
"""Frames count as evenly spaced if they differ from a regular grid by at most this share of a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSteps:
    """The time step between frames, seconds, and whether all steps are equal."""

    seconds: float
    equal: bool


def frame_steps(second_T: Float) -> FrameSteps:
    """The time step of frames at these ascending seconds; `FRAME_S` for a single frame."""
    if len(second_T) < 2:
        return FrameSteps(seconds=FRAME_S, equal=True)
    step = (second_T[-1] - second_T[0]) / (len(second_T) - 1)
    grid_T = second_T[0] + step * np.arange(len(second_T))
    if np.abs(second_T - grid_T).max() <= JITTER * step:
        return FrameSteps(seconds=float(step), equal=True)
    return FrameSteps(seconds=float(np.median(np.diff(second_T))), equal=False)


def nominal_ticks(rate: Fraction | None, time_base: Fraction) -> Fraction:
    """Exact duration of one frame in ticks of `time_base` at `rate` frames per second."""
    return 1 / ((rate or FALLBACK_RATE) * time_base)


def remaining(share: float, seconds: float) -> float:
    """What remains of 1 after some seconds, if a share of it remains after `FRAME_S`.

    Times of frames are rounded, so that frames of `FRAME_S` give exactly the share.
    """
    return share ** frames_in(seconds)


def gain_after(gain: float, seconds: float) -> float:
    """The gain of a filter whose last measurement is some seconds old, if it is `gain` after `FRAME_S`."""
    return 1 - remaining(1 - gain, seconds)


def frames_in(seconds: float) -> float:
    """How many frames of `FRAME_S` last this long; whole numbers stay exact although times of frames are rounded."""
    return round(seconds / FRAME_S, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameTime:
    """The time of a frame, and of the frame before it in the same stream.

    Attributes:
        second: seconds on the source's own clock; −inf before the first frame.
        before: the same of the frame before; −inf if there is none.
    """

    second: float = -np.inf
    before: float = -np.inf

    def next(self, second: float) -> FrameTime:
        """The time of the frame after this one; an earlier time is the first frame of another stream."""
        return FrameTime(second=second, before=self.second if second > self.second else -np.inf)

    def within(self, seen_s: float, longest_s: float) -> bool:
        """Whether who was last seen at `seen_s` was missing for at most `longest_s` seconds before this frame.

        Who was seen in the frame before was missing for no time, however long ago that was.
        """
        return 0 <= self.before - seen_s <= longest_s + ROUNDING_S

    def filter_step(self, seen_s: float) -> float:
        """The time step, seconds, of a filter that was last updated at `seen_s`.

        After missing measurements the next one counts as one frame, of `FRAME_S` at least.
        """
        return min(self.second - seen_s, max(self.second - self.before, FRAME_S))
