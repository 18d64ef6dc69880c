"""The clips in configs/ are what their script renders: frames, footsteps, size."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from stages.synthetic.demo_clip import (
    CONFIGS,
    FRAMES,
    LARGE,
    RATE,
    SMALL,
    SOUND_RATE,
    SUPERSAMPLING,
    Shot,
    camera,
    footsteps,
    frame_at,
    walkers,
)
from stages.world.backgrounds.plaza import paint_plaza

pytestmark = pytest.mark.quick


CLIP = CONFIGS / SMALL.name


@pytest.fixture(scope="module")
def frames() -> list[np.ndarray]:
    with av.open(str(CLIP)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    """(2, samples)."""
    with av.open(str(CLIP)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_size_length_and_streams(frames: list[np.ndarray], sound: np.ndarray) -> None:
    assert CLIP.stat().st_size < 2_000_000
    assert len(frames) == FRAMES and frames[0].shape == (SMALL.height, SMALL.width, 3)
    with av.open(str(CLIP)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.average_rate, video.codec_context.pix_fmt) == ("h264", RATE, "yuv420p")
        assert (audio.codec_context.name, audio.codec_context.sample_rate) == ("aac", SOUND_RATE)
    assert 4 <= FRAMES / RATE <= 6
    assert sound.shape[1] / SOUND_RATE == pytest.approx(FRAMES / RATE, abs=0.05)


def test_the_clip_for_users_is_the_same_scene_with_people_large_enough_to_see() -> None:
    """Its first and last frame would take seconds to render at full size: a view of a quarter of it is compared."""
    path = CONFIGS / LARGE.name
    assert path.stat().st_size < 1_500_000
    with av.open(str(path)) as container:
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert len(container.streams.audio) == 1
    assert len(shown) == FRAMES and shown[0].shape == (720, 1280, 3)
    quarter = Shot(name="", width=320, height=180, focal=LARGE.focal, crf=0)
    drawn = frame_at(quarter, 60 / RATE, walkers(), paint_plaza(camera(quarter, SUPERSAMPLING)))
    small = cv2.resize(shown[60], (320, 180), interpolation=cv2.INTER_AREA)
    assert np.sqrt(((small - drawn.astype(float)) ** 2).mean()) < 9
    nobody = np.median(np.stack(shown[::10]), axis=0)
    rows = (np.abs(shown[60] - nobody).max(axis=-1) > 40).sum(axis=1) > 8
    assert rows.sum() > 300  # pixels that people are tall


def test_frames_are_those_that_the_script_renders(frames: list[np.ndarray]) -> None:
    cast, backdrop = walkers(), paint_plaza(camera(SMALL, SUPERSAMPLING))
    for number in (0, 60, FRAMES - 1):
        drawn = frame_at(SMALL, number / RATE, cast, backdrop).astype(float)
        error = np.sqrt(((frames[number] - drawn) ** 2).mean())
        assert error < 5.5, number  # of 255: loss of the codec; the next frame differs by 7
    assert np.sqrt(((frames[60] - frames[61].astype(float)) ** 2).mean()) > 6


def test_people_are_visible_all_the_time(frames: list[np.ndarray]) -> None:
    background = np.median(np.stack(frames[::10]), axis=0)
    for frame in frames[::20]:
        changed = (np.abs(frame - background).max(axis=-1) > 40).mean()
        assert 0.02 < changed < 0.3


def test_steps_sound_at_their_time_and_on_their_side(sound: np.ndarray) -> None:
    steps = footsteps(SMALL, walkers())
    assert len(steps) >= 14
    for step in steps:
        start = round(step.second * SOUND_RATE)
        before = np.abs(sound[:, max(0, start - 2400) : max(1, start - 1400)]).max(initial=0)
        during = np.abs(sound[:, start : start + 1400])
        assert during.max() > 0.05
        isolated = all(abs(step.second - other.second) > 0.15 for other in steps if other is not step)
        if isolated and start > 2400:
            assert during.max() > 1.5 * before
        if isolated and abs(step.pan) > 0.5:
            left, right = np.square(during).sum(axis=1)
            assert (right > left) == (step.pan > 0)
