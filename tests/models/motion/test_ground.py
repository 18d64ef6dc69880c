"""Upright axes and the floor, from people before a tilted camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.body.body_motion import BodyMotion
from models.body.camera import default_camera
from models.body.open_body import load_body
from models.motion.ground import body_ups, estimated_ground, still_feet, upright
from models.motion.shared_floor import shared_floor
from models.motion.soles import motion_frame_rate
from tests.models.motion.motions import still_motion, turns_about

pytestmark = pytest.mark.quick

STEPS = np.float32([[0, 0, 2], [1, 0, 0], [-1, 0, -2], [0.5, 0, -5]])
"""Where four people stand, relative to the place 5 m before the camera, metres."""


def before_camera(motion: BodyMotion, pitch: float, roll: float) -> BodyMotion:
    """An upright motion 5 m before a camera 1.2 m above the floor, tilted by angles in degrees."""
    turn_33 = Rotation.from_euler("zx", [roll, pitch], degrees=True).as_matrix() @ np.diag([1, -1, -1])
    rotation_TB33 = motion.rotation_TK33.copy()
    rotation_TB33[:, 0] = turn_33 @ rotation_TB33[:, 0]
    root_T3 = (motion.root_T3 - [0, 1.2, 5]) @ turn_33.T
    return replace(
        motion, rotation_TK33=rotation_TB33, root_T3=root_T3.astype(np.float32), camera=default_camera(640, 480)
    )


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (20, 0), (-20, 0), (10, 8)])
def test_a_standing_person_becomes_upright_on_the_floor(pitch: float, roll: float) -> None:
    motion = still_motion(30)
    ground = estimated_ground(before_camera(motion, pitch, roll))
    turn_33 = Rotation.from_euler("zx", [roll, pitch], degrees=True).as_matrix() @ np.diag([1, -1, -1])
    assert np.degrees(np.arccos(ground.up_3 @ turn_33[:, 1])) < 3
    placed = upright(before_camera(motion, pitch, roll), ground)
    assert placed.camera is None
    assert placed.root_T3[:, 1] == pytest.approx(motion.root_T3[:, 1], abs=0.03)


def test_where_a_leaning_person_goes_tells_the_floor() -> None:
    motion = still_motion(120)
    motion.rotation_TK33[:, 0] = Rotation.from_euler("x", 8, degrees=True).as_matrix()
    root_T3 = motion.root_T3.copy()
    root_T3[:, 2] += np.repeat([-2.0, -1.0, 0.0, 1.0], 30)
    seen = before_camera(replace(motion, root_T3=root_T3), 15, 0)
    turn_33 = Rotation.from_euler("x", 15, degrees=True).as_matrix() @ np.diag([1, -1, -1])
    assert np.degrees(np.arccos(estimated_ground(seen).up_3 @ turn_33[:, 1])) < 3


def test_axes_are_a_rotation_and_look_towards_the_camera() -> None:
    axes_33 = estimated_ground(before_camera(still_motion(10), 12, -3)).axes_33
    assert axes_33 @ axes_33.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(axes_33) == pytest.approx(1)
    assert axes_33[2, 2] < -0.9


def test_one_frame_is_enough() -> None:
    ground = estimated_ground(before_camera(still_motion(1), 5, 0))
    assert np.isfinite(ground.axes_33).all() and np.isfinite(ground.shift_3).all()


def test_feet_that_err_at_one_place_do_not_tilt_the_floor() -> None:
    """Somebody stands at one place and does squats: whenever the knees bend, the fit is nearer and lower."""
    motion = still_motion(240)
    error_T = np.repeat(np.arange(8) % 2, 30) - 0.5
    wrong_T3 = motion.root_T3 + error_T[:, None] * np.array([0, 0.08, 0.3])
    ground = estimated_ground(before_camera(replace(motion, root_T3=wrong_T3.astype(np.float32)), 0, 0))
    assert np.degrees(np.arccos(-ground.up_3[1])) < 5


def test_a_still_foot_in_the_air_does_not_tilt_the_floor() -> None:
    """Somebody stands on the right foot; the left one is held still behind, in the air."""
    motion, body = still_motion(60), load_body()
    for bone, turn in (("upperleg01.L", 0.1), ("lowerleg01.L", 1.5), ("foot.L", 0.2)):
        motion.rotation_TK33[:, body.bone(bone)] = turns_about((1, 0, 0), np.full(60, turn))
    ground = estimated_ground(before_camera(motion, 0, 0))
    assert np.degrees(np.arccos(-ground.up_3[1])) < 12, "the leg alone tells 10"


def test_of_several_people_the_middle_one_tells_the_floor() -> None:
    """One of three is fitted twice as far away as in truth, so the feet are below the floor of the others."""
    people = [before_camera(still_motion(20), 0, 0) for _ in range(2)]
    giant = replace(people[0], root_T3=2 * people[0].root_T3)
    floor = shared_floor([giant, *people], [False] * 3)
    assert np.degrees(np.arccos(-floor.ground.up_3[1])) < 3
    assert floor.size_N[1:] == pytest.approx([1, 1], abs=0.05)
    alone = shared_floor(people[:1], [False])
    assert alone.ground.shift_3 == pytest.approx(estimated_ground(people[0]).shift_3) and alone.size_N == [1]


def test_a_person_who_is_fitted_too_small_gets_the_size_that_stands_on_the_floor_of_the_others() -> None:
    people = [before_camera(replace(still_motion(20), root_T3=still_motion(20).root_T3 + step), 0, 0) for step in STEPS]
    small = replace(people[1], root_T3=people[1].root_T3 - np.float32([0, 0.18, 0]))
    sizes = shared_floor([*people[:3], small], [False] * 4).size_N
    assert sizes[3] == pytest.approx(1.2 / 1.02, abs=0.06) and sizes[:3] == pytest.approx([1, 1, 1], abs=0.05)
    stated = shared_floor([*people[:3], small], [False, False, False, True])
    assert stated.size_N[3] == 1
    hanging = replace(people[1], root_T3=people[1].root_T3 - np.float32([0, 0.6, 0]))
    assert shared_floor([*people[:3], hanging], [False] * 4).size_N[3] == 1


def test_feet_of_people_near_and_far_tell_the_floor_where_all_lean() -> None:
    """All bodies lean by 8° towards the camera, as fits from below do."""
    lean_33 = Rotation.from_euler("x", 8, degrees=True).as_matrix()
    people = []
    for step in STEPS:
        motion = still_motion(20)
        motion.rotation_TK33[:, 0] = lean_33
        people.append(before_camera(replace(motion, root_T3=motion.root_T3 + step), 0, 0))
    alone = [np.degrees(np.arccos(-estimated_ground(person).up_3[1])) for person in people]
    floor = shared_floor(people, [False] * 4)
    assert np.degrees(np.arccos(-floor.ground.up_3[1])) < 0.5 * np.mean(alone)


def test_feet_that_slide_are_not_still() -> None:
    """Half a metre a second, on feet that do not move otherwise."""
    motion = still_motion(60)
    up_3 = np.array([0.0, 1, 0])
    along_T = np.arange(60) / motion_frame_rate(motion) * 0.5
    slid_T3 = motion.root_T3 + along_T[:, None] * np.array([1, 0, 0])
    sliding = replace(motion, root_T3=slid_T3.astype(np.float32))
    still = len(still_feet(motion, body_ups(motion)[0], up_3))
    # Smoothing slows the first and the last few frames down.
    assert still > 60 and len(still_feet(sliding, body_ups(sliding)[0], up_3)) < 0.2 * still
