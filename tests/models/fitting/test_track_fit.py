"""Following a person: motions are kept, the shape settles, and a lost track begins anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from posed_people import CAMERA, RenderedPerson, person, rendered

from models.body.body_pose import posed_keypoints
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.reduced_pose import reduced_pose, whole_pose
from models.body.rotation_vectors import rotation_exponential
from models.fitting.initial_poses import flipped_limbs
from models.fitting.surface_fit import EXACT
from models.fitting.track_fit import TrackedBody, TrackFitSettings, expected_pose, tracked_body

FPS, FRAMES = 30.0, 16
SETTINGS = TrackFitSettings(fit=EXACT)


@pytest.fixture(scope="module")
def kick() -> list[RenderedPerson]:
    """A person whose right knee opens by 2 radians within a fifth of a second."""
    first = person(3, 0.6)
    knee, frames = load_body().bone("lowerleg01.R"), []
    hip = load_body().bone("upperleg01.R")
    for t in range(FRAMES):
        share = 0.5 - 0.5 * np.cos(np.pi * np.clip((t - 5) / 6, 0, 1))
        turn = first.rotation_B33.copy()
        turn[hip] = rotation_exponential(np.array([[-1.2 * share, 0, 0]]))[0] @ turn[hip]
        turn[knee] = turn[knee] @ rotation_exponential(np.array([[0.8 * (1 - share), 0, 0]]))[0]
        frames.append(rendered(turn.astype(np.float32), first.root_3, first.shape_C))
    return frames


@pytest.fixture(scope="module")
def followed(kick: list[RenderedPerson]) -> list[TrackedBody]:
    known, found = None, []
    for t, frame in enumerate(kick):
        known = tracked_body(known, frame, CAMERA, t / FPS, SETTINGS)
        assert known is not None
        found.append(known)
    return found


def ankle(bodies: list[np.ndarray]) -> np.ndarray:
    """Speeds of the right ankle relative to the hips, metres a second."""
    place = KEYPOINT_NAMES.index("right_ankle")
    path = np.array([body[place] - body[11:13].mean(axis=0) for body in bodies])
    return np.linalg.norm(np.diff(path, axis=0), axis=1) * FPS


def test_the_peak_speed_of_a_kick_is_kept(kick: list[RenderedPerson], followed: list[TrackedBody]) -> None:
    true = ankle([one.keypoint_J3 for one in kick]).max()
    found = ankle([posed_keypoints(one.body.pose) for one in followed]).max()
    assert true > 2.5
    assert abs(found / true - 1) < 0.15


def test_the_shape_settles(followed: list[TrackedBody]) -> None:
    shapes = [one.body.pose.shape_C for one in followed]
    settled = round(SETTINGS.shape_seconds * FPS) + 1
    assert all(np.array_equal(shapes[settled], later) for later in shapes[settled:])
    assert not np.array_equal(shapes[settled - 2], shapes[settled])


def test_a_jump_begins_anew(followed: list[TrackedBody]) -> None:
    elsewhere = person(1500, 2.6)
    found = tracked_body(followed[-1], elsewhere, CAMERA, FRAMES / FPS, SETTINGS)
    assert found is not None and found.previous is None
    away = posed_keypoints(found.body.pose)[:17] - elsewhere.keypoint_J3[:17]
    assert np.linalg.norm(away - away[11:13].mean(axis=0), axis=1).mean() < 0.08


def test_an_arm_that_is_mirrored_in_depth_does_not_stay_so() -> None:
    """The wrong arm has almost the same projection; the lift is asked once in a fifth of a second."""
    shown, settings = person(700, 0.0), TrackFitSettings()
    known = tracked_body(None, shown, CAMERA, 0.0, settings)
    assert known is not None and _farthest_joint(known, shown) < 0.2
    arm = list(flipped_limbs(reduced_pose(known.body.pose)))[5]
    wrong = replace(known, body=replace(known.body, pose=whole_pose(arm)))
    soon, later = (tracked_body(wrong, shown, CAMERA, second, settings) for second in (0.1, 0.2))
    assert _farthest_joint(soon, shown) > 0.5
    assert _farthest_joint(later, shown) < 0.2


def _farthest_joint(found: TrackedBody, true: RenderedPerson) -> float:
    """The largest error of a joint of the limbs relative to the hips, metres."""
    away = posed_keypoints(found.body.pose)[:17] - true.keypoint_J3[:17]
    return float(np.linalg.norm(away - away[11:13].mean(axis=0), axis=1)[5:].max())


def test_nobody_is_followed_where_nothing_is_seen(followed: list[TrackedBody]) -> None:
    blank = person(3, 0.0)
    blank.labels_hw[:] = 0
    assert tracked_body(followed[-1], blank, CAMERA, 1.0, SETTINGS) is None


@pytest.mark.parametrize("every", [1, 6])
def test_the_shape_settles_at_the_same_time_at_any_frame_rate(
    kick: list[RenderedPerson], followed: list[TrackedBody], every: int
) -> None:
    """Every frame shown twice at 60 frames per second, and every sixth frame at 5."""
    shown = kick[::every] if every > 1 else [frame for frame in kick for _ in range(2)]
    rate, known, shapes = FPS / every if every > 1 else 2 * FPS, None, []
    for t, frame in enumerate(shown):
        known = tracked_body(known, frame, CAMERA, t / rate, SETTINGS)
        assert known is not None
        shapes.append(known.body.pose.shape_C)
    assert settled_at(shapes, rate) == pytest.approx(
        settled_at([one.body.pose.shape_C for one in followed], FPS), abs=1 / min(rate, FPS) + 1e-6
    )
    same = followed[(len(shown) - 1) * every if every > 1 else -1]
    away_J3 = posed_keypoints(known.body.pose) - posed_keypoints(same.body.pose)
    assert np.linalg.norm(away_J3 - away_J3[11:13].mean(axis=0), axis=1).mean() < 0.04


def settled_at(shapes: list[np.ndarray], rate: float) -> float:
    """The second from which the shape is constant."""
    changes = [t + 1 for t in range(len(shapes) - 1) if not np.array_equal(shapes[t], shapes[t + 1])]
    return max(changes, default=0) / rate


def test_the_prediction_goes_by_the_times_of_frames_and_not_by_their_number(followed: list[TrackedBody]) -> None:
    """Frames at 0, 1, 3 and 4 thirtieths of a second: twice the last step is expected at 3, and half of it at 4."""
    before, last = followed[7].body, followed[10].body
    for earlier, now, then, times in ((0, 1, 3, 2.0), (1, 3, 4, 0.5)):
        known = replace(
            followed[10], body=last, previous=before, previous_second=earlier / FPS, second=now / FPS
        )  # fmt: skip
        found = expected_pose(known, then / FPS, 1.0)
        step_3 = last.pose.root_3 - before.pose.root_3
        assert np.abs(step_3).max() > 1e-4
        assert found.root_3 == pytest.approx(last.pose.root_3 + times * step_3, rel=1e-6)
        decayed = expected_pose(known, then / FPS, 0.5).root_3 - last.pose.root_3
        assert decayed == pytest.approx(0.5 ** (then - now) * times * step_3, rel=1e-3, abs=1e-7)


def test_a_body_that_is_seen_whole_later_corrects_the_shape(kick: list[RenderedPerson]) -> None:
    """For 4 seconds only head and shoulders are seen; the shape is constant then, and free again for the whole body."""
    tall = kick[0]
    rows = np.flatnonzero((tall.labels_hw > 0).any(axis=1))
    head = replace(tall, labels_hw=tall.labels_hw.copy())
    head.labels_hw[rows[0] + len(rows) // 5 :] = 0
    known, shapes = None, []
    for t in range(56):
        known = tracked_body(known, head if t < 40 else tall, CAMERA, t / 10, SETTINGS)
        assert known is not None
        shapes.append(known.body.pose.shape_C)
    assert known.observed_whole > SETTINGS.shape_seconds
    assert np.array_equal(shapes[36], shapes[39]), "constant, so that a head alone costs no more time"
    alone = tracked_body(None, tall, CAMERA, 0.0, SETTINGS)
    assert alone is not None
    truth = standing(tall.shape_C)
    assert abs(standing(shapes[-1]) - truth) < abs(standing(alone.body.pose.shape_C) - truth) + 0.03
    assert np.array_equal(shapes[-1], shapes[-2])


def standing(shape_C: np.ndarray) -> float:
    """Height of a shape, metres."""
    return float(load_body().rest(shape_C)[0][:, 1].max())
