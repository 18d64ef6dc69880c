"""Things that stand still are told from people over the frames of a track, and left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from moving_oval import BODY_HEIGHT, BODY_WIDTH, STEADY, Shot, chunk_of, pattern, shot

from models.time_steps import FrameTime
from stages.payloads import People, Surfaces
from stages.people.bridge import Bridge
from stages.people.person_evidence import CUES, RULE_CUES, ThingRule, TrackEvidence, fitted_rule, without_things
from stages.people.point_flow import PointFlow, SmallFrame, cells_of, log_speeds
from stages.people.verify import Verify

STILL, MOVING = np.zeros((24, 2)), STEADY[:24]
RULE = ThingRule(
    centre_K=np.array([0.0, 0.5, -5.0, -1.0]),
    scale_K=np.ones(4),
    weight_K=np.array([1.0, 0.0, 0.0, 0.0]),
    bias=0.0,
    most_best_score=-0.5,
    most_motion=-5.0,
    margin=0.3,
)
"""Doubtful: best score below .38, and slower than exp(−5) heights a frame; a thing if the confidence is below .5."""


def given(clip: Shot, frames: range, score: float, confidence: float) -> tuple[People, Surfaces]:
    """The oval in some frames as a network finds it."""
    half = np.array([BODY_WIDTH, BODY_HEIGHT]) / 2
    corners = clip.place_T2[list(frames)]
    people = People(
        frame_N=np.arange(len(frames), dtype=np.int32),
        box_N4=np.concatenate([corners - half, corners + half], axis=1).astype(np.float32),
        score_N=np.full(len(frames), score, np.float32),
        id_N=np.full(len(frames), 7, np.int32),
    )
    return people, Surfaces(
        people=tuple(replace(clip.truth[t], confidence_hw=np.full_like(clip.truth[t].confidence_hw, confidence))
                     for t in frames)
    )  # fmt: skip


def verified(
    clip: Shot, *, score: float = 0.15, confidence: float = 0.3, ahead: int = 0, chunk: int = 1, cut: int | None = None
) -> list[bool]:
    """Whether each frame's oval is taken for a thing; `cut`: the frame at which another stage continues."""
    stage = Verify(Verify.Config(look_ahead=ahead))
    stage.rule = RULE
    found: list[People] = []
    for first in range(0, len(clip.truth), chunk):
        if first == cut:
            state, stage = stage.state(), Verify(Verify.Config(look_ahead=ahead))
            stage.rule = RULE
            stage.restore(state)
        frames = range(first, min(first + chunk, len(clip.truth)))
        found += stage(
            chunk_of(clip.rgb_THW3[frames.start : frames.stop], first), *given(clip, frames, score, confidence)
        )
    found += stage.flush()
    return [
        bool(thing)
        for people in found
        for thing in (people.thing_N if people.thing_N is not None else [False] * len(people))
    ]


def test_a_still_thing_is_left_out_from_its_third_frame_live_and_from_its_first_in_files() -> None:
    clip = shot(STILL)
    live = verified(clip)
    assert live[:2] == [False, False] and all(live[2:])
    assert all(verified(clip, ahead=4))


@pytest.mark.parametrize("change", [{"score": 0.5}, {"confidence": 0.8}], ids=["a high score", "a confident surface"])
def test_a_still_person_stays(change: dict[str, float]) -> None:
    assert not any(verified(shot(STILL), **change))  # type: ignore[arg-type]


def test_who_moves_stays() -> None:
    assert not any(verified(shot(MOVING)))


def test_a_thing_that_begins_to_move_is_a_person_again() -> None:
    """Twelve frames at rest, then 4 pixels a frame."""
    steps_T2 = np.zeros((24, 2))
    steps_T2[12:] = (4, 0)
    decisions = verified(shot(steps_T2))
    assert decisions[11] and not any(decisions[22:])


def test_motion_is_not_measured_across_cuts() -> None:
    """The same pictures, once as one shot and once as a shot a frame."""
    clip, weights = shot(STILL), []
    for cuts in (False, True):
        stage = Verify(Verify.Config())
        people, surfaces = given(clip, range(4), 0.15, 0.3)
        list(stage(replace(chunk_of(clip.rgb_THW3[:4]), starts_shot_T=np.full(4, cuts)), people, surfaces))
        (track,) = stage.tracks.values()
        weights.append(track.weight_K[CUES.index("motion")])
    assert weights[0] > 2 and weights[1] == 0


@pytest.mark.parametrize("ahead", [0, 5])
def test_decisions_do_not_depend_on_chunks_or_a_restart(ahead: int) -> None:
    clip = shot(STILL)
    whole = verified(clip, ahead=ahead)
    assert len(whole) == len(clip.truth)
    for chunk in (1, 5, 24):
        assert verified(clip, ahead=ahead, chunk=chunk) == whole
    assert verified(clip, ahead=ahead, chunk=2, cut=8) == whole


def test_single_images_and_kind_none_pass_unchanged() -> None:
    clip = shot(STILL)
    people, surfaces = given(clip, range(1), 0.1, 0.1)
    frames = chunk_of(clip.rgb_THW3[:1], 0)
    (found,) = Verify(Verify.Config())(replace(frames, video=replace(frames.video, still=True)), people, surfaces)
    assert found is people
    (found,) = Verify(Verify.Config(kind="none"))(frames, people, surfaces)
    assert found is people


def test_bridge_leaves_things_out_and_does_not_propagate_them() -> None:
    clip, stage = shot(STILL), Bridge(Bridge.Config())
    counts = []
    for t in range(8):
        people, surfaces = given(clip, range(t, t + 1), 0.2, 0.4)
        people = replace(people, frame_N=np.zeros(1, np.int32), thing_N=np.array([t >= 4]))
        ((found, kept),) = stage(chunk_of(clip.rgb_THW3[t : t + 1], t), people, surfaces)
        assert len(found) == len(kept) and found.thing_N is None
        counts.append(len(found))
    assert counts == [1, 1, 1, 1, 0, 0, 0, 0]


def test_the_means_of_a_track_forget_slowly_and_ignore_unknown_cues() -> None:
    """Closed form: weights (59/60)^age."""
    evidence, now = TrackEvidence.empty(), FrameTime()
    for frame, (confidence, motion) in enumerate([(1.0, np.nan), (3.0, -4.0), (2.0, -6.0)]):
        now = now.next(frame / 30)
        evidence = evidence.updated(np.array([confidence, 0.5, motion]), 0.1 * (frame + 1), now)
    old = 59 / 60
    cues = dict(zip(RULE_CUES, evidence.cues(), strict=True))
    assert cues["confidence"] == pytest.approx((old**2 + 3 * old + 2) / (old**2 + old + 1))
    assert cues["motion"] == pytest.approx((-4 * old - 6) / (old + 1))
    assert cues["best_score"] == pytest.approx(np.log(0.3 / 0.7), rel=1e-5)
    assert evidence.shown_s == pytest.approx(2 / 30)


def test_a_decision_changes_only_beyond_the_margin() -> None:
    def decided(confidence: float, was_thing: bool) -> bool:
        return RULE.is_thing(np.array([confidence, 0.5, -6.0, -2.0]), 0.3, was_thing)

    assert [decided(0.2, was) for was in (False, True)] == [False, True]
    assert [decided(0.4, was) for was in (False, True)] == [False, False]
    assert [decided(-0.4, was) for was in (False, True)] == [True, True]
    assert not RULE.is_thing(np.array([-3.0, 0.5, np.nan, -2.0]), 0.3, True), "an unknown motion is no evidence"
    assert not RULE.is_thing(np.array([-3.0, 0.5, -6.0, -2.0]), 1 / 30, False), "two frames are no evidence"


def test_no_cue_of_the_shipped_rule_speaks_against_a_person() -> None:
    rule = fitted_rule()
    assert (rule.weight_K >= 0).all() and (rule.scale_K > 0).all() and rule.margin >= 0


@pytest.mark.parametrize("camera", [(0.0, 0.0), (3.0, -2.0)], ids=["still camera", "moving camera"])
def test_speed_is_measured_against_the_background(camera: tuple[float, float]) -> None:
    """A patch of 60 × 120 pixels moves by (6, 0) against a background that the camera moves."""
    ground, patch = pattern(1, 300, 400), pattern(2, 120, 60)

    def frame(shift: tuple[float, float], step: float) -> np.ndarray:
        dx, dy = round(shift[0]), round(shift[1])
        rgb = ground[20 + dy : 260 + dy, 20 + dx : 340 + dx].copy()
        x, y = 120 + round(step) - dx, 60 - dy
        rgb[y : y + 120, x : x + 60] = patch
        return rgb

    box_N4 = np.array([[120 - camera[0], 60 - camera[1], 180 - camera[0], 180 - camera[1]]], np.float32)
    charts = [np.ones((24, 16), np.uint8)]
    for step, least, most in ((0.0, 0.0, 0.2 / 120), (6.0, 5.5 / 120, 6.5 / 120)):
        moved = box_N4 + np.array([step, 0, step, 0], np.float32)
        flow = PointFlow(now=SmallFrame.of(frame(camera, step)), before=SmallFrame.of(frame((0, 0), 0)))
        speed = float(np.exp(log_speeds(moved, charts, flow)[0])) - 0.002
        assert least - 1e-4 <= speed <= most


def test_cells_of_a_box_are_evenly_spaced_in_it() -> None:
    row_R, column_C = cells_of(np.array([10, 100, 26, 148], np.float32))
    assert row_R.tolist() == list(range(101, 149, 2)) and column_C.tolist() == list(range(10, 26))


def test_without_things_keeps_the_order() -> None:
    clip = shot(STILL)
    people, surfaces = given(clip, range(4), 0.2, 0.4)
    kept, rest = without_things(replace(people, thing_N=np.array([False, True, False, True])), surfaces)
    assert kept.frame_N.tolist() == [0, 2] and rest.people == (surfaces.people[0], surfaces.people[2])
