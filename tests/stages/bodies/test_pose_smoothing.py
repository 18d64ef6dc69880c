"""Smoothing over the frames around: polynomials pass unchanged, noise falls as theory says, peaks of speed stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import savgol_coeffs
from scipy.spatial.transform import Rotation

from stages.bodies.pose_smoothing import polynomial_weights, smoothed_body
from tests.stages.bodies.made_bodies import made_body

pytestmark = pytest.mark.quick


@pytest.mark.parametrize(("count", "degree"), [(3, 1), (5, 2), (9, 2)])
def test_weights_of_even_times_are_those_of_savitzky_and_golay(count: int, degree: int) -> None:
    second_S = (np.arange(count) - count // 2) / 30
    assert polynomial_weights(second_S) == pytest.approx(savgol_coeffs(count, degree), abs=1e-9)


def test_two_frames_are_too_few() -> None:
    assert polynomial_weights(np.array([0.0, 0.04])) is None
    bodies = [made_body(), made_body((1, 0, 3))]
    assert smoothed_body(bodies, np.array([0.0, 0.04]), 0) is bodies[0]


def test_a_steady_turn_and_a_thrown_body_pass_unchanged_at_uneven_times() -> None:
    second_S = np.array([0.0, 0.04, 0.07, 0.13, 0.16])
    bodies = [
        made_body((0.5 * t, -1.0 * t + 4.9 * t * t, 3.0), turn_deg=300 * t, bend_deg=20 + 200 * t) for t in second_S
    ]
    for at in range(5):
        pose = smoothed_body(bodies, second_S, at).pose
        assert pose.root_3 == pytest.approx(bodies[at].pose.root_3, abs=1e-4)
        assert np.abs(pose.rotation_B33 - bodies[at].pose.rotation_B33).max() < 1e-4


def test_noise_falls_and_rotations_stay_rotations() -> None:
    rng = np.random.default_rng(1)
    second_S = np.arange(5) / 25
    body = made_body(bend_deg=50)

    def shaken() -> object:
        noise = Rotation.from_rotvec(rng.normal(0, 0.1, (len(body.pose.rotation_B33), 3))).as_matrix()
        return replace(body, pose=replace(body.pose, rotation_B33=(body.pose.rotation_B33 @ noise).astype(np.float32)))

    angles = []
    for _ in range(30):
        rotation_B33 = smoothed_body([shaken() for _ in range(5)], second_S, 2).pose.rotation_B33
        assert np.abs(np.linalg.det(rotation_B33) - 1).max() < 1e-4
        away_B33 = np.swapaxes(body.pose.rotation_B33, 1, 2) @ rotation_B33
        angles.append(Rotation.from_matrix(away_B33).magnitude())
    raw = 0.1 * np.sqrt(8 / np.pi)  # mean length of a normal vector
    assert np.mean(angles) == pytest.approx(raw * np.sqrt((savgol_coeffs(5, 2) ** 2).sum()), rel=0.05)


def test_a_kick_of_a_fifth_of_a_second_keeps_its_speed() -> None:
    """A leg swings by 90° in 0.2 s at 30 frames per second; the peak of its speed keeps 95 %."""
    second_T = np.arange(31) / 30
    angle_T = 90 / (1 + np.exp(-(second_T - 0.5) / 0.04))
    bodies = [made_body(bend_deg=float(angle)) for angle in angle_T]
    smooth = [smoothed_body(bodies[t - 2 : t + 3], second_T[t - 2 : t + 3], 2) for t in range(2, 29)]

    def peak(some: list) -> float:
        turn_TB33 = np.stack([body.pose.rotation_B33 for body in some])
        step = np.swapaxes(turn_TB33[:-1], -1, -2) @ turn_TB33[1:]
        return float(Rotation.from_matrix(step.reshape(-1, 3, 3)).magnitude().max())

    assert peak(smooth) > 0.95 * peak(bodies[2:29])
