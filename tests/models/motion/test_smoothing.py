"""Smoothing keeps what is smooth, and takes jitter away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.body.open_body import load_body
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


def test_a_film_shorter_than_the_window_stays() -> None:
    motion = still_motion(5)
    assert smoothed_motion(motion) is motion


def test_signs_of_quaternions_do_not_jump_through_a_whole_turn() -> None:
    turn_TB33 = turns_about((0, 1, 0), np.linspace(0, 4 * np.pi, 80))[:, None]
    step_TB = np.linalg.norm(np.diff(continuous_quaternions(turn_TB33), axis=0), axis=2)
    assert step_TB.max() < 0.1
