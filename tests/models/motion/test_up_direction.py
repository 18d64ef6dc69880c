"""Up directions of people who stand, lie, exercise on the floor or do handstands, before level and tilted cameras."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.motion.floor_support import floor_errors, support_points
from models.motion.up_direction import UpSource
from tests.benchmarks.quality.up_direction import case
from tests.models.motion.motions import still_motion

SEEDS, MORE_SEEDS = range(20_000, 20_004), range(20_000, 20_006)
"""Other seeds than those with which constants were chosen."""


def errors(action: str, seeds: Sequence[int] = SEEDS, source: UpSource = "auto", *, lines: bool = False) -> list[float]:
    """Degrees between the true and the estimated up direction."""
    return [case(action, seed, source, upright_lines=lines)[0] for seed in seeds]


@pytest.mark.parametrize(
    ("action", "most"),
    [("stands", 6), ("supine", 15), ("prone", 15), ("push-ups", 12), ("handstand", 7), ("mesh2motion/pushup", 12)],
)
def test_up_is_known_whatever_people_do(action: str, most: float) -> None:
    found = errors(action)
    assert max(found) < most and np.median(found) < max(5.0, most / 2)


def test_up_is_roughly_known_of_people_who_sit_on_the_floor() -> None:
    assert np.median(errors("sits")) < 5.5


@pytest.mark.parametrize("action", ["supine", "sit-ups"])
def test_upright_lines_decide_for_people_who_lie_or_sit_up(action: str) -> None:
    assert max(errors(action, MORE_SEEDS, lines=True)) < 4


def test_what_is_uncertain_is_said() -> None:
    """Somebody who stands before a camera that is rolled by 90° looks like somebody on a side before a level one."""
    error, ground = case("stands", SEEDS[0], turned=90.0)
    assert error > 45 and not ground.sure
    assert case("stands", SEEDS[0])[1].sure


def test_a_stated_source_decides() -> None:
    assert case("stands", SEEDS[0], "body", turned=-90.0)[0] < 30
    assert case("on a side", SEEDS[0], "camera")[0] < 25
    assert case("on a side", SEEDS[0], "body")[0] > 60


def test_a_body_that_lies_is_at_rest_on_a_level_floor_only() -> None:
    """If the floor were tilted towards head or feet, the center of mass could be lower."""
    motion, tilt = still_motion(1), np.radians(10)
    motion.rotation_TK33[:, 0] = Rotation.from_euler("x", -90, degrees=True).as_matrix()
    up_G3 = np.array([[0, 1, 0], [0, np.cos(tilt), np.sin(tilt)], [0, np.cos(tilt), -np.sin(tilt)]])
    level, *tilted = floor_errors(support_points(motion), up_G3, np.tile(np.arange(3), (3, 1))).tolist()
    assert level < 0.01 and min(tilted) > 0.03


def test_a_floor_that_rises_while_somebody_walks_is_not_level() -> None:
    motion = still_motion(30)
    motion.root_T3[:, 2] += np.linspace(0, 3, 30)
    up_G3 = np.array([[0, 1, 0], [0, np.cos(0.1), np.sin(0.1)]])
    level, tilted = floor_errors(support_points(motion), up_G3, np.array([[0], [1]]))
    assert level < 1e-6 and tilted == pytest.approx(3 * np.sin(0.1) / 4, rel=0.05)
