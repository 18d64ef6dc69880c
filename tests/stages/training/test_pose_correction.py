"""What a pose says about body parts, on a stick figure whose limbs are known."""

from __future__ import annotations

import numpy as np
import pytest

from models.body.open_body import COCO_KEYPOINTS
from models.light.teachers.pose_teacher import LANDMARKS, TeacherPose
from stages.training.data.pose_correction import (
    ALONG_BONE,
    FARTHEST,
    NEUTRAL,
    distance_to_hull,
    fuse,
    joints_of,
    lean,
    pose_evidence,
)

pytestmark = pytest.mark.quick

GRID = np.stack(np.meshgrid(np.arange(100.0), np.arange(100.0)), -1)
LEFT_LOWER_ARM, RIGHT_LOWER_ARM, LEFT_HAND = (18, 20), (19, 21), 3
"""Indices (chart - 1)."""


def stick_figure(**changes: object) -> TeacherPose:
    """A frontal figure, arms stretched out: its left is on the picture's right."""
    point_K2 = np.zeros((LANDMARKS, 2))
    point_K2[[0, 7, 8]] = (50, 15), (53, 15), (47, 15)
    for left, x, y in ((11, 58, 25), (13, 73, 25), (15, 88, 25), (17, 92, 26), (19, 92, 24), (21, 90, 25)):
        point_K2[left], point_K2[left + 1] = (x, y), (100 - x, y)
    for left, x, y in ((23, 55, 50), (25, 55, 70), (27, 55, 90), (29, 54, 92), (31, 60, 92)):
        point_K2[left], point_K2[left + 1] = (x, y), (100 - x, y)
    parts = {
        "point_K2": point_K2,
        "flip_gap_K": np.zeros(LANDMARKS),
        "visible_K": np.ones(LANDMARKS),
        "present": 0.9,
        "mask_SS": np.zeros((256, 256)),
        "to_image_23": np.array([[100 / 256, 0, 0], [0, 100 / 256, 0]]),
    }
    return TeacherPose(**{**parts, **changes})


def test_a_part_costs_nothing_on_its_bone_and_its_mirror_the_most() -> None:
    """Half-way along the left lower arm."""
    evidence = pose_evidence(stick_figure(), GRID)
    at = (25, 80)
    assert evidence.penalty_24LL[(*LEFT_LOWER_ARM,), *at] == pytest.approx(0, abs=0.02)
    assert evidence.penalty_24LL[(*RIGHT_LOWER_ARM,), *at] == pytest.approx(FARTHEST)
    assert evidence.penalty_24LL[LEFT_HAND][25, 91] < 0.02
    assert evidence.bone_LL[at] == pytest.approx(ALONG_BONE, abs=0.02)
    assert evidence.known == 14


def test_penalty_grows_with_the_square_of_the_distance() -> None:
    """The body's scale is the torso's 25 pixels; a lower arm's radius is .12 of it: 3 pixels."""
    penalty_LL = pose_evidence(stick_figure(), GRID).penalty_24LL[LEFT_LOWER_ARM[0]]
    assert penalty_LL[28, 80] == pytest.approx(1 / 2)
    assert penalty_LL[30, 80] == pytest.approx((5 / 3) ** 2 / 2)


def test_joints_are_cocos_as_far_as_they_are_trusted() -> None:
    flip_gap_K = np.zeros(LANDMARKS)
    flip_gap_K[15] = 20
    joint_J3 = joints_of(stick_figure(flip_gap_K=flip_gap_K))
    places = {name: tuple(joint) for name, joint in zip(COCO_KEYPOINTS, joint_J3, strict=True)}
    assert places["nose"] == (50, 15, 2) and places["left_ear"] == (53, 15, 2)
    assert places["left_elbow"] == (73, 25, 2) and places["right_ankle"] == (45, 90, 2)
    assert places["left_wrist"][2] == 0 and places["right_wrist"] == (12, 25, 2)
    assert not joints_of(stick_figure(present=0.1))[:, 2].any() and not joints_of(None).any()


def test_landmarks_that_are_not_trusted_say_nothing() -> None:
    """A hidden wrist, and a wrist that jumps in the mirror."""
    for name, value in (("visible_K", 0.1), ("flip_gap_K", 20.0)):
        values = getattr(stick_figure(), name).copy()
        values[15] = value
        evidence = pose_evidence(stick_figure(**{name: values}), GRID)
        assert (evidence.penalty_24LL[LEFT_LOWER_ARM[0]] == NEUTRAL).all()
        assert (evidence.penalty_24LL[LEFT_HAND] == NEUTRAL).all()
        assert evidence.penalty_24LL[RIGHT_LOWER_ARM[0]].min() == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize(("angle", "found"), [(0.0, 0.0), (0.3, 0.0), (1.2, 1.2), (-2.5, -2.5)])
def test_who_leans_over_is_turned_back(angle: float, found: float) -> None:
    """Clockwise as seen is positive; nearly upright is upright."""
    turn_22 = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    leaning = stick_figure(point_K2=stick_figure().point_K2 @ turn_22.T)
    assert lean(leaning) == pytest.approx(found)
    assert lean(stick_figure(point_K2=leaning.point_K2, present=0.2)) == lean(None) == 0


def test_an_absent_person_leaves_the_part_teacher_alone() -> None:
    """Nothing changes, and it is said."""
    person_LL, part_24LL = np.full((100, 100), 0.4), np.random.default_rng(0).normal(size=(24, 100, 100))
    for pose in (None, stick_figure(present=0.2)):
        person, part, posed = fuse(person_LL, part_24LL, pose, GRID)
        assert not posed
        assert person is person_LL
        assert part is part_24LL


def test_the_pose_overrules_a_mixed_up_side() -> None:
    """The part teacher says right lower arm by a logit of 2; the left one's bone lies there."""
    part_24LL = np.zeros((24, 100, 100))
    part_24LL[RIGHT_LOWER_ARM[1]] = 2.0
    person, part, posed = fuse(np.full((100, 100), 0.1), part_24LL, stick_figure(), GRID)
    assert posed
    assert part[:, 25, 80].argmax() in LEFT_LOWER_ARM
    assert person[25, 80] > 0.6
    assert person[60, 5] == pytest.approx(0.1)


def test_distance_to_hull_is_zero_inside_and_euclidean_outside() -> None:
    """A square of 20 pixels."""
    away = distance_to_hull(GRID, np.array([(40, 40), (60, 40), (60, 60), (40, 60)]))
    assert away[50, 50] == 0
    assert away[50, 70] == pytest.approx(10, abs=0.1)
    assert away[64, 63] == pytest.approx(5, abs=0.1)
