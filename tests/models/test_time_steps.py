"""How long frames last, and what shares and limits of time are at other frame rates."""

from __future__ import annotations

import numpy as np
import pytest

from models.time_steps import FRAME_S, FrameTime, frame_steps, gain_after, remaining

pytestmark = pytest.mark.quick


def test_regular_frames_keep_their_exact_step() -> None:
    second_T = np.arange(100) * 1001 / 30000
    steps = frame_steps(second_T)
    assert steps.equal and abs(steps.seconds - 1001 / 30000) < 1e-12
    assert frame_steps(np.round(second_T, 3)).equal, "a container that counts milliseconds"
    assert not frame_steps(np.delete(second_T, [10, 11, 12])).equal
    assert frame_steps(np.array([3.0])).seconds == pytest.approx(1 / 30)


def test_what_remains_is_the_same_after_the_same_time_at_any_frame_rate() -> None:
    assert remaining(0.7, 1 / 30) == 0.7, "frames at 30 per second keep their bytes"
    for rate in (5, 30, 120):
        share = np.prod([remaining(0.7, 1 / rate)] * (2 * rate // 5))
        assert share == pytest.approx(0.7**12)


def test_a_filter_learns_the_same_in_the_same_time_at_any_frame_rate() -> None:
    for rate in (5, 30, 120):
        left = np.prod([1 - gain_after(0.4, 1 / rate)] * (2 * rate // 5))
        assert left == pytest.approx(0.6**12)


def times(*seconds: float) -> FrameTime:
    """The time of the last of some frames."""
    now = FrameTime()
    for second in seconds:
        now = now.next(second)
    return now


def test_time_without_a_detection_is_counted_up_to_the_frame_before() -> None:
    """Milliseconds are rounded; frames that are far from each other miss nobody who is in both; earlier is new."""
    tenth = np.round(np.arange(9) / 30, 3).tolist()
    assert times(*tenth).within(0.0, 7 / 30) and not times(*tenth).within(0.0, 6 / 30)
    assert times(0.0, 60.0).within(0.0, 0.1) and not times(0.0, 60.0, 120.0).within(0.0, 0.1)
    assert not times(5.0, 1.0).within(5.0, 100.0) and not times(1.0).within(1.0, 100.0)


def test_a_filter_takes_a_gap_as_one_frame() -> None:
    assert times(0.0, 1 / 30, 2 / 30).filter_step(0.0) == pytest.approx(FRAME_S)
    assert times(0.0, 1 / 120).filter_step(0.0) == pytest.approx(1 / 120)
    assert times(*(np.arange(9) / 120)).filter_step(0.0) == pytest.approx(FRAME_S)
    assert times(0.0, 0.2, 0.4).filter_step(0.0) == pytest.approx(0.2)
