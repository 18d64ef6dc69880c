"""Smoothed boxes: the closed form of the filter, uniform motion, jumps and gaps."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from models.time_steps import FrameTime
from stages.payloads import FrameChunk, People, VideoInfo
from stages.people.track import Track
from stages.people.trajectory import DRIFT_GAIN, SmoothedBox

pytestmark = pytest.mark.quick

BOX = np.array([50.0, 40.0, 150.0, 240.0])
GAIN = 0.4


def at(frame: int) -> FrameTime:
    """The time of a frame of 30 a second."""
    return FrameTime(second=frame / 30, before=(frame - 1) / 30)


def shown(found_T4: np.ndarray, gain: float = GAIN) -> np.ndarray:
    """The smoothed boxes of one box per frame."""
    smoothed = SmoothedBox.first(found_T4[0], 0.0)
    boxes = [smoothed.box_4]
    for frame, found_4 in enumerate(found_T4[1:], start=1):
        smoothed = smoothed.updated(found_4, at(frame), gain)
        boxes.append(smoothed.box_4)
    return np.stack(boxes)


def test_jitter_shrinks_as_the_closed_form_of_the_filter_says() -> None:
    """Variance after an alpha-beta filter over that before: (2a² + 2b − 3ab) / (a (4 − 2a − b)) (Kalata 1984)."""
    noise_T4 = np.random.default_rng(0).normal(0, 0.5, (20_000, 4))
    a, b = GAIN, DRIFT_GAIN
    expected = (2 * a * a + 2 * b - 3 * a * b) / (a * (4 - 2 * a - b))
    ratio = (shown(BOX + noise_T4)[100:] - BOX).var() / noise_T4.var()
    assert ratio == pytest.approx(expected, rel=0.03)


def test_uniform_motion_does_not_lag() -> None:
    found_T4 = BOX + np.arange(60)[:, None] * np.array([3.0, 0.5, 3.0, 0.5])
    assert np.abs(shown(found_T4)[40:] - found_T4[40:]).max() < 0.05


def test_a_limb_that_is_stretched_is_shown_at_once() -> None:
    found_T4 = np.tile(BOX, (10, 1))
    found_T4[5:, 2] += 40
    assert np.array_equal(shown(found_T4)[5], found_T4[5])


def test_the_filter_starts_anew_after_a_gap() -> None:
    smoothed = SmoothedBox.first(BOX, 0.0).updated(BOX + 2, at(1), GAIN)
    assert np.array_equal(smoothed.updated(BOX + 5, at(9), GAIN).box_4, BOX + 5)


def test_a_gain_of_one_shows_boxes_as_found() -> None:
    found_T4 = BOX + np.random.default_rng(1).normal(0, 4, (20, 4))
    assert np.array_equal(shown(found_T4, gain=1.0), found_T4)


def test_tracking_smooths_boxes_of_people_with_an_identity_only() -> None:
    """One person stands; a second box with a low score jumps between two places."""
    rng = np.random.default_rng(2)
    video = VideoInfo(path="", width=320, height=240, still=False, rate=Fraction(25), time_base=Fraction(1, 25))
    box_T24 = np.stack([BOX, BOX + 100])[None] + rng.normal(0, 1, (30, 2, 4))
    box_T24[::2, 1] -= [90, 0, 90, 0]
    chunk = FrameChunk(rgb_THW3=np.zeros((30, 240, 320, 3), np.uint8), pts_T=np.arange(30), first=0, video=video)
    people = People(
        frame_N=np.repeat(np.arange(30, dtype=np.int32), 2),
        box_N4=box_T24.reshape(-1, 4).astype(np.float32),
        score_N=np.tile(np.array([0.9, 0.1], np.float32), 30),
        id_N=np.full(60, -1, np.int32),
    )
    (tracked,) = Track(Track.Config())(chunk, people)
    assert (
        np.abs(np.diff(tracked.box_N4[::2], axis=0)).mean() < 0.7 * np.abs(np.diff(people.box_N4[::2], axis=0)).mean()
    )
    assert np.array_equal(tracked.box_N4[1::2], people.box_N4[1::2])
    (as_found,) = Track(Track.Config(box_gain=1))(chunk, people)
    assert np.array_equal(as_found.box_N4, people.box_N4)
