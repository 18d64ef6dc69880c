"""Frames for a caller: every chunk cut into single frames, each with its own people."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from pipeline.stage import StageError
from stages.payloads import Bodies, FrameChunk, Overlay, People, PersonSurface, Surfaces, VideoInfo
from stages.results.frames import Frames
from tests.stages.bodies.made_bodies import made_body, raised

pytestmark = pytest.mark.quick


def chunk(count: int, first: int) -> FrameChunk:
    video = VideoInfo(path="a.mp4", width=4, height=2, still=False, rate=Fraction(25), time_base=Fraction(1, 100))
    rgb = np.arange(count, dtype=np.uint8)[:, None, None, None] + np.zeros((count, 2, 4, 3), np.uint8)
    return FrameChunk(rgb_THW3=rgb, pts_T=np.arange(count, dtype=np.int64) * 4 + 40, first=first, video=video)


def surface(number: int) -> PersonSurface:
    return PersonSurface(x0=number, y0=0, labels_hw=np.zeros((1, 1), np.uint8), uv_2hw=np.zeros((2, 1, 1), np.float32))


def test_each_frame_gets_its_own_bodies_if_the_caller_asks() -> None:
    assert Frames.needs(Frames.Config()) == () and Frames.needs(Frames.Config(fitted=True)) == ("fit",)
    first, second = made_body(), made_body((1, 0, 4))
    bodies = Bodies.joined([Bodies.of_frame([(4, first)]), Bodies.of_frame([]), Bodies.of_frame([(4, second)])])
    frames = list(Frames(Frames.Config(fitted=True))(chunk(3, first=0), None, None, None, bodies))
    assert [list(frame.bodies.body_N) for frame in frames] == [[first], [], [second]]
    assert [frame.bodies for frame in Frames(Frames.Config())(chunk(1, first=0), None, None, None)] == [None]


def test_a_caller_is_told_when_a_state_begins() -> None:
    """The same as the table of events; another input begins anew."""
    assert Frames.needs(Frames.Config(states=True)) == ("fit",)
    stage = Frames(Frames.Config(states=True))
    bodies = Bodies.joined([Bodies.of_frame([(3, raised()), (-1, raised())])] * 25)
    for _ in range(2):
        frames = list(stage(chunk(25, first=0), None, None, None, bodies))
        found = [(frame.index, *one) for frame in frames for one in frame.state_changes]
        ((index, identity, change),) = found
        assert (index, identity, change.state, change.begins) == (10, 3, "arms_raised", True)
        assert change.second == 0.4  # the first frame's time
    with pytest.raises(ValueError, match="tilt_deg is 95"):
        Frames.Config(tilt_deg=95)


def test_each_frame_gets_its_own_people_in_their_order() -> None:
    people = People(
        frame_N=np.array([0, 0, 2], np.int32),
        box_N4=np.arange(12, dtype=np.float32).reshape(3, 4),
        score_N=np.array([0.9, 0.8, 0.7], np.float32),
        id_N=np.array([4, 5, 4], np.int32),
    )
    surfaces = Surfaces(people=(surface(10), surface(11), surface(12)))
    overlay = Overlay(rgb_THW3=np.full((3, 2, 4, 3), 7, np.uint8))
    frames = list(Frames(Frames.Config())(chunk(3, first=10), people, surfaces, overlay))
    assert [frame.index for frame in frames] == [10, 11, 12]
    assert [frame.seconds for frame in frames] == [0.4, 0.44, 0.48]
    assert [frame.people.id_N.tolist() for frame in frames] == [[4, 5], [], [4]]
    assert [[one.x0 for one in frame.surfaces.people] for frame in frames] == [[10, 11], [], [12]]
    assert frames[2].people.box_N4.tolist() == [[8, 9, 10, 11]] and frames[2].people.frame_N.tolist() == [0]
    assert [int(frame.rgb_HW3[0, 0, 0]) for frame in frames] == [0, 1, 2]
    assert all((frame.overlay_HW3 == 7).all() for frame in frames)


def test_missing_results_are_empty() -> None:
    (frame,) = Frames(Frames.Config())(chunk(1, first=0), None, None, None)
    assert len(frame.people) == 0 and len(frame.surfaces) == 0 and frame.overlay_HW3 is None


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_only_images_are_accepted(shape: tuple[int, ...]) -> None:
    with pytest.raises(StageError, match="expected an"):
        FrameChunk.of_image(np.zeros(shape, np.uint8))
    with pytest.raises(StageError, match="float64"):
        FrameChunk.of_image(np.zeros((4, 4, 3)))
