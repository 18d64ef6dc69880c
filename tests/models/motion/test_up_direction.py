"""Up directions of people who lie, turn over, do handstands or cartwheels, before level and tilted cameras."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.body_motion import BodyMotion
from models.body.camera import default_camera
from models.body.open_body import load_body
from models.motion.ground import estimated_ground
from models.motion.up_direction import UpSource
from tests.benchmarks.quality.fit_noise import FitNoise, as_fitted
from tests.models.motion.motions import still_motion, turns_about

FRAMES = 60


def rolled_over(first: float, last: float, axis: str = "x") -> BodyMotion:
    """A straight body whose root turns about one of its axes by angles in degrees, from the first to the last frame."""
    motion = still_motion(FRAMES)
    turn = Rotation.from_euler(axis, np.linspace(first, last, FRAMES)[:, None], degrees=True).as_matrix()
    motion.rotation_TK33[:, 0] = turn
    return replace(motion, root_T3=np.tile([0, 0.5, 0], (FRAMES, 1)).astype(np.float32))


def bent(motion: BodyMotion, **degrees: float) -> BodyMotion:
    """The motion with arms raised or knees bent, to and fro."""
    wave_T = 0.5 - 0.5 * np.cos(np.linspace(0, 4 * np.pi, FRAMES))
    for bone, angle in degrees.items():
        for side in ("L", "R"):
            turn_T33 = turns_about((1, 0, 0), np.radians(angle) * wave_T)
            motion.rotation_TK33[:, load_body().bone(f"{bone}.{side}")] = turn_T33
    return motion


ACTIONS = {
    "stands": lambda: rolled_over(0, 0),
    "supine": lambda: bent(rolled_over(-90, -90), upperleg01=-60, lowerleg01=80),
    "prone": lambda: rolled_over(90, 90),
    "push-ups": lambda: bent(rolled_over(75, 85), upperarm01=-80),
    "on a side": lambda: rolled_over(90, 90, "z"),
    "rolls": lambda: stacked(rolled_over(-90, -90), turned_about_spine=180),
    "handstand": lambda: rolled_over(180, 180),
    "cartwheel": lambda: rolled_over(0, 360, "z"),
}


def stacked(motion: BodyMotion, turned_about_spine: float) -> BodyMotion:
    """The motion with a turn about the body's own long axis that grows."""
    turn = Rotation.from_euler("y", np.linspace(0, turned_about_spine, FRAMES)[:, None], degrees=True).as_matrix()
    motion.rotation_TK33[:, 0] = motion.rotation_TK33[:, 0] @ turn
    return motion


def up_error(
    motion: BodyMotion, heading: float, pitch: float, roll: float, seed: int, source: UpSource = "auto"
) -> float:
    """Degrees between the true and the estimated up direction of a motion that a camera sees with a fit's errors."""
    turn = Rotation.from_euler("y", heading, degrees=True).as_matrix()
    view_33 = Rotation.from_euler("zx", [roll, 180 + pitch], degrees=True).as_matrix()
    seen = motion.moved(view_33 @ turn, np.array([0.2, 0.6, 4.0]) - view_33 @ turn @ [0, 0.5, 0])
    seen = as_fitted(replace(seen, camera=default_camera(640, 480)), FitNoise(), np.random.default_rng(seed))
    up_3 = estimated_ground(seen, source=source).up_3
    return float(np.degrees(np.arccos(np.clip(up_3 @ view_33[:, 1], -1, 1))))


@pytest.mark.parametrize("action", list(ACTIONS))
def test_up_is_known_whatever_people_do(action: str) -> None:
    rng = np.random.default_rng(list(ACTIONS).index(action))
    errors = [
        up_error(ACTIONS[action](), rng.uniform(-180, 180), rng.uniform(-5, 25), rng.normal(0, 2), seed)
        for seed in range(12)
    ]
    assert np.median(errors) < 10 and max(errors) < 16


def test_a_stated_source_decides() -> None:
    """Somebody on a side before a level camera looks like somebody who stands before one that is rolled by 90°."""
    lies = ACTIONS["on a side"]
    assert up_error(lies(), 0, 10, 0, 0, "camera") < 12
    assert up_error(lies(), 0, 10, 0, 0, "body") > 60
