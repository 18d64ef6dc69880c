"""Temporal smoothing of a moving pattern with known surface: less flicker, no lag, single images unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np
import pytest
from moving_oval import BODY_WIDTH, FAST, START, STEADY, Shot, chunk_of, people_of, shot

from stages.payloads import PersonSurface, Surfaces
from stages.people.fusion import estimate_from, fused_with_later, fused_with_past, warped_estimate
from stages.people.label_fusion import cells_other_wins
from stages.people.optical_flow import SMALL_HEIGHT, DenseInverseSearch, FlowField, PersonFlow
from stages.people.smooth import Smooth
from stages.people.surface_estimate import EstimateLayers, SurfaceEstimate
from stages.people.upsampling import apply_estimate
from stages.synthetic.demo_clip import RATE, SMALL, SUPERSAMPLING, camera, frame_at, lights, meshes_at, walkers
from stages.synthetic.ground_truth import ground_truth_surface
from stages.world.backgrounds.plaza import paint_plaza
from stages.world.camera.rendering import render_people


def smoothed(given: Shot, stage: Smooth | None = None, chunk: int = 4, first: int = 0) -> list[PersonSurface]:
    stage = stage or Smooth(Smooth.Config())
    result: list[PersonSurface] = []
    for start in range(first, len(given.seen), chunk):
        part = given.seen[start : start + chunk]
        frames = chunk_of(given.rgb_THW3[start : start + chunk], start)
        for surfaces in stage(frames, people_of(len(part)), Surfaces(people=tuple(part))):
            result += surfaces.people
    return result


def on_body(surface: PersonSurface, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels and UV at fixed points of the body, so that frames can be compared."""
    y, x = np.mgrid[-70:71:3, -28:29:3].astype(np.float32)
    x, y = x + np.float32(place[0] - surface.x0), y + np.float32(place[1] - surface.y0)
    labels = cv2.remap(surface.labels_hw, x, y, cv2.INTER_NEAREST)
    uv = cv2.remap(np.ascontiguousarray(surface.uv_2hw.transpose(1, 2, 0)), x, y, cv2.INTER_LINEAR)
    return labels, uv


def flicker(surfaces: list[PersonSurface], place_T2: np.ndarray) -> tuple[float, float]:
    """Mean change of UV from frame to frame at fixed points of the body, and the share of points whose chart
    changes."""
    read = [on_body(surface, place) for surface, place in zip(surfaces, place_T2, strict=True)]
    changes, switches = [], []
    for (labels, uv), (old_labels, old_uv) in zip(read[5:], read[4:], strict=False):
        same = (labels == old_labels) & (labels > 0)
        step = np.linalg.norm(uv - old_uv, axis=-1)[same]
        changes.append(step[step < 0.3].mean())  # samples on both sides of a chart border cannot be compared
        switches.append((labels != old_labels)[(labels > 0) & (old_labels > 0)].mean())
    return float(np.mean(changes)), float(np.mean(switches))


def lag(surfaces: list[PersonSurface], truth: list[PersonSurface], place_T2: np.ndarray) -> float:
    """Lag in frames: mean error of U over its step per frame. U = (x − place) / width + 1/2 moves along."""
    lags = []
    for t in range(6, len(surfaces)):
        step = (place_T2[t] - place_T2[t - 1])[0] / BODY_WIDTH
        both = (surfaces[t].labels_hw == truth[t].labels_hw) & (truth[t].labels_hw > 0)
        if abs(step) > 0.01:
            lags.append((surfaces[t].uv_2hw[0] - truth[t].uv_2hw[0])[both].mean() / step)
    return float(np.mean(lags))


@pytest.mark.parametrize("steps_T2", [STEADY, FAST, START], ids=["steady", "fast", "sudden start"])
def test_flicker_is_at_most_half_and_nothing_lags(steps_T2: np.ndarray) -> None:
    given = shot(steps_T2)
    result = smoothed(given)
    raw_uv, raw_labels = flicker(given.seen, given.place_T2)
    uv, labels = flicker(result, given.place_T2)
    assert uv < 0.5 * raw_uv
    assert labels < 0.55 * raw_labels
    assert abs(lag(result, given.truth, given.place_T2)) < 0.3
    for surface, truth, seen in list(zip(result, given.truth, given.seen, strict=True))[6:]:
        assert (surface.labels_hw == truth.labels_hw).mean() > (seen.labels_hw == truth.labels_hw).mean()


def joint_errors(surfaces: list[PersonSurface], given: Shot) -> np.ndarray:
    """Keypoints less the true ones, (T, 17, 2), without the first frames."""
    pairs = list(zip(surfaces, given.truth, strict=True))[6:]
    return np.array([one.keypoint_K3[:, :2] - true.keypoint_K3[:, :2] for one, true in pairs])


@pytest.mark.parametrize("ahead", [0, 2])
@pytest.mark.parametrize("steps_T2", [STEADY, FAST, START], ids=["steady", "fast", "sudden start"])
def test_keypoints_are_nearer_to_the_truth_and_do_not_lag(steps_T2: np.ndarray, ahead: int) -> None:
    given = shot(steps_T2)
    raw = joint_errors(given.seen, given)
    result = ended(given, Smooth(Smooth.Config(look_ahead=ahead)), chunk=4)
    error = joint_errors(result, given)
    assert error.std() < 0.7 * raw.std()
    assert np.abs(np.diff(error, axis=0)).mean() < 0.55 * np.abs(np.diff(raw, axis=0)).mean()
    assert np.abs(error.mean(axis=(0, 1))).max() < 0.3  # pixels; the oval moves up to 9.7 a frame
    assert all(np.array_equal(one.mask_hw, one.labels_hw > 0) for one in result)


def test_a_keypoint_that_jumps_or_is_unknown_is_not_smoothed() -> None:
    given = shot(np.zeros((6, 2)))
    jump, unknown = given.truth[4].keypoint_K3.copy(), given.truth[4].keypoint_K3.copy()
    jump[3, :2] += 40
    unknown[7] = 0
    for changed, joint in ((jump, 3), (unknown, 7)):
        seen = [*given.truth[:4], replace(given.truth[4], keypoint_K3=changed), given.truth[5]]
        result = smoothed(replace(given, seen=seen))
        assert result[4].keypoint_K3[joint] == pytest.approx(changed[joint], abs=1e-3)
        assert result[5].keypoint_K3[joint] == pytest.approx(given.truth[5].keypoint_K3[joint], abs=0.5)


def test_a_lasting_change_is_four_frames_late() -> None:
    """The network's label of a whole chart changes at frame 8, while the image stays the same."""
    given = shot(np.zeros((14, 2)))
    surfaces = [replace(s, labels_hw=np.where(s.labels_hw == 2, 1, s.labels_hw)) for s in given.truth[8:]]
    result = smoothed(replace(given, seen=[*given.truth[:8], *surfaces]))
    shares = [float((s.labels_hw == 1).sum() / (given.truth[0].labels_hw == 2).sum()) for s in result]
    assert shares[:8] == [0] * 8
    assert max(shares[8:12]) < 0.1
    assert min(shares[12:]) > 0.9


def test_a_single_wrong_label_is_not_shown() -> None:
    given = shot(np.zeros((10, 2)))
    slip = replace(given.truth[6], labels_hw=np.where(given.truth[6].labels_hw == 2, 1, given.truth[6].labels_hw))
    result = smoothed(replace(given, seen=[*given.truth[:6], slip, *given.truth[7:]]))
    assert all(float((s.labels_hw == t.labels_hw).mean()) > 0.98 for s, t in zip(result, given.truth, strict=True))
    assert np.abs(result[6].uv_2hw - given.truth[6].uv_2hw)[:, slip.labels_hw == 1].mean() < 0.02


def no_motion(memory: SurfaceEstimate, trust: float = 1.0) -> FlowField:
    """A flow field without motion."""
    y, x = np.mgrid[0 : memory.grid.height, 0 : memory.grid.width].astype(np.float32)
    return FlowField(x_hw=x, y_hw=y, trust_hw=np.full(x.shape, trust, np.float32))


def fused_still(
    surface: PersonSurface, memory: SurfaceEstimate, trust: float = 1.0
) -> tuple[PersonSurface, SurfaceEstimate]:
    """One more prediction, fused with the past; no motion."""
    first = estimate_from(surface)
    steady = fused_with_past(EstimateLayers.of(first), warped_estimate(memory, no_motion(memory, trust)))
    return apply_estimate(surface, first, steady), steady.packed(first.grid)


def even(value: float, label: int = 2, confidence: float = 0.5, shape: tuple[int, int] = (6, 6)) -> PersonSurface:
    return PersonSurface(
        x0=0,
        y0=0,
        labels_hw=np.full(shape, label, np.uint8),
        uv_2hw=np.full((2, *shape), value, np.float32),
        confidence_hw=np.full(shape, confidence, np.float32),
    )


def test_uv_is_the_kalman_filters_estimate_where_labels_agree() -> None:
    """Closed form: noise 0.136 · (1 − confidence)^¼ per prediction, 0.003 per step; values too close for the gate."""
    values, noise, drift = [0.5, 0.502, 0.499, 0.503, 0.5], (0.136 * 0.5**0.25) ** 2, 0.003**2
    tall = (180, 6)
    memory, mean, variance = estimate_from(even(values[0], shape=tall)), values[0], noise
    for value in values[1:]:
        steady, memory = fused_still(even(value, shape=tall), memory)
        variance += drift
        gain = variance / (variance + noise)
        mean, variance = mean + gain * (value - mean), (1 - gain) * variance
        assert float(steady.uv_2hw[0, 3, 3]) == pytest.approx(mean, abs=2e-5)
        assert float(memory.values_hw4[3, 3, 2]) == pytest.approx(1 / variance, rel=1e-3)


def test_precision_of_warped_uv_is_bounded() -> None:
    """The least deviation of warped UV is a cell on a sixth of 120 rows, 0.05; a prediction's own is 0.022."""
    tall, past, now = (120, 6), 1 / 0.05**2, 1 / (0.01 + 1.2 * 0.01) ** 2
    memory = estimate_from(even(0.5, confidence=0.995, shape=tall))
    for _ in range(3):
        _, memory = fused_still(even(0.501, confidence=0.995, shape=tall), memory)
        assert float(memory.values_hw4[60, 3, 2]) == pytest.approx(past + now, rel=1e-3)
    first = fused_still(
        even(0.501, confidence=0.995, shape=tall), estimate_from(even(0.5, confidence=0.995, shape=tall))
    )[0]
    assert float(first.uv_2hw[0, 60, 3]) == pytest.approx((0.5 * past + 0.501 * now) / (past + now), abs=1e-5)


def test_the_past_weighs_less_with_distance_and_nothing_without_trust() -> None:
    memory = estimate_from(even(0.5))
    assert np.abs(fused_still(even(0.9), memory)[0].uv_2hw - 0.9).max() < 1e-5  # exp(−14) of the past
    assert np.array_equal(fused_still(even(0.51), memory, trust=0.0)[0].uv_2hw, even(0.51).uv_2hw)


def test_a_confident_label_wins_at_once_and_an_uncertain_one_after_several_frames() -> None:
    """Log-odds with four rival charts: ln(4 · 0.5 / 0.5) = 1.39 per prediction, at most 5.9: the fifth contrary label
    wins."""
    memory = estimate_from(even(0.5, label=2))
    for _ in range(6):
        _, memory = fused_still(even(0.5, label=2), memory)
    shown, now = [], memory
    for _ in range(5):
        steady, now = fused_still(even(0.5, label=9), now)
        shown.append(int(steady.labels_hw[3, 3]))
    assert shown == [2, 2, 2, 2, 9]
    assert (fused_still(even(0.5, label=9, confidence=0.99), memory)[0].labels_hw == 9).all()


@pytest.mark.parametrize(
    ("label", "confidence", "frames"),
    [(3, 0.5, 4), (20, 0.5, 5), (9, 0.5, 5), (18, 0.5, 5), (3, 0.4, 6), (20, 0.4, 6), (9, 0.4, 7), (18, 0.4, 7)],
)
def test_hands_and_lower_arms_win_sooner(label: int, confidence: float, frames: int) -> None:
    """In front of a torso with six predictions: the number of frames until the new label is shown."""
    memory = estimate_from(even(0.5))
    for _ in range(6):
        _, memory = fused_still(even(0.5), memory)
    shown: list[int] = []
    while not shown or shown[-1] != label:
        steady, memory = fused_still(even(0.5, label=label, confidence=confidence), memory)
        shown.append(int(steady.labels_hw[3, 3]))
    assert len(shown) == frames


def test_single_images_and_kind_none_pass_unchanged() -> None:
    given = shot(STEADY[:2])
    surfaces = Surfaces(people=tuple(given.seen))
    (out,) = Smooth(Smooth.Config())(chunk_of(given.rgb_THW3, still=True), people_of(2), surfaces)
    assert out is surfaces
    (out,) = Smooth(Smooth.Config(kind="none"))(chunk_of(given.rgb_THW3), people_of(2), surfaces)
    assert out is surfaces


def test_the_backward_flow_is_the_inverted_forward_flow() -> None:
    """An oval that moves 3 pixels right and 2 down per frame: flow from its cells to the other frame, and back."""
    given = shot(np.array([[3, 2], [3, 2]]))
    before_HW, now_HW = (np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)) for rgb in given.rgb_THW3)
    before, now = (estimate_from(surface).grid for surface in given.truth)
    ways = PersonFlow().compute_both(now_HW, before_HW, now, before)
    assert ways is not None
    middle = (slice(40, 140), slice(28, 58))
    y_hw, x_hw = np.mgrid[0 : now.height, 0 : now.width]
    for flow, step in zip(ways, (-1, 1), strict=True):
        moved_x = flow.x_hw - x_hw + (before.x0 - now.x0) * -step
        moved_y = flow.y_hw - y_hw + (before.y0 - now.y0) * -step
        assert np.abs(moved_x[middle] - 3 * step).mean() < 0.3
        assert np.abs(moved_y[middle] - 2 * step).mean() < 0.3
        assert flow.trust_hw[middle].mean() > 0.95


@pytest.mark.parametrize("lines", [SMALL_HEIGHT - 70, SMALL_HEIGHT - 1, SMALL_HEIGHT, SMALL_HEIGHT + 50])
def test_the_flow_search_finds_the_motion_of_small_and_large_images(lines: int) -> None:
    """Smooth noise, moved 3 pixels right and 2 up, of fewer rows than SMALL_HEIGHT and of more."""
    noise_HW = np.random.default_rng(0).integers(0, 256, (lines + 20, 100), np.uint8)
    whole_HW = cv2.normalize(cv2.GaussianBlur(noise_HW, (0, 0), 2), None, 0, 255, cv2.NORM_MINMAX)
    here_hw, there_hw = whole_HW[10 : 10 + lines, 10:70], whole_HW[12 : 12 + lines, 7:67]
    still_hw2 = np.zeros((lines, 60, 2), np.float32)
    way_hw2 = DenseInverseSearch()(np.ascontiguousarray(here_hw), np.ascontiguousarray(there_hw), still_hw2)
    assert np.abs(way_hw2[8:-8, 8:-8] - (3, -2)).mean() < 0.15


def layers(label: int, value: float, precision: float, strength: float) -> EstimateLayers:
    shape = (7, 7)
    return EstimateLayers(
        labels_hw=np.full(shape, label, np.uint8),
        u_hw=np.full(shape, value, np.float32),
        v_hw=np.full(shape, value, np.float32),
        precision_hw=np.full(shape, precision, np.float32),
        log_odds_hw=np.full(shape, strength, np.float32),
    )


def test_later_frames_change_uv_by_precision_and_charts_by_log_odds() -> None:
    mine, later = layers(2, 0.5, 300, 2), layers(2, 0.51, 100, 2)
    gate = np.exp(-2 * (0.01 / 0.2) ** 2)
    assert np.allclose(fused_with_later(mine, later).u_hw, 0.5 + 0.01 * gate * 100 / (300 + gate * 100), atol=1e-6)
    for strength, label in (
        (0.9, 2),
        (2.6, 2),
        (2.7, 9),
    ):  # a vote needs half the log-odds
        result = fused_with_later(mine, layers(9, 0.8, 100, strength))
        assert (result.labels_hw == label).all()
        assert np.allclose(result.u_hw, 0.5 if label == 2 else 0.8)
    assert (fused_with_later(mine, layers(0, 0, 0, 4)).labels_hw == 2).all()  # the silhouette is the frame's own
    slip = layers(2, 0.5, 300, 2)
    slip.labels_hw[3, 3], slip.log_odds_hw[3, 3] = 9, 0.5
    assert (fused_with_later(slip, later).labels_hw == 2).all()


def test_people_without_identity_and_new_people_pass_unchanged() -> None:
    given = shot(np.zeros((4, 2)))
    for ids in ([-1] * 4, [1, 2, 3, 4]):
        stage = Smooth(Smooth.Config())
        (out,) = stage(chunk_of(given.rgb_THW3), people_of(4, ids), Surfaces(people=tuple(given.seen)))
        assert all(a is b for a, b in zip(out.people, given.seen, strict=True))


def test_a_scene_cut_and_a_gap_reset() -> None:
    given = shot(np.zeros((5, 2)))
    frames = replace(chunk_of(given.rgb_THW3), starts_shot_T=np.arange(5) == 4)
    (out,) = Smooth(Smooth.Config())(frames, people_of(5), Surfaces(people=tuple(given.seen)))
    assert out.people[3] is not given.seen[3]
    assert out.people[4] is given.seen[4]
    stage = Smooth(Smooth.Config())
    list(stage(chunk_of(given.rgb_THW3[:2]), people_of(2), Surfaces(people=tuple(given.seen[:2]))))
    (later,) = stage(chunk_of(given.rgb_THW3[3:4], first=3), people_of(1), Surfaces(people=(given.seen[3],)))
    assert later.people[0] is given.seen[3]


def test_output_depends_neither_on_chunks_nor_on_a_restart_nor_on_threads() -> None:
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


@pytest.mark.parametrize("ahead", [1, 3])
def test_look_ahead_delays_output_which_depends_neither_on_chunks_nor_on_a_restart(ahead: int) -> None:
    given = shot(STEADY[:12])
    config = Smooth.Config(look_ahead=ahead)
    stage = Smooth(config)
    first = list(stage(chunk_of(given.rgb_THW3[:ahead]), people_of(ahead), Surfaces(people=tuple(given.seen[:ahead]))))
    assert first == []
    whole = ended(given, Smooth(config), chunk=1)
    assert len(whole) == 12
    for chunk in (5, 12):
        assert_same(ended(given, Smooth(config), chunk=chunk), whole)
    begun, resumed = Smooth(config), Smooth(config)
    before = smoothed(replace(given, seen=given.seen[:7], rgb_THW3=given.rgb_THW3[:7]), stage=begun, chunk=1)
    resumed.restore(begun.state())
    assert_same([*before, *ended(given, resumed, chunk=1, first=7)], whole)


def test_look_ahead_flickers_less_and_shows_no_single_wrong_label() -> None:
    given = shot(STEADY)
    live, later = smoothed(given), ended(given, Smooth(Smooth.Config(look_ahead=2)), chunk=4)
    assert all(b < 0.95 * a for a, b in zip(flicker(live, given.place_T2), flicker(later, given.place_T2), strict=True))
    assert abs(lag(later, given.truth, given.place_T2)) < 0.3


def test_an_image_after_a_video_waits_for_nothing_and_stays_in_order() -> None:
    given = shot(STEADY[:4])
    whole = ended(given, Smooth(Smooth.Config(look_ahead=2)), chunk=1)
    stage = Smooth(Smooth.Config(look_ahead=2))
    assert len(smoothed(given, stage=stage, chunk=1)) == 2
    picture = Surfaces(people=(given.seen[0],))
    *late, last = stage(chunk_of(given.rgb_THW3[:1], still=True), people_of(1), picture)
    assert last is picture
    assert_same([surface for surfaces in late for surface in surfaces.people], whole[2:])


def ended(given: Shot, stage: Smooth, chunk: int, first: int = 0) -> list[PersonSurface]:
    """All surfaces of a video, with those that the stage held until its end."""
    result = smoothed(given, stage=stage, chunk=chunk, first=first)
    return result + [surface for surfaces in stage.flush() for surface in surfaces.people]


def assert_same(one: list[PersonSurface], other: list[PersonSurface]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert (a.x0, a.y0) == (b.x0, b.y0)
        assert np.array_equal(a.labels_hw, b.labels_hw) and np.array_equal(a.uv_2hw, b.uv_2hw)
        assert np.array_equal(a.keypoint_K3, b.keypoint_K3) and np.array_equal(a.mask_hw, b.mask_hw)
        assert (a.motion is None) == (b.motion is None)
        if a.motion is not None and b.motion is not None:
            assert np.array_equal(a.motion.back_hw3, b.motion.back_hw3)
            assert (a.motion.x0, a.motion.y0, a.motion.step) == (b.motion.x0, b.motion.y0, b.motion.step)


def test_half_precision_stays_and_background_has_no_uv() -> None:
    given = shot(STEADY[:6])
    half = replace(given, seen=[replace(s, uv_2hw=s.uv_2hw.astype(np.float16)) for s in given.seen])
    for surface in smoothed(half):
        assert surface.uv_2hw.dtype == np.float16
        assert (surface.uv_2hw[:, surface.labels_hw == 0] == 0).all()


@pytest.mark.parametrize("corner", [(-60, -100), (300, 200), (-500, 0), (0, 900)])
def test_grids_at_and_beyond_the_frames_edge_are_allowed(corner: tuple[int, int]) -> None:
    given = shot(np.zeros((3, 2)))
    seen = [replace(s, x0=corner[0] + t, y0=corner[1]) for t, s in enumerate(given.seen)]
    assert len(smoothed(replace(given, seen=seen))) == 3


def test_tiny_frames_are_allowed() -> None:
    person = PersonSurface(x0=0, y0=0, labels_hw=np.ones((9, 7), np.uint8), uv_2hw=np.full((2, 9, 7), 0.5, np.float32))
    frames = np.zeros((2, 9, 7, 3), np.uint8)
    (out,) = Smooth(Smooth.Config())(chunk_of(frames), people_of(2), Surfaces(people=(person, person)))
    assert np.array_equal(out.people[1].uv_2hw, person.uv_2hw)


def jittery(exact: PersonSurface, rng: np.random.Generator) -> PersonSurface:
    """A network's output: shifted a little, with noisy UV and some labels of the other side."""
    height, width = exact.labels_hw.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fields = [cv2.GaussianBlur(rng.normal(0, 1, (height, width)).astype(np.float32), (0, 0), 4) for _ in range(5)]
    dx, dy, du, dv, slip = (field / field.std() for field in fields)
    labels = cv2.remap(exact.labels_hw, x + 1.5 * dx, y + 1.5 * dy, cv2.INTER_NEAREST)
    uv = cv2.remap(np.ascontiguousarray(exact.uv_2hw.transpose(1, 2, 0)), x + 1.5 * dx, y + 1.5 * dy, cv2.INTER_NEAREST)
    uv = (uv + 0.03 * np.stack([du, dv], axis=-1)) * (labels > 0)[..., None]
    other_side = np.array([0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23])
    labels = np.where(slip > 2.2, other_side[labels], labels).astype(np.uint8)
    confidence = np.full(labels.shape, 0.5, np.float32)
    return replace(
        exact, labels_hw=labels, uv_2hw=np.ascontiguousarray(uv.transpose(2, 0, 1)), confidence_hw=confidence
    )


@pytest.mark.parametrize("ahead", [0, 2])
def test_every_person_with_a_past_states_the_motion_since_the_frame_before(ahead: int) -> None:
    given = shot(np.tile([3.0, -2.0], (5, 1)))
    first, *others = ended(given, Smooth(Smooth.Config(look_ahead=ahead)), chunk=4)
    assert first.motion is None
    for surface, place in zip(others, given.place_T2[1:], strict=True):
        motion = surface.motion
        assert motion is not None
        column, row = ((place - (motion.x0, motion.y0)) / motion.step).astype(int)
        found = np.median(motion.back_hw3[row - 6 : row + 7, column - 2 : column + 3].reshape(-1, 3), axis=0)
        assert np.abs(found[:2] - (-3, 2)).max() < 0.3 and found[2] > 0.8


def test_a_walking_person_gets_closer_to_the_ground_truth() -> None:
    """The rendered man of the demo clip, with swinging arms and crossing legs."""
    cast, view, rng = walkers()[1:], camera(SMALL, 1), np.random.default_rng(0)
    backdrop = paint_plaza(camera(SMALL, SUPERSAMPLING))
    frames, exact = [], []
    for number in range(20, 38):
        frames.append(frame_at(SMALL, number / RATE, cast, backdrop))
        (mesh,) = meshes_at(number / RATE, cast)
        truth = render_people(
            np.zeros((view.height, view.width, 3), np.float32), [cast[0].person], [mesh], view, lights()
        )
        exact.append(ground_truth_surface(truth, 1))
    seen = [jittery(surface, rng) for surface in exact]
    given = chunk_of(np.stack(frames)), people_of(len(seen)), Surfaces(people=tuple(seen))
    for ahead in (0, 1):
        stage = Smooth(Smooth.Config(look_ahead=ahead))
        (result,) = [*stage(*given), *stage.flush()]
        wrong, error = zip(*(mistakes(surfaces, exact) for surfaces in (seen, result.people)), strict=True)
        assert wrong[1] < 1.05 * wrong[0]
        assert error[1] < 0.9 * error[0]


def mistakes(surfaces: Sequence[PersonSurface], exact: list[PersonSurface]) -> tuple[float, float]:
    """Share of wrong charts where both have the person, and mean error of UV where charts are right."""
    wrong, error = [], []
    for surface, truth in list(zip(surfaces, exact, strict=True))[5:]:
        right = surface.labels_hw == truth.labels_hw
        wrong.append((~right)[(surface.labels_hw > 0) & (truth.labels_hw > 0)].mean())
        error.append(np.abs(surface.uv_2hw - truth.uv_2hw)[:, right & (truth.labels_hw > 0)].mean())
    return float(np.mean(wrong)), float(np.mean(error))


def test_large_people_are_smoothed_at_every_pixel() -> None:
    """1681 rows are estimated on cells of 7 pixels; means and kept labels reach all pixels, also those of partial
    cells."""
    shape = (1681, 303)
    memory = estimate_from(even(0.5, shape=shape))
    assert memory.grid.step == 7 and memory.grid.height == 241 and memory.grid.width == 44
    for _ in range(4):
        _, memory = fused_still(even(0.5, shape=shape), memory)
    slip = even(0.502, shape=shape)
    slip.labels_hw[43 * 7 :] = 1
    steady, _ = fused_still(slip, memory)
    assert (steady.labels_hw == 2).all()
    assert ((steady.uv_2hw > 0.4999) & (steady.uv_2hw < 0.502)).all()


def test_the_past_fills_in_a_person_and_never_removes_one() -> None:
    """Only against uniform background, with more log-odds than the network's decision."""
    mine, nobody = layers(2, 0.5, 300, 2), layers(0, 0, 0, 2)
    assert len(cells_other_wins(mine, layers(0, 0, 0, 9))) == 0
    assert len(cells_other_wins(nobody, layers(2, 0.5, 300, 9))) == 49
    assert len(cells_other_wins(nobody, layers(2, 0.5, 300, 2.4))) == 0  # below the log-odds of background
