"""The film that a notebook plays: it decodes, with the frames' own times."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest

from pipeline.stage import StageError
from stages.payloads import People, Surfaces
from stages.results import player
from stages.results.frames import Frame
from stages.results.people_with_surfaces import PeopleWithSurfaces
from stages.results.player import Player

pytestmark = pytest.mark.quick


def frame(seconds: float, level: int, shape: tuple[int, int] = (20, 30), drawn: bool = True) -> Any:
    rgb = np.full((*shape, 3), level, np.uint8)
    return SimpleNamespace(seconds=seconds, rgb_HW3=rgb // 2, overlay_HW3=rgb if drawn else None)


def decoded(mp4: bytes) -> list[av.VideoFrame]:
    with av.open(io.BytesIO(mp4)) as container:
        return list(container.decode(video=0))


def test_the_film_has_the_frames_at_their_times() -> None:
    made = Player(frame(seconds, level) for seconds, level in [(1.0, 40), (1.1, 120), (1.35, 200)])
    found = decoded(made.mp4)
    assert made.frames == 3 and found[0].format.name == "yuv420p"
    assert [one.time - found[0].time for one in found] == pytest.approx([0, 0.1, 0.35], abs=1e-4)
    assert [one.to_ndarray(format="rgb24").mean() for one in found] == pytest.approx([40, 120, 200], abs=4)


def test_odd_sizes_grow_by_one_and_frames_without_a_drawing_show_the_original() -> None:
    (one,) = decoded(Player([frame(0, 200, (21, 31), drawn=False)]).mp4)
    assert (one.height, one.width) == (22, 32) and one.to_ndarray(format="rgb24").mean() == pytest.approx(100, abs=4)


def test_a_notebook_gets_a_page_with_the_film_inside_and_a_file_holds_the_same(tmp_path: Path) -> None:
    made = Player([frame(0, 9), frame(1, 9)])
    inside = re.search(r'<video [^>]*src="data:video/mp4;base64,([^"]+)"', made._repr_html_())
    made.save(tmp_path / "film.mp4")
    assert inside and base64.b64decode(inside[1]) == made.mp4 == (tmp_path / "film.mp4").read_bytes()


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "there is no frame; give the frames that run\\(\\) yields"),
        ([frame(0, 9), frame(0, 9)], "frame 1: these frames are not of one film"),
        ([frame(0, 9), frame(1, 9, (10, 10))], "make a player for each film"),
    ],
)
def test_what_is_no_film_is_refused(frames: list[Any], message: str) -> None:
    with pytest.raises(StageError, match=message):
        Player(frames)


def test_a_film_that_stops_a_browser_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "MAX_BYTES", 1000)
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    frames = [SimpleNamespace(seconds=t / 25, rgb_HW3=noise, overlay_HW3=np.roll(noise, 40 * t, 0)) for t in range(90)]
    with pytest.raises(StageError, match="show a part of the film, or write it"):
        Player(frames)


def test_a_frame_shows_itself() -> None:
    empty = np.zeros(0, np.int32)
    nobody = People(frame_N=empty, box_N4=np.zeros((0, 4)), score_N=np.zeros(0), id_N=empty)
    people = PeopleWithSurfaces.of(nobody, (), 2, 3)
    drawn = np.full((2, 3, 3), [1, 2, 3], np.uint8)
    for overlay, shown in ((drawn, [1, 2, 3]), (None, [0, 0, 0])):
        one = Frame(
            path="", index=0, seconds=0, rgb_HW3=np.zeros((2, 3, 3), np.uint8), people=people,
            surfaces=Surfaces(people=()), overlay_HW3=overlay,
        )  # fmt: skip
        image = cv2.imdecode(np.frombuffer(one._repr_png_(), np.uint8), cv2.IMREAD_COLOR)
        assert image[0, 0, ::-1].tolist() == shown
