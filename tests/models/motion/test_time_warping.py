"""Time warping: known warps are found again, and a path stays inside of its band."""

from __future__ import annotations

import numpy as np
import pytest

from models.motion.time_warping import aligned_seconds, warped_path

NAMES = ("left_knee_flexion", "left_hip_flexion")


def wave(second_T):
    return np.stack([60 - 60 * np.cos(2 * np.pi * second_T / 3), 30 * np.sin(2 * np.pi * second_T / 7)], axis=1)


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.3])
def test_a_movement_at_another_speed_is_aligned(speed: float) -> None:
    second_T, second_U = np.arange(0, 12, 0.04), np.arange(0, 12 / speed, 0.04)
    a_TF, b_UF = wave(second_T), wave(second_U * speed)
    found_T = aligned_seconds(a_TF, b_UF, second_U, second_T / speed, 1.0, np.ones(2), NAMES)
    assert (np.diff(found_T) >= 0).all()
    assert np.abs(found_T - second_T / speed)[10:-10].max() < 0.06


def test_an_uneven_tempo_is_aligned_from_an_even_guess() -> None:
    second_T, second_U = np.arange(0, 9, 0.04), np.arange(0, 9, 0.04)
    true_T = second_T + 0.5 * np.sin(2 * np.pi * second_T / 9)
    found_T = aligned_seconds(wave(true_T), wave(second_U), second_U, second_T, 1.0, np.ones(2), NAMES)
    assert np.abs(found_T - true_T)[10:-10].mean() < 0.05


def test_the_path_is_the_cheapest_of_all() -> None:
    """Against the sum over every path of a small table."""
    rng = np.random.default_rng(4)
    cost_TW = rng.uniform(0, 1, (6, 6))
    total_TW = np.full((6, 6), np.inf)
    total_TW[0] = cost_TW[0]
    for t in range(1, 6):
        for w in range(6):
            before = [total_TW[t - 1, w], total_TW[t - 1, w - 1] if w else np.inf, total_TW[t, w - 1] if w else np.inf]
            total_TW[t, w] = cost_TW[t, w] + min(before)
    path_T = warped_path(cost_TW, np.zeros(6, np.int64))
    assert path_T[-1] >= 0 and (np.diff(path_T) >= 0).all()
    reached = total_TW[-1].argmin()
    assert abs(path_T[-1] - reached) <= reached / 2
    walked = sum(cost_TW[t, int(np.floor(w))] for t, w in enumerate(path_T))
    assert walked <= total_TW[-1].min() + 1


def test_the_path_stays_in_its_band() -> None:
    cost_TW = np.ones((5, 3))
    cost_TW[:, 2] = 0
    assert warped_path(cost_TW, np.array([0, 1, 2, 3, 4])).tolist() == [2, 3, 4, 5, 6]
