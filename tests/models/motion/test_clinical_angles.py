"""Clinical angles, against turns of single joints whose sense and size are known from the directions of limbs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, load_body
from models.body.rotation_vectors import shortest_rotation
from models.motion.angle_table import angle_rows
from models.motion.clinical_angles import CLINICAL_ANGLES, clinical_angles, segment_axes
from tests.models.motion.motions import still_motion

pytestmark = pytest.mark.quick


def hanging_arms() -> BodyMotion:
    """A person with straight legs and straight hanging arms."""
    motion, body = still_motion(1), load_body()
    for side in "LR":
        for upper, middle, end in (("upperarm01", "lowerarm01", "wrist"), ("upperleg01", "lowerleg01", "foot")):
            point_along(motion, f"{upper}.{side}", f"{middle}.{side}", (0, -1, 0))
            point_along(motion, f"{middle}.{side}", f"{end}.{side}", (0, -1, 0))
        foot = motion.rotation_TK33[0]
        above = np.linalg.multi_dot([foot[body.bone(f"{name}.{side}")] for name in ("upperleg01", "lowerleg01")])
        foot[body.bone(f"foot.{side}")] = above.T
    return motion


def places(motion: BodyMotion) -> tuple[F64, F64]:
    turned, placed = bones_over_time(
        motion.rotation_TK33.astype(np.float64), load_body().rest(motion.shape_C)[1], motion.root_T3
    )
    return turned[0], placed[0]


def turn_globally(motion: BodyMotion, bone: str, turn_33: F64) -> None:
    """Turn a bone, and all that hangs on it, about its head in the world's axes."""
    body = load_body()
    b = body.bone(bone)
    parent_33 = places(motion)[0][body.parent_B[b]]
    motion.rotation_TK33[0, b] = parent_33.T @ turn_33 @ parent_33 @ motion.rotation_TK33[0, b]


def point_along(motion: BodyMotion, bone: str, end: str, toward: tuple[float, float, float]) -> None:
    body, placed = load_body(), places(motion)[1]
    way_3 = placed[body.bone(end)] - placed[body.bone(bone)]
    turn_globally(motion, bone, shortest_rotation(way_3[None], np.array([toward], np.float64))[0])


def angle(motion: BodyMotion, name: str) -> float:
    return float(clinical_angles(motion)[0, CLINICAL_ANGLES.index(name)])


@pytest.mark.parametrize(
    ("bone", "end", "toward", "name", "expected"),
    [
        ("upperleg01", "lowerleg01", (0, -1, 1), "hip_flexion", 45),
        ("upperleg01", "lowerleg01", (0, -1, -0.5), "hip_flexion", -26.57),
        ("upperleg01", "lowerleg01", (1, -1, 0), "hip_abduction", 45),
        ("lowerleg01", "foot", (0, -1, -1), "knee_flexion", 45),
        ("upperarm01", "lowerarm01", (0, 0, 1), "shoulder_flexion", 90),
        ("upperarm01", "lowerarm01", (1, 0, 0), "shoulder_abduction", 90),
        ("upperarm01", "lowerarm01", (0, -1, -1), "shoulder_flexion", -45),
        ("lowerarm01", "wrist", (0, 0, 1), "elbow_flexion", 90),
    ],
)
@pytest.mark.parametrize("side", ["L", "R"])
def test_a_limb_that_points_somewhere_has_that_angle(
    side: str, bone: str, end: str, toward: tuple[float, float, float], name: str, expected: float
) -> None:
    motion = hanging_arms()
    before = angle(motion, f"{'left' if side == 'L' else 'right'}_{name}")
    aside, up, front = toward
    point_along(motion, f"{bone}.{side}", f"{end}.{side}", (aside if side == "L" else -aside, up, front))
    after = angle(motion, f"{'left' if side == 'L' else 'right'}_{name}")
    assert after - before == pytest.approx(expected, abs=4)
    assert abs(before) < 12


@pytest.mark.parametrize(
    ("bone", "axis", "degrees", "name", "expected"),
    [
        ("upperleg01", "y", -20, "hip_rotation", 20),
        ("foot", "x", -15, "ankle_flexion", 15),
        ("upperarm01", "y", -30, "shoulder_rotation", 30),
        ("wrist", "y", -40, "forearm_pronation", 40),
    ],
)
@pytest.mark.parametrize("side", ["L", "R"])
def test_turns_about_limbs_are_rotations(
    side: str, bone: str, axis: str, degrees: float, name: str, expected: float
) -> None:
    motion, label = hanging_arms(), "left" if side == "L" else "right"
    before = angle(motion, f"{label}_{name}")
    sense = -1 if side == "R" and axis == "y" else 1
    turn_globally(motion, f"{bone}.{side}", Rotation.from_euler(axis, sense * degrees, degrees=True).as_matrix())
    assert angle(motion, f"{label}_{name}") - before == pytest.approx(expected, abs=3)


@pytest.mark.parametrize(("axis", "name"), [("x", "flexion"), ("y", "rotation")])
def test_the_trunk_is_measured_against_the_pelvis(axis: str, name: str) -> None:
    motion = hanging_arms()
    turn_globally(motion, "spine03", Rotation.from_euler(axis, 25, degrees=True).as_matrix())
    assert angle(motion, f"trunk_{name}") == pytest.approx(25, abs=1e-3)
    assert angle(motion, f"neck_{name}") == pytest.approx(0, abs=1e-3)
    assert angle(motion, "pelvis_tilt") == pytest.approx(0, abs=1e-3)


def test_combined_turns_of_the_trunk_are_told_apart() -> None:
    """The chest is turned about x, z and y in this order, as `Rotation` composes intrinsic turns."""
    motion = hanging_arms()
    turn_globally(motion, "spine03", Rotation.from_euler("XZY", (40, -25, 50), degrees=True).as_matrix())
    told = [angle(motion, f"trunk_{name}") for name in ("flexion", "bend", "rotation")]
    assert told == pytest.approx([40, 25, 50], abs=1e-3)


def test_the_hand_turns_about_the_forearm_first() -> None:
    """Pronation, flexion and deviation are read off the product of turns in this order, beyond the right angle, too."""
    motion, body = hanging_arms(), load_body()
    turn_33 = Rotation.from_euler("YZX", (-100, 20, 35), degrees=True).as_matrix()
    forearm_33, at_rest = (segment_axes()[f"{name}.L"] for name in ("lowerarm01", "wrist"))
    motion.rotation_TK33[0, body.bone("wrist.L")] = forearm_33 @ turn_33 @ at_rest.T
    told = [angle(motion, f"left_{name}") for name in ("forearm_pronation", "wrist_flexion", "wrist_deviation")]
    assert told == pytest.approx([100, -20, -35], abs=1e-2)


def test_bending_to_the_left_is_positive() -> None:
    motion = hanging_arms()
    turn_globally(motion, "spine03", Rotation.from_euler("z", -20, degrees=True).as_matrix())
    assert places(motion)[1][load_body().bone("head"), 0] > 0.05
    assert angle(motion, "trunk_bend") == pytest.approx(20, abs=1e-3)


def test_mirrored_poses_have_exchanged_angles() -> None:
    body, motion = load_body(), still_motion(1)
    turn = Rotation.from_rotvec(np.random.default_rng(1).normal(0, 0.4, (len(body.bones), 3))).as_matrix()
    motion.rotation_TK33[0] = turn
    mirrored = still_motion(1)
    mirrored.rotation_TK33[0] = turn[body.twin_B] * np.array([-1, 1, 1])[:, None] * np.array([-1, 1, 1])
    one, other = clinical_angles(motion)[0], clinical_angles(mirrored)[0]
    assert one[:16] == pytest.approx(other[16:32], abs=1e-2)
    assert one[16:32] == pytest.approx(other[:16], abs=1e-2)


def test_the_table_has_a_column_for_every_angle() -> None:
    rows = list(angle_rows(still_motion(3)))
    intervals = [f"{name}_interval" for name in CLINICAL_ANGLES]
    assert rows[0] == ["seconds", "presence", *CLINICAL_ANGLES, *intervals] and len(rows) == 4
    assert {len(row) for row in rows} == {2 * len(CLINICAL_ANGLES) + 2}
    assert rows[2][:2] == ["0.0333", "seen"]
