"""Measures of films, against motions whose derivatives are known."""

from __future__ import annotations

import numpy as np
import pytest

from models.arrays import F64
from models.metrics.motion_errors import MEASURED_JOINTS, motion_errors

pytestmark = pytest.mark.quick

FPS = 30.0


def swinging(amplitude: float, frames: int = 90) -> F64:
    """All joints at rest but the left wrist, which swings once a second."""
    joint_TJ3 = np.zeros((frames, len(MEASURED_JOINTS), 3))
    second_T = np.arange(frames) / FPS
    joint_TJ3[:, MEASURED_JOINTS.index("wrist.L"), 0] = amplitude * np.sin(2 * np.pi * second_T)
    return joint_TJ3


def test_the_truth_itself_has_no_error() -> None:
    measures = motion_errors(swinging(0.5), swinging(0.5), FPS)
    assert measures.mpjpe_mm == measures.acceleration == 0
    assert measures.jerk == measures.true_jerk
    assert measures.peaks_kept == pytest.approx(np.ones(5))


def test_a_slower_wrist_keeps_its_share_of_the_peak_speed() -> None:
    measures = motion_errors(swinging(0.5), swinging(0.4), FPS)
    assert measures.peaks_kept == pytest.approx(np.full(5, 0.8))


def test_speed_across_the_true_direction_does_not_count() -> None:
    sideways = swinging(0.5)[..., [1, 0, 2]]
    assert motion_errors(swinging(0.5), sideways, FPS).peaks_kept == pytest.approx(np.zeros(5))


def test_accelerations_are_in_metres_a_second_squared() -> None:
    true_TJ3 = np.zeros((40, len(MEASURED_JOINTS), 3))
    second_T = np.arange(40) / FPS
    made_TJ3 = true_TJ3.copy()
    made_TJ3[:, 1:, 1] = (0.5 * 9.81 * second_T**2)[:, None]
    measures = motion_errors(true_TJ3, made_TJ3, FPS)
    assert measures.acceleration == pytest.approx(9.81)
    assert measures.jerk == pytest.approx(0, abs=1e-6)


def test_jerk_is_the_third_derivative() -> None:
    made_TJ3 = np.zeros((40, len(MEASURED_JOINTS), 3))
    made_TJ3[:, 1:, 2] = (2.0 * (np.arange(40) / FPS) ** 3 / 6)[:, None]
    assert motion_errors(0 * made_TJ3, made_TJ3, FPS).jerk == pytest.approx(2.0)
