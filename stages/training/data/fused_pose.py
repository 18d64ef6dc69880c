"""One pose from two teachers: COCO's joints where both agree, BlazePose's hands and feet with them.

MoveNet finds arms and legs in unusual poses, and names hidden joints too; BlazePose says whether a person is there and
which landmarks are seen. Where they agree, both are right nearly always.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from models.arrays import F32, U8, Bool, Float
from models.box_overlap import iou
from models.light.teachers.joint_teacher import JointTeacher
from models.light.teachers.pose_teacher import PoseTeacher, TeacherPose
from stages.training.data.labelled_photos import PLACED_JOINT, UNKNOWN_JOINT, VISIBLE_JOINT, no_joints
from stages.training.data.pose_correction import COCO_JOINTS, PRESENT, SEEN, joints_of, trusted

AGREE, CLOSE = 0.1, 0.05
"""Greatest distance of a joint between the teachers for it to be known, and to be seen too; in longer sides of box."""
ALONE = 0.4
"""MoveNet's score from which it is believed where BlazePose's landmark is not trusted."""
FOUND = 0.2
"""MoveNet's score from which a joint counts for whose joints these are."""
EXTREMITIES = {9: (17, 19, 21), 10: (18, 20, 22), 15: (29, 31), 16: (30, 32)}
"""BlazePose's landmarks of hands and feet by COCO's wrist or ankle; they are only used with it."""


class FusedPose(NamedTuple):
    """BlazePose's pose with the joints corrected, and COCO's joints (J,3) as labels, x and y in pixels of the image."""

    pose: TeacherPose | None
    joint_J3: F32


def posed(
    poses: PoseTeacher | None, joints: JointTeacher | None, rgb_HW3: U8, box_4: Float, others_M4: Float
) -> FusedPose:
    """The pose of the person in a box by the teachers that there are; none without BlazePose.

    Args:
        poses, joints: the teachers.
        rgb_HW3: the photo.
        box_4: of the person.
        others_M4: boxes of all other people of the photo.
    """
    pose = poses(rgb_HW3, box_4) if poses else None
    if pose is None or joints is None:
        return FusedPose(pose, joints_of(pose))
    return fuse_poses(pose, joints(rgb_HW3, box_4), box_4, others_M4)


def fuse_poses(pose: TeacherPose, moved_173: Float, box_4: Float, others_M4: Float) -> FusedPose:
    """Correct a pose by MoveNet's joints (J,3; x, y in pixels, score) of the same box.

    A joint is known where the teachers agree, or where MoveNet is confident and BlazePose does not trust its own. None
    is known if MoveNet's joints lie in another person's box rather than in this one; the pose stays as it is then.
    """
    if not joints_lie_in(moved_173, box_4, others_M4):
        return FusedPose(pose, no_joints())
    landmarks = list(COCO_JOINTS)
    gap_J = np.hypot(*(moved_173[:, :2] - pose.point_K2[landmarks]).T) / (box_4[2:] - box_4[:2]).max()
    known_J = (gap_J < AGREE) | (~trusted(pose)[landmarks] & (moved_173[:, 2] > ALONE))
    seen_J = (gap_J < CLOSE) & (pose.visible_K[landmarks] > SEEN) & (pose.present > PRESENT)
    middle_J2 = (moved_173[:, :2] + pose.point_K2[landmarks]) / 2
    place_J2 = np.where((gap_J < CLOSE)[:, None], middle_J2, moved_173[:, :2])
    state_J = np.where(known_J, np.where(seen_J, VISIBLE_JOINT, PLACED_JOINT), UNKNOWN_JOINT)
    joint_J3 = np.column_stack([place_J2, state_J]).astype(np.float32)
    return FusedPose(_corrected(pose, place_J2, known_J, gap_J < AGREE), joint_J3)


def joints_lie_in(joint_J3: Float, box_4: Float, others_M4: Float) -> bool:
    """Whether the box around joints (x, y, score) overlaps a person's box most, among those of all people."""
    found_M2 = joint_J3[joint_J3[:, 2] > FOUND, :2]
    if len(found_M2) < 3:
        return False
    around_14 = np.concatenate([found_M2.min(0), found_M2.max(0)])[None]
    return bool(iou(around_14, np.concatenate([box_4[None], others_M4]))[0].argmax() == 0)


def _corrected(pose: TeacherPose, place_J2: Float, known_J: Bool, agreed_J: Bool) -> TeacherPose:
    """The pose with known joints at these places; landmarks of unknown joints are not trusted."""
    landmarks = list(COCO_JOINTS)
    point_K2, gap_K, visible_K = pose.point_K2.copy(), pose.flip_gap_K.copy(), pose.visible_K.copy()
    visible_K[landmarks] = known_J
    gap_K[landmarks] = np.where(known_J, 0.0, gap_K[landmarks])
    point_K2[landmarks] = np.where(known_J[:, None], place_J2, point_K2[landmarks])
    if pose.present <= PRESENT:
        visible_K[np.setdiff1d(np.arange(len(visible_K)), landmarks)] = 0
    for joint, ends in EXTREMITIES.items():
        if not agreed_J[joint]:
            visible_K[list(ends)] = 0
    present = pose.present > PRESENT
    return dataclasses.replace(
        pose, point_K2=point_K2, flip_gap_K=gap_K, visible_K=visible_K,
        present=1.0 if known_J.any() else pose.present,
        mask_SS=pose.mask_SS if present else np.zeros_like(pose.mask_SS),
    )
