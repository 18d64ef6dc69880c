"""The clip in configs/ is what its script makes: pictures, footsteps, size."""

from __future__ import annotations

import av
import numpy as np
import pytest

from stages.synthetic.demo_clip import (
    CLIP,
    FINER,
    FRAMES,
    HEIGHT,
    RATE,
    SOUND_RATE,
    WIDTH,
    camera,
    footsteps,
    picture_at,
    walkers,
)
from stages.world.backgrounds.plaza import paint_plaza


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    with av.open(str(CLIP)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def heard() -> np.ndarray:
    """(2, samples)."""
    with av.open(str(CLIP)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_size_length_and_streams(pictures: list[np.ndarray], heard: np.ndarray) -> None:
    assert CLIP.stat().st_size < 2_000_000
    assert len(pictures) == FRAMES and pictures[0].shape == (HEIGHT, WIDTH, 3)
    with av.open(str(CLIP)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.average_rate, video.codec_context.pix_fmt) == ("h264", RATE, "yuv420p")
        assert (audio.codec_context.name, audio.codec_context.sample_rate) == ("aac", SOUND_RATE)
    assert 4 <= FRAMES / RATE <= 6
    assert heard.shape[1] / SOUND_RATE == pytest.approx(FRAMES / RATE, abs=0.05)


def test_frames_are_those_the_script_draws(pictures: list[np.ndarray]) -> None:
    cast, backdrop = walkers(), paint_plaza(camera(FINER))
    for number in (0, 60, FRAMES - 1):
        drawn = picture_at(number / RATE, cast, backdrop).astype(float)
        error = np.sqrt(((pictures[number] - drawn) ** 2).mean())
        assert error < 5.5, number  # of 255: what the codec loses; the very next frame differs by 7
    assert np.sqrt(((pictures[60] - pictures[61].astype(float)) ** 2).mean()) > 6


def test_people_walk_the_whole_time(pictures: list[np.ndarray]) -> None:
    calm = np.median(np.stack(pictures[::10]), axis=0)
    for picture in pictures[::20]:
        changed = (np.abs(picture - calm).max(axis=-1) > 40).mean()
        assert 0.02 < changed < 0.3


def test_steps_are_heard_when_and_where_they_fall(heard: np.ndarray) -> None:
    steps = footsteps(walkers())
    assert len(steps) >= 14
    for step in steps:
        start = round(step.second * SOUND_RATE)
        before = np.abs(heard[:, max(0, start - 2400) : max(1, start - 1400)]).max(initial=0)
        during = np.abs(heard[:, start : start + 1400])
        assert during.max() > 0.05
        lonely = all(abs(step.second - other.second) > 0.15 for other in steps if other is not step)
        if lonely and start > 2400:
            assert during.max() > 1.5 * before
        if lonely and abs(step.pan) > 0.5:
            left, right = np.square(during).sum(axis=1)
            assert (right > left) == (step.pan > 0)
