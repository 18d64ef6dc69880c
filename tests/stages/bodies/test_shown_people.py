"""People who are hidden, seen in part, or at another frame rate: what the files of an animation say of them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from pipeline.stage import StageError
from stages.bodies.animate import Animate
from stages.bodies.recorded_bodies import RecordedBodies
from stages.bodies.recorded_clip import ClipSettings, recorded_clip
from tests.stages.bodies.made_bodies import made_body
from tests.stages.bodies.test_animate import animated, job

FRAMES, HIDDEN_FRAMES, BRIDGED_FRAMES = 60, range(20, 40), range(45, 50)


def hidden_person(frames: int = FRAMES) -> list[list[tuple[int, FittedBody]]]:
    """Person 1 is in all frames, person 2 is hidden for .8 s and for .2 s, at 25 frames per second."""
    lacking = {*HIDDEN_FRAMES, *BRIDGED_FRAMES}
    return [
        [(1, made_body((-0.5, 0.1, 3.0))), *([] if t in lacking else [(2, made_body((0.9, 0.1, 3.5)))])]
        for t in range(frames)
    ]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_a_long_gap_is_hidden_and_a_short_one_bridged_and_marked(tmp_path: Path) -> None:
    animated(Animate(Animate.Config()), job(tmp_path, "two.csv"), hidden_person())
    rows = rows_of(tmp_path / "two.person_2.csv")
    expected = ["hidden" if t in HIDDEN_FRAMES else "bridged" if t in BRIDGED_FRAMES else "seen" for t in range(FRAMES)]
    assert [row["presence"] for row in rows] == expected
    assert rows[30]["left_knee_flexion"] == "" and rows[47]["left_knee_flexion"] != ""
    assert {row["presence"] for row in rows_of(tmp_path / "two.csv")} == {"seen"}


def test_bvh_states_where_a_person_is_not_visible(tmp_path: Path) -> None:
    (receipt,) = animated(Animate(Animate.Config()), job(tmp_path, "two.bvh"), hidden_person())
    assert any("person_2 is not visible from 0.80 to 1.60 s of the file" in note for note in receipt.facts["notes"])


def close_up(body: FittedBody) -> FittedBody:
    """The body of which only bones of head and neck are seen."""
    seen_B = np.array([name.startswith(("neck", "head", "jaw", "eye")) for name in load_body().bones], np.float32)
    return replace(body, seen_B=seen_B)


def test_somebody_of_whom_only_the_face_is_seen_is_left_out_with_a_word(tmp_path: Path) -> None:
    people = [[(1, made_body()), (2, close_up(made_body((0.9, 0, 3))))] for _ in range(20)]
    (receipt,) = animated(Animate(Animate.Config()), job(tmp_path, "two.glb"), people)
    assert receipt.facts["people"] == 1 and "person_2 is left out" in receipt.facts["warnings"][0]
    alone = [[(2, close_up(made_body()))] for _ in range(20)]
    with pytest.raises(StageError, match="only a small part of the body of person_2 is ever seen"):
        animated(Animate(Animate.Config()), job(tmp_path, "one.glb"), alone)
    (receipt,) = animated(Animate(Animate.Config(least_seen=0)), job(tmp_path, "all.glb"), people)
    assert receipt.facts["people"] == 2
    note = next(note for note in receipt.facts["notes"] if "never seen" in note)
    assert "trunk" in note and "leg.L" in note and "head" not in note and "of person_2" in note


def test_somebody_of_whom_each_part_is_hardly_seen_is_left_out(tmp_path: Path) -> None:
    faint = replace(made_body((0.9, 0, 3)), seen_B=np.full(len(load_body().bones), 0.01, np.float32))
    (receipt,) = animated(
        Animate(Animate.Config()), job(tmp_path, "two.glb"), [[(1, made_body()), (2, faint)] for _ in range(20)]
    )
    assert receipt.facts["people"] == 1


def test_shapes_follow_the_frames_that_show_the_whole_body() -> None:
    """Of 40 frames 30 show the head only, with a wrong shape."""
    recorded = RecordedBodies(width=320, height=240)
    for t in range(40):
        body = made_body(shape=0.5) if t >= 30 else close_up(made_body(shape=-1.5))
        recorded.add_frame(t / 25, [(1, body)])
    clip = recorded_clip(recorded, recorded.people, {}, ClipSettings(lock_feet=False))
    assert clip.motion_of["person_1"].shape_C[1] == pytest.approx(0.5)


@pytest.mark.parametrize(("fps", "frames"), [(50, 39), (10, 8)])
def test_another_frame_rate_resamples(tmp_path: Path, fps: float, frames: int) -> None:
    people = hidden_person(20)
    animated(Animate(Animate.Config(fps=fps)), job(tmp_path, "two.csv"), people)
    rows = rows_of(tmp_path / "two.csv")
    assert len(rows) == frames and float(rows[-1]["seconds"]) == pytest.approx((frames - 1) / fps)


def test_a_least_time_beyond_a_minute_is_refused() -> None:
    with pytest.raises(ValueError, match="least_seconds is 999"):
        Animate.Config(least_seconds=999)
