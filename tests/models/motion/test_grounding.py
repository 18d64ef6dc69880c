"""A whole motion before a tilted camera: it comes out smooth, upright, on the floor, with feet that stay."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.camera import default_camera
from models.body.open_body import bones_over_time, load_body
from models.metrics.foot_errors import foot_errors
from models.motion.grounding import grounded_motion
from models.motion.soles import soles_over_time
from tests.models.motion.motions import FPS, still_motion

pytestmark = pytest.mark.quick

TILT_33 = Rotation.from_euler("x", 15, degrees=True).as_matrix() @ np.diag([1, -1, -1])


def test_a_trembling_person_stands() -> None:
    rng, motion = np.random.default_rng(3), still_motion(60)
    rotation_TB33 = motion.rotation_TK33.copy()
    rotation_TB33[:, 0] = TILT_33
    root_T3 = (motion.root_T3 - [0, 1.5, 4]) @ TILT_33.T + rng.normal(0, [0.002, 0.002, 0.01], (60, 3))
    seen = replace(
        motion, rotation_TK33=rotation_TB33, root_T3=root_T3.astype(np.float32), camera=default_camera(640, 480)
    )
    grounded = grounded_motion(seen)
    assert grounded.contact_TP.all()
    assert np.degrees(np.arccos(grounded.ground.up_3 @ TILT_33[:, 1])) < 3
    head_B3 = load_body().rest(motion.shape_C)[1]
    made = grounded.motion
    sole_TPS3 = soles_over_time(
        made.shape_C, *bones_over_time(made.rotation_TK33.astype(np.float64), head_B3, made.root_T3)
    )
    measures = foot_errors(sole_TPS3, np.ones((60, 4), bool), grounded.contact_TP, FPS)
    assert measures.skate < 0.5 and measures.sinking < 1 and measures.floating < 1


def test_the_ground_of_another_person_is_taken() -> None:
    motion = replace(still_motion(20), camera=default_camera(640, 480))
    motion.rotation_TK33[:, 0] = TILT_33
    first = grounded_motion(motion)
    second = grounded_motion(replace(motion, root_T3=motion.root_T3 + np.float32(0.5)), first.ground)
    assert second.ground is first.ground
    expected_33 = first.ground.axes_33 @ TILT_33
    assert second.motion.rotation_TK33[:, 0] == pytest.approx(np.tile(expected_33, (20, 1, 1)), abs=1e-5)
