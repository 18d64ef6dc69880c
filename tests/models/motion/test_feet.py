"""Contacts, legs that reach, and feet that stay, measured by the body's own kinematics."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, forward_kinematics, load_body, skin
from models.metrics.foot_errors import foot_errors, true_contacts
from models.motion import foot_lock
from models.motion.foot_contact import detected_contacts
from models.motion.foot_lock import locked_feet, reached_contacts
from models.motion.leg_kinematics import reach_with_leg
from models.motion.soles import soles, soles_over_time
from tests.models.motion.motions import FPS, still_motion, turns_about

pytestmark = pytest.mark.quick


def sole_points(motion: BodyMotion) -> F64:
    head_B3 = load_body().rest(motion.shape_C)[1]
    rotation_TB33 = motion.rotation_TK33.astype(np.float64)
    return soles_over_time(motion.shape_C, *bones_over_time(rotation_TB33, head_B3, motion.root_T3))


def restless(frames: int) -> BodyMotion:
    """Somebody who stands with slightly bent knees, while errors shake the legs and the path."""
    rng, motion, body = np.random.default_rng(4), still_motion(frames), load_body()
    for side in "LR":
        for bone, bend in (("upperleg01", -0.3), ("lowerleg01", 0.6), ("foot", -0.3)):
            shake_T = bend + rng.normal(0, 0.05, frames)
            motion.rotation_TK33[:, body.bone(f"{bone}.{side}")] = turns_about((1, 0, 0), shake_T)
    shake_T3 = rng.normal(0, 0.02, (frames, 3)) - [0, 0.05, 0]
    return replace(motion, root_T3=(motion.root_T3 + shake_T3).astype(np.float32))


def test_soles_are_skin_as_the_body_poses_it() -> None:
    body, motion = load_body(), restless(3)
    rest_V3, head_B3 = body.rest(motion.shape_C)
    turned, placed = forward_kinematics(body, head_B3, motion.rotation_TK33[1], motion.root_T3[1])
    expected_V3 = skin(body, rest_V3, head_B3, turned, placed)
    assert sole_points(motion)[1] == pytest.approx(expected_V3[soles().vertex_PS], abs=1e-4)


def test_feet_of_a_standing_person_are_in_contact_and_those_of_a_jumper_are_not() -> None:
    motion, jump_T = still_motion(40), np.zeros(40, np.float32)
    jump_T[15:25] = 0.3
    centre_TP3 = sole_points(motion).mean(axis=2)
    centre_TP3[..., 1] += jump_T[:, None]
    contact_TP = detected_contacts(centre_TP3, None, FPS)
    assert contact_TP[:12].all() and contact_TP[28:].all() and not contact_TP[16:24].any()


def test_a_held_up_foot_is_not_in_contact_and_one_lost_frame_breaks_nothing() -> None:
    centre_TP3 = sole_points(still_motion(40)).mean(axis=2)
    centre_TP3[:, :2, 1] += 0.25
    centre_TP3[20, 2:, 1] += 0.15
    contact_TP = detected_contacts(centre_TP3, None, FPS)
    assert not contact_TP[:, :2].any() and contact_TP[:, 2:].all()


def test_speed_along_the_view_counts_less() -> None:
    centre_TP3 = sole_points(still_motion(40)).mean(axis=2)
    centre_TP3[..., 2] += 0.026 * np.arange(40)[:, None]
    assert not detected_contacts(centre_TP3, None, FPS).any()
    assert detected_contacts(centre_TP3, np.array([0.0, 0.5, 6.0]), FPS).all()


def test_measures_of_a_sliding_foot_that_floats() -> None:
    sole_TPS3 = sole_points(still_motion(31))
    contact_TP = true_contacts(sole_TPS3, FPS)
    assert contact_TP.all()
    sole_TPS3[..., 0] += 0.002 * np.arange(31)[:, None, None]
    sole_TPS3[..., 1] += 0.015 - sole_TPS3[..., 1].min()
    measures = foot_errors(sole_TPS3, contact_TP, contact_TP, FPS)
    assert measures.skate == pytest.approx(2.0)
    assert measures.drift == pytest.approx(60.0)
    assert measures.floating == pytest.approx(15, abs=2) and measures.sinking == 0 and measures.f1 == 1


def test_a_leg_reaches_its_target_with_the_foot_as_asked() -> None:
    rng, motion, body = np.random.default_rng(2), restless(20), load_body()
    head_B3 = body.rest(motion.shape_C)[1]
    rotation_TB33 = motion.rotation_TK33.astype(np.float64)
    turned, placed = bones_over_time(rotation_TB33, head_B3, motion.root_T3)
    foot = body.bone("foot.L")
    target_T3 = placed[:, foot] + rng.uniform(-0.15, 0.15, (20, 3)) + [0, 0.2, 0]
    asked_T33 = Rotation.from_rotvec(rng.normal(0, 0.5, (20, 3))).as_matrix()
    reach_with_leg(rotation_TB33, turned, placed, "L", target_T3, asked_T33)
    after, reached = bones_over_time(rotation_TB33, head_B3, motion.root_T3)
    assert reached[:, foot] == pytest.approx(target_T3, abs=1e-5)
    assert after[:, foot] == pytest.approx(asked_T33, abs=1e-5)
    assert reached[:, body.bone("foot.R")] == pytest.approx(placed[:, body.bone("foot.R")], abs=1e-9)


def test_a_knee_bent_backwards_is_turned_round() -> None:
    motion, body = still_motion(1), load_body()
    head_B3, rotation_TB33 = body.rest(motion.shape_C)[1], motion.rotation_TK33.astype(np.float64)
    rotation_TB33[:, body.bone("lowerleg01.L")] = turns_about((1, 0, 0), np.array([-0.5]))
    turned, placed = bones_over_time(rotation_TB33, head_B3, motion.root_T3)
    ankle = placed[:, body.bone("foot.L")]
    reach_with_leg(rotation_TB33, turned, placed, "L", ankle, turned[:, body.bone("foot.L")])
    _, after = bones_over_time(rotation_TB33, head_B3, motion.root_T3)
    hip, knee, ankle = (after[0, body.bone(f"{name}.L")] for name in ("upperleg01", "lowerleg01", "foot"))
    assert np.cross(knee - hip, ankle - knee)[0] > 0.05


def test_locked_feet_stay_on_the_floor() -> None:
    motion = restless(60)
    stands_TP = np.ones((60, 4), bool)
    before = foot_errors(sole_points(motion), stands_TP, None, FPS)
    after = foot_errors(sole_points(locked_feet(motion, stands_TP)), stands_TP, None, FPS)
    assert before.skate > 20 and before.floating + before.sinking > 10
    assert after.skate < 0.5 and after.drift < 2 and after.sinking < 0.5 and after.floating < 0.5


def test_a_motion_without_contacts_stays() -> None:
    motion = restless(10)
    assert locked_feet(motion, np.zeros((10, 4), bool)) is motion


def test_corrections_fade_where_no_foot_stands() -> None:
    motion, stands_TP = restless(80), np.zeros((80, 4), bool)
    stands_TP[:20] = True
    motion.root_T3[20:, 1] += 0.3
    locked = locked_feet(motion, stands_TP)
    legs = [load_body().bone(f"{bone}.L") for bone in ("upperleg01", "lowerleg01", "foot")]
    difference_T = np.abs(locked.rotation_TK33[:, legs] - motion.rotation_TK33[:, legs]).max(axis=(1, 2, 3))
    assert difference_T[:20].max() > 0.05 and difference_T[40:].max() < 0.02


def test_a_foot_that_stands_is_corrected_along_the_view() -> None:
    """The fit errs in depth: the person comes nearer and goes farther on the rays of a camera beside them."""
    motion, eye_3, stands_TP = still_motion(60), np.array([3.0, 1.5, 3.0]), np.ones((60, 4), bool)
    error_T = 0.06 * np.sin(np.arange(60) / 6)
    shaken_T3 = motion.root_T3 + error_T[:, None] * (eye_3 - motion.root_T3) / np.linalg.norm(eye_3 - motion.root_T3[0])
    shaken = replace(motion, root_T3=shaken_T3.astype(np.float32))
    aside_T = [
        np.cross(locked_feet(shaken, stands_TP, eye).root_T3 - eye_3, motion.root_T3 - eye_3) @ [0, 1, 0]
        for eye in (eye_3, None)
    ]
    assert np.ptp(aside_T[0]) < 0.5 * np.ptp(aside_T[1])


def test_head_and_trunk_stay_where_the_picture_shows_them() -> None:
    """Feet slide by centimetres, as if the person were carried: legs reach back, so only feet and knees move."""
    motion, eye_3, stands_TP = restless(60), np.array([0.0, 1.5, 4.0]), np.ones((60, 4), bool)
    carried_T = 0.03 * np.sin(np.arange(60) / 8)
    motion = replace(motion, root_T3=(motion.root_T3 + carried_T[:, None] * [1, 0, 0]).astype(np.float32))
    locked = locked_feet(motion, stands_TP, eye_3)
    head_B3 = load_body().rest(motion.shape_C)[1]
    angle_TKB = []
    for one in (motion, locked):
        place_TK3 = bones_over_time(one.rotation_TK33.astype(np.float64), head_B3, one.root_T3)[1][
            :, [load_body().bone(name) for name in ("root", "spine01", "head", "wrist.L")]
        ]
        angle_TKB.append((place_TK3 - eye_3)[..., :2] / (eye_3 - place_TK3)[..., 2:])
    pixels_TK = 1000 * np.linalg.norm(angle_TKB[1] - angle_TKB[0], axis=2)
    assert np.median(pixels_TK) < 1 and np.percentile(pixels_TK, 95) < 2
    assert foot_errors(sole_points(locked), stands_TP, None, FPS).skate < 0.5


def test_a_leg_that_is_too_short_is_brought_to_its_place_in_depth() -> None:
    """Somebody with straight legs floats 4 cm above the floor: the body comes down mostly along the camera's ray."""
    motion, eye_3, stands_TP = still_motion(30), np.array([0.0, 1.5, 5.0]), np.ones((30, 4), bool)
    motion = replace(motion, root_T3=motion.root_T3 + np.float32([0, 0.04, 0]))
    locked = locked_feet(motion, stands_TP, eye_3)
    measures = foot_errors(sole_points(locked), stands_TP, None, FPS)
    assert measures.floating < 10.1 and measures.skate < 0.5
    way_T3, before_T3 = locked.root_T3 - eye_3, motion.root_T3 - eye_3
    assert way_T3[:, 2].max() < before_T3[:, 2].max() - 0.1
    assert 1000 * np.abs(way_T3[:, 1] / way_T3[:, 2] - before_T3[:, 1] / before_T3[:, 2]).max() < 5


def test_a_foot_that_a_straight_leg_does_not_bring_to_the_floor_is_lifted() -> None:
    """Somebody stands on straight legs; for a moment the left foot is 10 cm up, and slow."""
    motion, body = still_motion(40), load_body()
    for bone, turn in (("upperleg01", -0.55), ("lowerleg01", 0.75), ("foot", -0.2)):
        motion.rotation_TK33[15:25, body.bone(f"{bone}.L")] = turns_about((1, 0, 0), np.full(10, turn))
    stands_TP, eye_3 = np.ones((40, 4), bool), np.array([0.0, 1.5, 4.0])
    assert reached_contacts(motion, stands_TP, eye_3).all(), "the bent leg reaches the floor"
    hips_T3 = motion.root_T3 + np.float32([0, 0.1, 0]) * (np.arange(40) // 15 == 1)[:, None]
    straight = replace(still_motion(40), root_T3=hips_T3.astype(np.float32))
    reached_TP = reached_contacts(straight, stands_TP, eye_3)
    assert reached_TP[:12].all() and not reached_TP[18:26].any() and reached_TP[33:].all()


def test_a_slow_small_step_is_two_contacts() -> None:
    """A foot goes 15 cm aside within a second, slower than a standing foot may seem to move."""
    centre_TP3 = sole_points(still_motion(90)).mean(axis=2)
    centre_TP3[:, 2:, 0] += 0.15 * np.clip((np.arange(90) - 30) / 30, 0, 1)[:, None]
    contact_TP = detected_contacts(centre_TP3, np.array([0.0, 1.2, 5.0]), FPS)
    assert contact_TP[:, :2].all(), "the other foot stands"
    assert contact_TP[:25, 2:].all() and contact_TP[65:, 2:].all() and not contact_TP[:, 2:].all(axis=1)[30:60].all()


def test_windows_of_a_long_motion_join_without_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Solved in windows of 3 seconds, a contact that goes through them has one position, and the path has no step."""
    motion, contact_TP = restless(300), np.ones((300, 4), bool)
    contact_TP[100:110] = False
    whole = locked_feet(motion, contact_TP)
    monkeypatch.setattr(foot_lock, "WINDOW_S", 3.0)
    parts = locked_feet(motion, contact_TP)
    assert np.abs(parts.root_T3 - whole.root_T3).max() < 0.02
    assert np.abs(np.diff(parts.root_T3 - whole.root_T3, axis=0)).max() < 0.002
    place_TP3 = sole_points(parts).mean(axis=2)
    for first, last in ((0, 100), (110, 300)):
        assert np.ptp(place_TP3[first:last, :, ::2], axis=0).max() < 0.003
