"""An arm that passes straight up changes both parts of its swing at once; the movement has no jump."""

from __future__ import annotations

import numpy as np
import pytest

from models.motion.continuous_angles import angle_differences, unwrapped

NAMES = ("left_shoulder_flexion", "left_shoulder_abduction", "left_knee_flexion")
TOWARD_2 = np.array([0.6, 0.8])


def arm(swing_T: np.ndarray) -> np.ndarray:
    """Angles of an arm that swings to the front and side, as a fit gives them: by at most 180°; and a bent knee."""
    short_T = np.where(swing_T > 180, swing_T - 360, swing_T)
    return np.column_stack([short_T[:, None] * TOWARD_2, np.full(len(swing_T), 30.0)])


def test_a_swing_over_the_head_is_continuous_and_unknown_frames_stay_unknown() -> None:
    swing_T = np.array([0, 80, 150, 170, 190, 215, 190, 170, 90.0])
    angle_TA = arm(swing_T)
    angle_TA[5] = np.nan
    found_TA = unwrapped(angle_TA, NAMES)
    assert np.isnan(found_TA[5]).all()
    known = np.isfinite(found_TA[:, 0])
    np.testing.assert_allclose(found_TA[known, :2], (swing_T[:, None] * TOWARD_2)[known])


def test_full_turns_of_other_angles_are_added() -> None:
    angle_TA = np.column_stack([np.zeros((3, 2)), [170.0, -175.0, 160.0]])
    np.testing.assert_allclose(unwrapped(angle_TA, NAMES)[:, 2], [170, 185, 160])


def test_the_difference_of_two_swings_is_the_smaller_one() -> None:
    below, beyond = arm(np.array([175.0])), arm(np.array([185.0]))
    change_NA = angle_differences(below, beyond, NAMES)
    assert change_NA[0, :2] == pytest.approx(10 * TOWARD_2) and change_NA[0, 2] == 0
    assert angle_differences(beyond, below, NAMES)[0, :2] == pytest.approx(-10 * TOWARD_2)
    turned = angle_differences(np.array([0, 0, 175.0]), np.array([[20, -20, -175.0]]), NAMES)
    assert turned.tolist() == [[20, -20, 10]]
