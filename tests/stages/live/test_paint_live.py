"""Textures through the body in live runs: bodies are fitted only while frames come in time."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from pipeline.configuration.config import load_config
from stages import STAGES
from stages.bodies.body_paints import BodyPaints
from stages.bodies.fit import FitBodies
from stages.live.paint_live import PaintLive
from stages.live.payloads import Captured
from stages.live.timing import LONGEST_PAUSE_S, PAUSE_S, WINDOW_S, LatencyPause
from stages.payloads import Bodies
from tests.stages.bodies.made_bodies import grey_frames, made_body, shown

pytestmark = pytest.mark.quick
FPS = 20
BODY = made_body((0.3, 0, 3.0), bend_deg=30)


def pauses(late: Iterable[bool], pause: LatencyPause) -> list[bool]:
    """Whether work pauses at the end of each second; in late ones every fourth frame is dropped."""
    received = dropped = 0
    found = []
    for second, is_late in enumerate(late):
        for frame in range(FPS):
            received += 1
            if is_late and frame % 4 == 0:
                dropped += 1
            else:
                paused = pause(second + frame / FPS, received, dropped)
        found.append(paused)
    return found


def starts(found: list[bool]) -> list[int]:
    """Seconds in which a pause began."""
    return [second for second in range(1, len(found)) if found[second] and not found[second - 1]]


def test_work_pauses_while_frames_are_late_and_is_tried_again_on_time() -> None:
    found = pauses([False] * 10 + [True] * 6 + [False] * 30, LatencyPause())
    (begins,) = starts(found)
    ends = found.index(False, begins)
    assert 10 < begins <= 10 + 2 * WINDOW_S
    assert 16 + PAUSE_S <= ends <= 16 + PAUSE_S + 2 * WINDOW_S
    assert not any(found[:begins]) and not any(found[ends:])


def test_a_few_dropped_frames_and_those_of_the_start_pause_nothing() -> None:
    assert not any(pauses([True] * int(WINDOW_S) + [False] * 10, LatencyPause()))
    assert not any(pauses([False] * 10 + [True, False, False, False] * 1 + [False] * 10, FewerDrops()))


class FewerDrops(LatencyPause):
    """Every second drop is none."""

    def __call__(self, captured_s: float, received: int, dropped: int) -> bool:
        return super().__call__(captured_s, received, dropped // 2)


def test_pauses_grow_while_attempts_fail_and_shrink_after_one_that_lasts() -> None:
    """Frames are late whenever the work goes on, as on a machine that is too slow for it."""
    pause, found = LatencyPause(), []
    received = dropped = 0
    for tick in range(2000 * FPS):
        received += 1
        if not pause.paused and tick % 4 == 0 and tick < 1500 * FPS:
            dropped += 1
            continue
        found.append((tick / FPS, pause(tick / FPS, received, dropped)))
    begins = [at for (at, now), (_, was) in zip(found[1:], found[:-1], strict=True) if now and not was]
    ends = [at for (at, now), (_, was) in zip(found[1:], found[:-1], strict=True) if was and not now]
    lasted = [end - begin for begin, end in zip(begins, ends, strict=False)]
    expected = [min(PAUSE_S * 2**k, LONGEST_PAUSE_S) for k in range(len(lasted))]
    assert len(lasted) >= 6
    assert all(wanted <= one <= wanted + 2 * WINDOW_S for one, wanted in zip(lasted, expected, strict=True))
    assert not pause.paused  # it can keep up in the end


def stage_and_paints(captured: list[Captured], bodies: Bodies | None = None) -> tuple[PaintLive, list[BodyPaints]]:
    stage, made = PaintLive(PaintLive.Config(fit=FitBodies.Config(look_ahead=2))), []
    for t, at in enumerate(captured):
        people, surfaces = shown([[(1, BODY)]])
        made += list(stage(grey_frames(1, t), people, surfaces, at, bodies))
    return stage, made


def at(second: float, received: int, dropped: int) -> Captured:
    return Captured(captured_s=second, received=received, dropped=dropped, reconnects=0)


ON_TIME = [at(0, 1, 0), at(2, 21, 0)]
LATE = [*ON_TIME, at(4, 41, 10), at(4.1, 42, 10)]


def test_nobody_is_fitted_in_late_frames_and_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    fit = FitBodies.__call__
    monkeypatch.setattr(FitBodies, "__call__", lambda self, *given: fits.append(1) or fit(self, *given))
    stage, made = stage_and_paints(LATE)
    assert [paints.people[0] is not None for paints in made] == [True, True, False, False]
    assert len(fits) == 2
    (note,) = stage.summary()["notes"]
    assert note.startswith("in 2 of 4 frames textures were painted without fitted bodies, because frames came late")
    assert stage_and_paints(ON_TIME)[0].summary() == {}


def test_bodies_that_the_run_fits_anyway_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FitBodies, "__call__", lambda *_: pytest.fail("fitted twice"))
    _, made = stage_and_paints(ON_TIME, Bodies.joined([Bodies.of_frame([(1, BODY)])]))
    assert all(paints.people[0] is not None for paints in made)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], ["paint_live"]),
        (["render.paint=body"], ["paint_bodies"]),
        (["render.paint=surface"], []),
        (["render.paint=auto", "render.style=mesh+texture"], ["fit", "paint_live"]),
        (["export.to.bodies=b"], ["fit", "paint_live"]),
        (["render.paint=auto", "send_vmc.to=127.0.0.1:39539"], ["fit", "paint_live"]),
    ],
)
def test_live_runs_place_what_can_fall_back(changes: list[str], expected: list[str]) -> None:
    settings = ["fit.focal_px=900", "paint_bodies.most_people=3"] if expected else []
    config = load_config("live", [*changes, *settings], STAGES)
    (stages,) = [lane.stages for lane in config.settings.lanes.values() if "preview" in lane.stages]
    assert [name for name in stages if name in ("fit", "paint_bodies", "paint_live")] == expected
    if expected == ["paint_live"]:
        made = config.stages["paint_live"]
        assert (made.fit.focal_px, made.paint_bodies.most_people) == (900, 3)
