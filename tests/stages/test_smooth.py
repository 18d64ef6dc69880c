"""Smoothing on a moving pattern whose surface is known exactly: less flicker, no lag, nothing touched on stills."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from stages.demo_clip import FINER, RATE, camera, lights, meshes_at, picture_at, square, walkers
from stages.drawing.style_pictures import surface_of
from stages.payloads import FrameChunk, People, Surface, Surfaces, VideoInfo
from stages.smooth import Smooth
from stages.temporal.fusion import first_memory, fuse
from stages.temporal.motion import Origin
from stages.world.scene import draw
from stages.world.stage_set import paint_set

WIDTH, HEIGHT = 320, 240
BODY_WIDTH, BODY_HEIGHT = 70, 170
GRID_WIDTH, GRID_HEIGHT = 86, 186
CHARTS = np.array([23, 2, 9, 13], np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A patterned oval that moves over a patterned ground: frames, what a jittery network says, and the truth."""

    rgb_THW3: np.ndarray
    seen: list[Surface]
    truth: list[Surface]
    place_T2: np.ndarray


def pattern(seed: int, height: int, width: int, blur: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.clip(128 + noise / noise.std() * 45, 0, 255).astype(np.uint8)


def surface_at(place: np.ndarray, jitter_hw2: np.ndarray, slips_hw: np.ndarray) -> Surface:
    """The oval's surface with its centre at `place`: four charts from top to bottom, U across, V up in each.

    `jitter_hw2` moves the places at which it is read, in pixels; where `slips_hw`, the next chart is named instead.
    """
    x0, y0 = int(place[0] - GRID_WIDTH / 2), int(place[1] - GRID_HEIGHT / 2)
    y, x = np.mgrid[y0 : y0 + GRID_HEIGHT, x0 : x0 + GRID_WIDTH].astype(np.float32)
    across = (x - place[0] + jitter_hw2[..., 0]) / BODY_WIDTH + 0.5
    down = (y - place[1] + jitter_hw2[..., 1]) / BODY_HEIGHT + 0.5
    inside = (across - 0.5) ** 2 + (down - 0.5) ** 2 < 0.25
    band = np.clip((down * 4).astype(int), 0, 3)
    labels = np.where(slips_hw, CHARTS[(band + 1) % 4], CHARTS[band]) * inside
    uv = np.stack([across, 1 - (down * 4) % 1]) * inside
    surface = Surface(x0=x0, y0=y0, labels_hw=labels.astype(np.uint8), uv_2hw=uv.astype(np.float32))
    surface.labels_hw.flags.writeable = surface.uv_2hw.flags.writeable = False  # as between processes
    return surface


def shot(steps_T2: np.ndarray, seed: int = 0) -> Shot:
    rng = np.random.default_rng(seed)
    ground, body = pattern(seed + 1, HEIGHT, WIDTH), pattern(seed + 2, BODY_HEIGHT, BODY_WIDTH)
    place_T2 = np.array([90.0, 120.0]) + np.cumsum(steps_T2, axis=0)
    frames, seen, truth = [], [], []
    calm = np.zeros((GRID_HEIGHT, GRID_WIDTH, 2), np.float32)
    for place in place_T2:
        corner = place - np.array([BODY_WIDTH, BODY_HEIGHT]) / 2
        shift = np.array([[1, 0, corner[0]], [0, 1, corner[1]]])
        moved = cv2.warpAffine(body, shift, (WIDTH, HEIGHT))
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
        oval = ((x - place[0]) / BODY_WIDTH) ** 2 + ((y - place[1]) / BODY_HEIGHT) ** 2 < 0.25
        frame = np.where(oval[..., None], moved, ground).astype(np.float32) + rng.normal(0, 2, (HEIGHT, WIDTH, 1))
        frames.append(np.clip(frame, 0, 255).astype(np.uint8))
        jitter = cv2.GaussianBlur(rng.normal(0, 1, calm.shape).astype(np.float32), (0, 0), 3)
        slips = cv2.GaussianBlur(rng.normal(0, 1, calm.shape[:2]).astype(np.float32), (0, 0), 2)
        seen.append(surface_at(place, jitter / jitter.std() * 2.0, slips > slips.std() * 2))
        truth.append(surface_at(place, calm, np.zeros(calm.shape[:2], bool)))
    return Shot(rgb_THW3=np.stack(frames), seen=seen, truth=truth, place_T2=place_T2)


def chunk_of(rgb_THW3: np.ndarray, first: int = 0, still: bool = False) -> FrameChunk:
    count, height, width = rgb_THW3.shape[:3]
    info = VideoInfo(path="", width=width, height=height, still=still, rate=Fraction(25), time_base=Fraction(1, 25))
    return FrameChunk(rgb_THW3=rgb_THW3, pts_T=np.arange(first, first + count), first=first, video=info)


def people_of(count: int, ids: list[int] | None = None) -> People:
    """One person in each of `count` frames."""
    return People(
        frame_N=np.arange(count, dtype=np.int32),
        box_N4=np.zeros((count, 4), np.float32),
        score_N=np.ones(count, np.float32),
        id_N=np.array(ids if ids is not None else [1] * count, np.int32),
    )


def smoothed(given: Shot, stage: Smooth | None = None, chunk: int = 4, first: int = 0) -> list[Surface]:
    stage = stage or Smooth(Smooth.Config())
    result: list[Surface] = []
    for start in range(first, len(given.seen), chunk):
        part = given.seen[start : start + chunk]
        frames = chunk_of(given.rgb_THW3[start : start + chunk], start)
        (surfaces,) = stage(frames, people_of(len(part)), Surfaces(people=tuple(part)))
        result += surfaces.people
    return result


def on_body(surface: Surface, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and UV read at fixed places of the body, so that frames can be compared."""
    y, x = np.mgrid[-70:71:3, -28:29:3].astype(np.float32)
    x, y = x + np.float32(place[0] - surface.x0), y + np.float32(place[1] - surface.y0)
    labels = cv2.remap(surface.labels_hw, x, y, cv2.INTER_NEAREST)
    uv = cv2.remap(np.ascontiguousarray(surface.uv_2hw.transpose(1, 2, 0)), x, y, cv2.INTER_LINEAR)
    return labels, uv


def flicker(surfaces: list[Surface], place_T2: np.ndarray) -> tuple[float, float]:
    """Mean change of UV from frame to frame at one place of the body, and the share of places whose label changes."""
    read = [on_body(surface, place) for surface, place in zip(surfaces, place_T2, strict=True)]
    changes, switches = [], []
    for (labels, uv), (old_labels, old_uv) in zip(read[5:], read[4:], strict=False):
        same = (labels == old_labels) & (labels > 0)
        step = np.linalg.norm(uv - old_uv, axis=-1)[same]
        changes.append(step[step < 0.3].mean())  # readings across a chart's border say nothing
        switches.append((labels != old_labels).mean())
    return float(np.mean(changes)), float(np.mean(switches))


def lag(surfaces: list[Surface], truth: list[Surface], place_T2: np.ndarray) -> float:
    """Frames by which U trails: its mean error over its step a frame. U = (x − place) / width + 1/2 moves along."""
    lags = []
    for t in range(6, len(surfaces)):
        step = (place_T2[t] - place_T2[t - 1])[0] / BODY_WIDTH
        both = (surfaces[t].labels_hw == truth[t].labels_hw) & (truth[t].labels_hw > 0)
        if abs(step) > 0.01:
            lags.append((surfaces[t].uv_2hw[0] - truth[t].uv_2hw[0])[both].mean() / step)
    return float(np.mean(lags))


STEADY = np.tile([[3.3, 0.4]], (24, 1))
FAST = np.tile([[9.7, 0.0]], (16, 1))
START = np.concatenate([np.zeros((8, 2)), np.tile([[6.3, 0.8]], (16, 1))])


@pytest.mark.parametrize("steps_T2", [STEADY, FAST, START], ids=["steady", "fast", "sudden start"])
def test_flicker_is_at_most_half_and_nothing_lags(steps_T2: np.ndarray) -> None:
    given = shot(steps_T2)
    result = smoothed(given)
    raw_uv, raw_labels = flicker(given.seen, given.place_T2)
    uv, labels = flicker(result, given.place_T2)
    assert uv < 0.5 * raw_uv
    assert labels < 0.5 * raw_labels
    assert abs(lag(result, given.truth, given.place_T2)) < 0.3
    for surface, truth, seen in list(zip(result, given.truth, given.seen, strict=True))[6:]:
        assert (surface.labels_hw == truth.labels_hw).mean() > (seen.labels_hw == truth.labels_hw).mean()


def test_a_lasting_change_is_one_frame_late() -> None:
    """The network changes its mind about a whole chart at frame 8 while the picture stays the same."""
    given = shot(np.zeros((14, 2)))
    surfaces = [replace(s, labels_hw=np.where(s.labels_hw == 2, 1, s.labels_hw)) for s in given.truth[8:]]
    result = smoothed(replace(given, seen=[*given.truth[:8], *surfaces]))
    shares = [float((s.labels_hw == 1).sum() / (given.truth[0].labels_hw == 2).sum()) for s in result]
    assert shares[:8] == [0] * 8
    assert shares[8] < 0.02
    assert min(shares[9:]) > 0.98


def test_a_single_slip_is_not_shown() -> None:
    given = shot(np.zeros((10, 2)))
    slip = replace(given.truth[6], labels_hw=np.where(given.truth[6].labels_hw == 2, 1, given.truth[6].labels_hw))
    result = smoothed(replace(given, seen=[*given.truth[:6], slip, *given.truth[7:]]))
    assert all(float((s.labels_hw == t.labels_hw).mean()) > 0.98 for s, t in zip(result, given.truth, strict=True))
    assert np.abs(result[6].uv_2hw - given.truth[6].uv_2hw)[:, slip.labels_hw == 1].mean() < 0.02


def test_uv_is_the_running_mean_where_all_agrees() -> None:
    """Closed form: without movement, values e apart with e far under the likeness give means of 1, 2, 3, 3 … frames."""
    labels = np.full((6, 6), 2, np.uint8)
    y, x = np.mgrid[0:6, 0:6].astype(np.float32)
    still = Origin(x_hw=x, y_hw=y, trust_hw=np.ones((6, 6), np.float32))
    values = [0.5, 0.502, 0.499, 0.503, 0.5]
    surfaces = [Surface(x0=0, y0=0, labels_hw=labels, uv_2hw=np.full((2, 6, 6), v, np.float32)) for v in values]
    memory, mean, out = first_memory(surfaces[0]), values[0], []
    for count, surface in enumerate(surfaces[1:], start=1):
        steady, memory = fuse(surface, memory, still, frames=3)
        mean += (surface.uv_2hw[0, 0, 0] - mean) / (min(count, 3) + 1)
        out.append((float(steady.uv_2hw[0, 3, 3]), float(mean)))
    for got, expected in out:
        assert got == pytest.approx(expected, abs=2e-5)


def test_the_past_counts_less_the_farther_it_is_and_nothing_without_trust() -> None:
    labels = np.full((4, 4), 2, np.uint8)
    y, x = np.mgrid[0:4, 0:4].astype(np.float32)
    memory = first_memory(Surface(x0=0, y0=0, labels_hw=labels, uv_2hw=np.full((2, 4, 4), 0.5, np.float32)))
    moved = Surface(x0=0, y0=0, labels_hw=labels, uv_2hw=np.full((2, 4, 4), 0.9, np.float32))
    sure = Origin(x_hw=x, y_hw=y, trust_hw=np.ones((4, 4), np.float32))
    assert np.abs(fuse(moved, memory, sure, 5)[0].uv_2hw - 0.9).max() < 1e-6  # exp(−14) of the past
    lost = replace(sure, trust_hw=np.zeros((4, 4), np.float32))
    near = replace(moved, uv_2hw=np.full((2, 4, 4), 0.51, np.float32))
    assert np.array_equal(fuse(near, memory, lost, 5)[0].uv_2hw, near.uv_2hw)


def test_stills_and_kind_none_pass_untouched() -> None:
    given = shot(STEADY[:2])
    surfaces = Surfaces(people=tuple(given.seen))
    (out,) = Smooth(Smooth.Config())(chunk_of(given.rgb_THW3, still=True), people_of(2), surfaces)
    assert out is surfaces
    (out,) = Smooth(Smooth.Config(kind="none"))(chunk_of(given.rgb_THW3), people_of(2), surfaces)
    assert out is surfaces


def test_people_without_identity_and_strangers_pass_as_they_are() -> None:
    given = shot(np.zeros((4, 2)))
    for ids in ([-1] * 4, [1, 2, 3, 4]):
        stage = Smooth(Smooth.Config())
        (out,) = stage(chunk_of(given.rgb_THW3), people_of(4, ids), Surfaces(people=tuple(given.seen)))
        assert all(a is b for a, b in zip(out.people, given.seen, strict=True))


def test_a_cut_and_a_gap_reset() -> None:
    given = shot(np.zeros((5, 2)))
    frames = given.rgb_THW3.copy()
    frames[4] = np.roll(frames[4], 90, axis=1) // 3
    (out,) = Smooth(Smooth.Config())(chunk_of(frames), people_of(5), Surfaces(people=tuple(given.seen)))
    assert out.people[3] is not given.seen[3]
    assert out.people[4] is given.seen[4]
    stage = Smooth(Smooth.Config())
    list(stage(chunk_of(given.rgb_THW3[:2]), people_of(2), Surfaces(people=tuple(given.seen[:2]))))
    (later,) = stage(chunk_of(given.rgb_THW3[3:4], first=3), people_of(1), Surfaces(people=(given.seen[3],)))
    assert later.people[0] is given.seen[3]


def test_output_depends_neither_on_chunks_nor_on_an_interruption_nor_on_threads() -> None:
    given = shot(STEADY[:12])
    whole = smoothed(given)
    for chunk in (1, 5, 12):
        assert_same(smoothed(given, chunk=chunk), whole)
    first = Smooth(Smooth.Config())
    smoothed(replace(given, seen=given.seen[:7], rgb_THW3=given.rgb_THW3[:7]), stage=first)
    second = Smooth(Smooth.Config())
    second.restore(first.state())
    assert_same(smoothed(given, stage=second, first=7), whole[7:])
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1 if threads != 1 else 2)
        assert_same(smoothed(given), whole)
    finally:
        cv2.setNumThreads(threads)


def assert_same(one: list[Surface], other: list[Surface]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.x0, a.y0) == (b.x0, b.y0)
        assert np.array_equal(a.labels_hw, b.labels_hw) and np.array_equal(a.uv_2hw, b.uv_2hw)


def test_half_precision_stays_half_and_background_has_no_uv() -> None:
    given = shot(STEADY[:6])
    half = replace(given, seen=[replace(s, uv_2hw=s.uv_2hw.astype(np.float16)) for s in given.seen])
    for surface in smoothed(half):
        assert surface.uv_2hw.dtype == np.float16
        assert (surface.uv_2hw[:, surface.labels_hw == 0] == 0).all()


@pytest.mark.parametrize("corner", [(-60, -100), (300, 200), (-500, 0), (0, 900)])
def test_grids_at_and_beyond_the_frames_edge_are_no_trouble(corner: tuple[int, int]) -> None:
    given = shot(np.zeros((3, 2)))
    seen = [replace(s, x0=corner[0] + t, y0=corner[1]) for t, s in enumerate(given.seen)]
    assert len(smoothed(replace(given, seen=seen))) == 3


def test_tiny_frames_are_no_trouble() -> None:
    person = Surface(x0=0, y0=0, labels_hw=np.ones((9, 7), np.uint8), uv_2hw=np.full((2, 9, 7), 0.5, np.float32))
    frames = np.zeros((2, 9, 7, 3), np.uint8)
    (out,) = Smooth(Smooth.Config())(chunk_of(frames), people_of(2), Surfaces(people=(person, person)))
    assert np.array_equal(out.people[1].uv_2hw, person.uv_2hw)


def jittery(exact: Surface, rng: np.random.Generator) -> Surface:
    """What a network says: read a little beside the place, UV unsteady, here and there the other side's chart."""
    height, width = exact.labels_hw.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fields = [cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 4) for _ in range(5)]
    dx, dy, du, dv, slip = (field / field.std() for field in fields)
    labels = cv2.remap(exact.labels_hw, x + 1.5 * dx, y + 1.5 * dy, cv2.INTER_NEAREST)
    uv = cv2.remap(np.ascontiguousarray(exact.uv_2hw.transpose(1, 2, 0)), x + 1.5 * dx, y + 1.5 * dy, cv2.INTER_NEAREST)
    uv = (uv + 0.03 * np.stack([du, dv], axis=-1)) * (labels > 0)[..., None]
    other_side = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23])
    labels = np.where(slip > 2.2, other_side[labels], labels).astype(np.uint8)
    return replace(exact, labels_hw=labels, uv_2hw=np.ascontiguousarray(uv.transpose(2, 0, 1)))


def test_a_walking_person_comes_nearer_to_the_truth() -> None:
    """The rendered man of the demo clip, swinging arms and crossing legs included."""
    cast, view, rng = walkers()[1:], camera(1), np.random.default_rng(0)
    backdrop = paint_set(square(), camera(FINER))
    frames, exact = [], []
    for number in range(20, 38):
        frames.append(picture_at(number / RATE, cast, backdrop))
        (mesh,) = meshes_at(number / RATE, cast)
        truth = draw(np.zeros((view.height, view.width, 3), np.float32), [cast[0].person], [mesh], view, lights())
        exact.append(surface_of(truth, 1))
    seen = [jittery(surface, rng) for surface in exact]
    (result,) = Smooth(Smooth.Config())(chunk_of(np.stack(frames)), people_of(len(seen)), Surfaces(people=tuple(seen)))
    wrong, error = zip(*(mistakes(surfaces, exact) for surfaces in (seen, result.people)), strict=True)
    assert wrong[1] < 0.9 * wrong[0]
    assert error[1] < 0.9 * error[0]


def mistakes(surfaces: Sequence[Surface], exact: list[Surface]) -> tuple[float, float]:
    """Share of wrong labels among pixels that either calls person, and mean error of UV where labels are right."""
    wrong, error = [], []
    for surface, truth in list(zip(surfaces, exact, strict=True))[5:]:
        right = surface.labels_hw == truth.labels_hw
        wrong.append((~right)[(surface.labels_hw > 0) | (truth.labels_hw > 0)].mean())
        error.append(np.abs(surface.uv_2hw - truth.uv_2hw)[:, right & (truth.labels_hw > 0)].mean())
    return float(np.mean(wrong)), float(np.mean(error))


def test_large_people_are_steadied_at_every_pixel() -> None:
    """1100 lines are remembered at every fourth; means and kept labels reach all pixels, the last odd ones too."""
    height, width = 1101, 303
    labels = np.full((height, width), 2, np.uint8)
    first, second = (
        Surface(x0=3, y0=5, labels_hw=labels, uv_2hw=np.full((2, height, width), value, np.float32))
        for value in (0.5, 0.502)
    )
    slip = replace(second, labels_hw=labels.copy())
    slip.labels_hw[300:] = 1
    memory = first_memory(first)
    assert memory.grid.step == 4
    y, x = np.mgrid[0 : memory.grid.height, 0 : memory.grid.width].astype(np.float32) * 4
    still = Origin(x_hw=x + 3, y_hw=y + 5, trust_hw=np.ones(x.shape, np.float32))
    steady, memory = fuse(second, memory, still, frames=5)
    assert np.abs(steady.uv_2hw - 0.501).max() < 1e-5
    steady, memory = fuse(slip, memory, still, frames=5)
    assert (steady.labels_hw == 2).all()
    assert np.abs(steady.uv_2hw - 0.5013).max() < 1e-3
