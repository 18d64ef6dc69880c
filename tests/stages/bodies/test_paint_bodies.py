"""Textures through the fitted body, as stages: who is painted, what else stays, and how a stream continues."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from models.structures import PersonMotion
from pipeline.configuration.config import load_config
from pipeline.configuration.conversion import ConfigError
from stages import STAGES
from stages.bodies import fit
from stages.bodies.body_paints import BodyPaints
from stages.bodies.carried_points import CarriedPoints, StatedMotion
from stages.bodies.fit import FitBodies
from stages.bodies.paint_bodies import PaintBodies
from stages.drawing.render import Render
from stages.payloads import Bodies, FrameChunk, Surfaces
from stages.people.point_flow import SmallFrame
from tests.stages.bodies.made_bodies import HEIGHT, WIDTH, grey_frames, made_body, shown

pytestmark = pytest.mark.quick
NEAR, FAR = made_body((0.3, 0, 3.0), bend_deg=30), made_body((-0.6, 0, 5.0), bend_deg=30)
WRONG = made_body((0.3, 0, 3.0), turn_deg=180, bend_deg=30)


def patterned(count: int, first: int = 0) -> FrameChunk:
    """Frames of one coarse random pattern."""
    rng = np.random.default_rng(3)
    image = np.kron(rng.integers(0, 255, (HEIGHT // 4, WIDTH // 4, 3)), np.ones((4, 4, 1), int)).astype(np.uint8)
    return replace(grey_frames(count, first), rgb_THW3=np.repeat(image[None], count, axis=0))


def paints_of(stage: PaintBodies, seen: list, fitted: list, first: int = 0) -> BodyPaints:
    people, surfaces = shown(seen)
    bodies = Bodies.joined([Bodies.of_frame(frame) for frame in fitted])
    (paints,) = stage(patterned(len(seen), first), people, surfaces, bodies)
    return paints


def drawn(paint: str, fitted: list, style: str = "texture") -> tuple[np.ndarray, dict]:
    """A frame in which NEAR is seen and a body is fitted, and the report."""
    people, surfaces = shown([[(1, NEAR)]])
    bodies = Bodies.joined([Bodies.of_frame(fitted)])
    paints = paints_of(PaintBodies(PaintBodies.Config()), [[(1, NEAR)]], [fitted])
    stage = Render(Render.Config(style=style, paint=paint))
    (overlay,) = stage(patterned(1), people, surfaces, bodies, paints)
    return overlay.rgb_THW3[0], dict(stage.summary())


def test_people_without_a_body_small_ones_and_those_beyond_the_number_have_no_paint() -> None:
    both = [[(1, NEAR), (2, FAR)]]
    fitted = paints_of(PaintBodies(PaintBodies.Config()), both, both)
    assert [paint is not None for paint in fitted.people] == [True, True]
    without = Bodies.of_frame([(1, NEAR)], [0])
    people, surfaces = shown(both)
    (paints,) = PaintBodies(PaintBodies.Config())(patterned(1), people, surfaces, without)
    assert [paint is not None for paint in paints.people] == [True, False]
    for settings in ({"least_height": 120}, {"most_people": 1}):
        some = paints_of(PaintBodies(PaintBodies.Config(**settings)), both, both)
        assert [paint is not None for paint in some.people] == [True, False]


@pytest.mark.parametrize("settings", [{"least_height": 120}, {"most_people": 1}])
def test_nobody_is_fitted_who_is_not_painted(settings: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three people the near one is painted: the far one is low, and the third is the near one found twice."""
    fitted: list[int] = []
    monkeypatch.setattr(fit, "tracked_body", lambda known, surface, *_: fitted.append(surface.x0))
    people, surfaces = shown([[(1, NEAR), (2, FAR), (3, NEAR)]])
    (paints,) = PaintBodies(PaintBodies.Config(**settings))(patterned(1), people, surfaces)
    assert paints.people == (None, None, None) and fitted == [surfaces.people[0].x0]
    bodies = Bodies.of_frame([(1, NEAR), (2, FAR), (3, NEAR)])
    (paints,) = PaintBodies(PaintBodies.Config(**settings))(patterned(1), people, surfaces, bodies)
    assert [paint is not None for paint in paints.people] == [True, False, False]


def before_the_legs(count: int, first: int, level: int = 240) -> tuple[FrameChunk, np.ndarray]:
    """Frames in which the person is dark, with a disc of another brightness before a thigh from frame `first` on."""
    (surface,) = shown([[(1, NEAR)]])[1].people
    rgb_THW3 = np.full((count, HEIGHT, WIDTH, 3), 120, np.uint8)
    height, width = surface.labels_hw.shape
    rows, columns = slice(surface.y0, surface.y0 + height), slice(surface.x0, surface.x0 + width)
    thigh = np.nonzero(np.isin(surface.labels_hw, (9, 10)))
    y, x = (int(np.median(axis)) for axis in thigh)
    disc_hw = np.hypot(*(np.indices(surface.labels_hw.shape) - np.array([y, x])[:, None, None])) < 7
    for t in range(count):
        patch = rgb_THW3[t, rows, columns]
        patch[surface.labels_hw > 0] = (30, 30, 40)
        patch[disc_hw & (t >= first)] = level
    return replace(grey_frames(count), rgb_THW3=rgb_THW3), disc_hw & (surface.labels_hw > 0)


def test_a_ball_before_the_legs_is_not_painted_and_a_restored_stage_knows_the_person() -> None:
    frames, disc_hw = before_the_legs(8, 6)
    people, surfaces = shown([[(1, NEAR)]] * 8)

    def chunk(first: int, last: int) -> tuple:
        part = shown([[(1, NEAR)]] * (last - first))
        return replace(frames, rgb_THW3=frames.rgb_THW3[first:last], pts_T=frames.pts_T[first:last], first=first), *part

    whole, first, second = (PaintBodies(PaintBodies.Config()) for _ in range(3))
    (paints,) = whole(frames, people, surfaces)
    seen_hw = surfaces.people[0].labels_hw > 0
    holes = [(paint.labels_hw == 0) & seen_hw for paint in paints.people]
    assert not any(hole_hw.any() for hole_hw in holes[:6])
    for hole_hw in holes[6:]:
        assert (hole_hw & disc_hw).sum() > 0.8 * disc_hw.sum() and (hole_hw & ~disc_hw).sum() < 0.4 * disc_hw.sum()
    list(first(*chunk(0, 6)))
    second.restore(first.state())
    (after,) = second(*chunk(6, 8))
    assert same(list(after.people), list(paints.people[6:])) and second.state() == whole.state()
    (new,) = PaintBodies(PaintBodies.Config())(*chunk(6, 8))  # nobody knows what is behind the disc
    assert all((paint.labels_hw > 0).sum() == (surfaces.people[0].labels_hw > 0).sum() for paint in new.people)


@pytest.mark.parametrize("level", [30, 75], ids=["the same", "a lighter fold"])
def test_light_and_folds_are_no_things(level: int) -> None:
    frames, _ = before_the_legs(8, 6, level)
    people, surfaces = shown([[(1, NEAR)]] * 8)
    (paints,) = PaintBodies(PaintBodies.Config())(frames, people, surfaces)
    assert all((paint.labels_hw > 0).sum() == (surfaces.people[0].labels_hw > 0).sum() for paint in paints.people)


@pytest.mark.parametrize("key", ["least_height", "most_people"])
def test_a_number_below_one_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is 0, must be 1 or more"):
        PaintBodies.Config(**{key: 0})


def test_a_restored_stage_continues_exactly() -> None:
    moving = [[(1, made_body((0.3 + 0.02 * t, 0, 3.0), bend_deg=30 + 3 * t))] for t in range(6)]
    whole = PaintBodies(PaintBodies.Config())
    expected = paints_of(whole, moving, moving).people
    first, second = PaintBodies(PaintBodies.Config()), PaintBodies(PaintBodies.Config())
    paints_of(first, moving[:3], moving[:3])
    second.restore(first.state())
    found = paints_of(second, moving[3:], moving[3:], first=3).people
    for one, other in zip(found, expected[3:], strict=True):
        assert one is not None and other is not None
        assert np.array_equal(one.labels_hw, other.labels_hw) and np.array_equal(one.uv_2hw, other.uv_2hw)
    assert second.state() == whole.state()
    alone = paints_of(PaintBodies(PaintBodies.Config()), moving[3:], moving[3:], first=3).people
    assert any(not np.array_equal(one.uv_2hw, other.uv_2hw) for one, other in zip(found, alone, strict=True))


@pytest.mark.parametrize("rate", [5, 30, 120])
def test_what_is_remembered_lasts_equally_long_at_any_frame_rate(rate: int) -> None:
    """A wrong body for .2 s, then nobody for 1.2 s: the memory after .2 s, and when it is dropped."""

    def shares_and_end(rate: int) -> tuple[np.ndarray, float]:
        stage, end, memory = PaintBodies(PaintBodies.Config()), 0.0, np.zeros(0)
        for t in range(7 * rate // 5 + 1):
            seen = [[(1, WRONG)]] if 5 * t <= rate else [[]]
            video = replace(grey_frames(1).video, time_base=Fraction(1, rate))
            people, surfaces = shown([[(1, NEAR)]] if seen[0] else [[]])
            list(stage(replace(patterned(1, t), video=video), people, surfaces, Bodies.of_frame(seen[0])))
            if stage.memory:
                end, memory = t / rate, stage.memory[1][1].network_Q
        return memory, end

    (known, known_end), (found, end) = shares_and_end(30), shares_and_end(rate)
    assert found.max() == pytest.approx(1 - 0.6**7, abs=1e-4) and found.mean() == pytest.approx(known.mean(), rel=0.1)
    assert known_end == pytest.approx(1.2, abs=0.04) and end == pytest.approx(known_end, abs=1 / min(rate, 30) + 1e-6)


def test_only_textures_are_painted_by_the_body() -> None:
    surface, nothing = drawn("surface", [(1, NEAR)])
    body, report = drawn("body", [(1, NEAR)])
    assert not np.array_equal(surface, body)
    assert nothing == {"painted_by_body": {"people": 0.0, "pixels": 0.0}}
    assert report["painted_by_body"]["people"] == 1.0 and report["painted_by_body"]["pixels"] > 0.95
    assert np.array_equal(drawn("auto", [(1, NEAR)])[0], body)
    for style in ("parts", "uv", "contours"):
        assert np.array_equal(drawn("surface", [(1, NEAR)], style)[0], drawn("body", [(1, NEAR)], style)[0])


def test_auto_paints_by_the_surface_where_the_body_is_wrong_or_missing() -> None:
    surface, _ = drawn("surface", [(1, NEAR)])
    found, report = drawn("auto", [(1, WRONG)])
    assert np.array_equal(found, surface) and report == {"painted_by_body": {"people": 0.0, "pixels": 0.0}}
    assert not np.array_equal(drawn("body", [(1, WRONG)])[0], surface)
    assert np.array_equal(drawn("auto", [])[0], surface) and np.array_equal(drawn("body", [])[0], surface)


def test_textures_alone_are_painted_and_nobody_else_gets_the_bodies() -> None:
    assert Render.needs(Render.Config()) == ("paint_bodies",)
    assert Render.needs(Render.Config(paint="surface")) == Render.needs(Render.Config(style="parts")) == ()
    assert Render.needs(Render.Config(style="mesh+texture")) == ("fit", "paint_bodies")
    for name, changes in (("video", []), ("live", ["render.paint=body"]), ("render", []), ("synthetic", [])):
        (stages,) = [lane for lane in lanes(name, *changes) if "paint_bodies" in lane]
        assert "fit" not in stages and stages[stages.index("paint_bodies") + 1] in ("render", "preview")
        assert not any("paint_bodies" in lane for lane in lanes(name, "render.paint=surface"))


def lanes(name: str, *changes: str) -> list[tuple[str, ...]]:
    """The stages of each lane of a configuration."""
    return [lane.stages for lane in load_config(name, changes, STAGES).settings.lanes.values()]


def test_bodies_that_an_export_needs_are_fitted_once() -> None:
    (stages,) = [lane for lane in lanes("video", "export.to.bodies=b") if "fit" in lane]
    at = stages.index("fit")
    assert stages[at : at + 4] == ("fit", "paint_bodies", "render", "export")
    settings = load_config("video", ["fit.focal_px=900"], STAGES).stages["paint_bodies"]
    assert (settings.fit.focal_px, settings.fit.look_ahead) == (900, 2)


class Stream:
    """`fit` and `paint_bodies` over chunks of two frames, as one stage or as two."""

    def __init__(self, fit: FitBodies | None = None) -> None:
        self.fit = fit
        self.paint = PaintBodies(PaintBodies.Config(fit=FitBodies.Config(look_ahead=3)))
        self.made: list[BodyPaints] = []

    def take(self, first: int, last: int) -> None:
        for t in range(first, last, 2):
            people, surfaces = shown(MOVING[t : t + 2])
            frames = patterned(2, t)
            if self.fit is None:
                self.made += self.paint(frames, people, surfaces)
            else:
                (bodies,) = self.fit(frames, people, surfaces)
                self.made += self.paint(frames, people, surfaces, bodies)

    def people(self) -> list:
        self.made += self.paint.flush()
        return [paint for paints in self.made for paint in paints.people]


MOVING = [
    [(n, made_body((x + 0.02 * t, 0, z), bend_deg=30 + 3 * t)) for n, x, z in ((1, 0.3, 3.0), (2, -0.6, 5.0))]
    for t in range(8)
]


def same(one: list, other: list) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.labels_hw, b.labels_hw) and np.array_equal(a.uv_2hw, b.uv_2hw)
        for a, b in zip(one, other, strict=True)
    )


def test_bodies_are_fitted_where_none_are_given_and_a_restored_stage_continues_exactly() -> None:
    """The stage waits for later frames; what it holds survives a restart between any two chunks."""
    whole = Stream()
    whole.take(0, 8)
    assert len(whole.made) == 2  # the chunks of four frames; four wait
    expected = whole.people()
    assert len(expected) == 16 and all(paint is not None for paint in expected)
    for stop in (2, 6):
        first, second = Stream(), Stream()
        first.take(0, stop)
        second.paint.restore(first.paint.state())
        second.take(stop, 8)
        assert same([paint for paints in first.made for paint in paints.people] + second.people(), expected)
        assert second.paint.state() == whole.paint.state()
    without = Stream(FitBodies(FitBodies.Config()))
    without.take(0, 8)
    assert not same(without.people(), expected)  # bodies of a fit that does not look ahead


def test_own_bodies_are_fitted_every_twentieth_of_a_second_and_paint_as_those_of_the_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, given = Stream(), Stream(FitBodies(FitBodies.Config()))
    own.paint = PaintBodies(PaintBodies.Config())
    fits, original = [], fit.tracked_body
    monkeypatch.setattr(fit, "tracked_body", lambda *given: fits.append(given[3]) or original(*given))
    own.take(0, 8)
    rate = 1 / float(patterned(1).video.time_base)
    assert [round(rate * second) for second in fits] == [0, 0, 2, 2, 4, 4, 6, 6]  # two people, 25 frames a second
    given.take(0, 8)
    assert len(fits) == 8 + 16 and own.paint.summary() == {}
    for one, other in zip(own.people(), given.people(), strict=True):
        same_hw = (one.labels_hw == other.labels_hw) & (one.labels_hw > 0)
        assert same_hw.sum() > 0.93 * (one.labels_hw > 0).sum()
        assert np.median(np.abs(one.uv_2hw - other.uv_2hw).max(axis=0)[same_hw]) < 0.02


def test_of_a_photo_own_bodies_are_fitted_at_once() -> None:
    people, surfaces = shown([[(-1, NEAR), (-1, FAR)]])
    frames = patterned(1)
    still = replace(frames, video=replace(frames.video, still=True))
    stage = PaintBodies(PaintBodies.Config(fit=FitBodies.Config(look_ahead=2)))
    (paints,) = stage(still, people, surfaces)
    assert all(paint is not None and paint.body_share > 0.5 for paint in paints.people) and not list(stage.flush())


def test_an_unknown_painter_is_refused_with_its_key() -> None:
    with pytest.raises(ConfigError, match=r"render\.paint"):
        load_config("video", ["render.paint=mesh"], STAGES)


def test_points_are_carried_as_the_picture_moves() -> None:
    still = patterned(1).rgb_THW3[0]
    moved = np.roll(still, (3, 5), axis=(0, 1))
    flow = CarriedPoints(before=SmallFrame.of(still), now=SmallFrame.of(moved))
    points = np.stack(np.meshgrid(np.arange(60, 260, 9), np.arange(60, 180, 9)), axis=-1).reshape(-1, 2) + 0.5
    carried = flow(points.astype(np.float32), points)
    known = np.isfinite(carried).all(axis=1)
    assert known.mean() > 0.9 and np.abs(np.median(carried[known] - points[known], axis=0) - (5, 3)).max() < 0.1
    lost = np.array([[-5, 10], [10, HEIGHT + 9]], np.float32)
    outside = flow(lost, lost)
    assert np.isnan(outside).all()


def test_points_are_carried_by_the_motion_that_smoothing_states() -> None:
    back_hw3 = np.zeros((20, 10, 3), np.float32)
    back_hw3[...] = (-5, 3, 1)
    back_hw3[10:, :, 2] = 0  # the lower half is not trusted
    carry = StatedMotion(motion=PersonMotion(x0=40, y0=20, step=6, back_hw3=back_hw3))
    now = np.array([[50, 40], [70, 60], [60, 120], [5, 40]], np.float32)
    then = np.add(now, (-4, 2), dtype=np.float32)
    carried = carry(then, now)
    assert np.allclose(carried[:2], np.add(then[:2], (5, -3)))
    assert np.isnan(carried[2:]).all()


def test_a_person_with_a_stated_motion_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    followed: list[int] = []
    monkeypatch.setattr(CarriedPoints, "__call__", lambda _, then, now: followed.append(len(then)) or then)
    moving = [[(1, NEAR)]] * 3
    people, surfaces = shown(moving)
    bodies = Bodies.joined([Bodies.of_frame(frame) for frame in moving])
    list(PaintBodies(PaintBodies.Config())(patterned(3), people, surfaces, bodies))
    assert len(followed) == 2
    still = PersonMotion(x0=0, y0=0, step=9, back_hw3=np.ones((HEIGHT // 9 + 1, WIDTH // 9 + 1, 3), np.float32))
    stated = Surfaces(people=tuple(replace(one, motion=still) for one in surfaces.people))
    list(PaintBodies(PaintBodies.Config())(patterned(3), people, stated, bodies))
    assert len(followed) == 2
