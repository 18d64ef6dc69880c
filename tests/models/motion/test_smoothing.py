"""Smoothing keeps what is smooth, and takes jitter away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.rotation_vectors import continuous_quaternions
from models.motion.smoothing import smoothed_motion
from tests.models.motion.motions import still_motion, turns_about

pytestmark = pytest.mark.quick


def test_a_smooth_motion_stays_as_it_is() -> None:
    motion = still_motion(60)
    motion.rotation_TK33[:, load_body().bone("lowerarm01.L")] = turns_about((0, 1, 0), np.sin(np.arange(60) / 10))
    root_T3 = motion.root_T3 + np.linspace(0, 2, 60, dtype=np.float32)[:, None]
    smooth = smoothed_motion(replace(motion, root_T3=root_T3))
    assert np.abs(smooth.rotation_TK33 - motion.rotation_TK33).max() < 1e-3
    assert smooth.root_T3 == pytest.approx(root_T3, abs=1e-5)


def test_jitter_becomes_smaller_and_rotations_stay_rotations() -> None:
    rng, motion, bone = np.random.default_rng(0), still_motion(200), load_body().bone("upperarm01.R")
    motion.rotation_TK33[:, bone] = turns_about((0, 0, 1), rng.normal(0, 0.1, 200))
    smooth_T33 = smoothed_motion(motion).rotation_TK33[:, bone]
    angle_T = np.arctan2(smooth_T33[:, 1, 0], smooth_T33[:, 0, 0])
    assert np.diff(angle_T, n=2).std() < 0.45 * np.diff(rng.normal(0, 0.1, 200), n=2).std()
    assert np.einsum("tij,tkj->tik", smooth_T33, smooth_T33) == pytest.approx(np.tile(np.eye(3), (200, 1, 1)), abs=1e-5)


def test_where_a_fit_is_uncertain_its_neighbours_decide() -> None:
    bone, peak = load_body().bone("lowerarm01.L"), {}
    angle_T = np.zeros(61)
    angle_T[29:32] = 0.5
    for wrist in (0.9, 0.2):
        motion = still_motion(61)
        motion.confidence_TJ[:] = 0.9
        motion.confidence_TJ[29:32, KEYPOINT_NAMES.index("left_wrist")] = wrist
        motion.rotation_TK33[:, bone] = turns_about((0, 1, 0), angle_T)
        smooth_33 = smoothed_motion(motion).rotation_TK33[30, bone]
        peak[wrist] = float(np.arctan2(smooth_33[0, 2], smooth_33[0, 0]))
    assert peak[0.9] > 0.3 and peak[0.2] < 0.1, peak


@pytest.mark.parametrize("fps", [30, 60, 120])
def test_a_swing_keeps_the_same_share_at_every_frame_rate(fps: int) -> None:
    second_T, bone = np.arange(3 * fps) / fps, load_body().bone("lowerarm01.L")
    motion = replace(still_motion(3 * fps), second_T=second_T)
    motion.rotation_TK33[:, bone] = turns_about((0, 1, 0), 0.5 * np.sin(2 * np.pi * 3 * second_T))
    smooth_T33 = smoothed_motion(motion).rotation_TK33[:, bone]
    middle = slice(fps, 2 * fps)
    assert np.abs(np.arctan2(smooth_T33[middle, 0, 2], smooth_T33[middle, 0, 0])).max() == pytest.approx(0.45, abs=0.03)


def test_a_short_film_stays() -> None:
    motion = still_motion(5)
    assert smoothed_motion(motion) is motion


def test_signs_of_quaternions_do_not_jump_through_a_whole_turn() -> None:
    turn_TB33 = turns_about((0, 1, 0), np.linspace(0, 4 * np.pi, 80))[:, None]
    step_TB = np.linalg.norm(np.diff(continuous_quaternions(turn_TB33), axis=0), axis=2)
    assert step_TB.max() < 0.1
