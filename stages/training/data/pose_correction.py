"""Correct the part teacher's labels by a pose: by the distance of each point from each limb.

The part teacher confuses left and right, misses feet and hands, and ends limbs early; the pose teacher finds the bones,
but neither outlines nor front and back. Weights and radii were chosen on 49 people of COCO val2017.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from models.arrays import Float
from models.light.teachers.pose_teacher import TeacherPose
from models.light.teachers.rotated_square import map_points
from stages.training.data.labelled_photos import VISIBLE_JOINT, no_joints

PRESENT = 0.5
"""Least confidence of the teacher that there is a person, for a pose to be used."""
SEEN, GAP = 0.5, 0.3
"""A landmark is used from this visibility on, and where its flipped prediction is as near in body scales."""
UPRIGHT = 0.35
"""Roll, in radians, up to which the part teacher is as good as on upright people."""
NEUTRAL, FARTHEST = 1.5, 6.0
"""Penalty of a part whose bone is not known, and the largest one (both in squared radii over two)."""
ALONG_BONE = 0.65
"""Probability of the person on a trusted bone."""


@dataclass(frozen=True, slots=True)
class Bone:
    """A limb: its charts, the landmarks (averaged) it runs between, the stretch of that line, radius in body scales."""

    charts: tuple[int, ...]
    start: tuple[int, ...]
    end: tuple[int, ...]
    stretch: tuple[float, float]
    radius: float


BONES = (
    Bone((15, 17), (11,), (13,), (0.0, 1.0), 0.16),
    Bone((16, 18), (12,), (14,), (0.0, 1.0), 0.16),
    Bone((19, 21), (13,), (15,), (0.0, 1.0), 0.12),
    Bone((20, 22), (14,), (16,), (0.0, 1.0), 0.12),
    Bone((4,), (15,), (17, 19), (0.15, 1.6), 0.11),
    Bone((3,), (16,), (18, 20), (0.15, 1.6), 0.11),
    Bone((8, 10), (23,), (25,), (0.0, 1.0), 0.24),
    Bone((7, 9), (24,), (26,), (0.0, 1.0), 0.24),
    Bone((12, 14), (25,), (27,), (0.0, 1.0), 0.17),
    Bone((11, 13), (26,), (28,), (0.0, 1.0), 0.17),
    Bone((5,), (29,), (31,), (0.0, 1.0), 0.11),
    Bone((6,), (30,), (32,), (0.0, 1.0), 0.11),
    Bone((23, 24), (0, 7, 8), (11, 12), (-0.35, 0.45), 0.28),
)
TORSO = (11, 12, 24, 23)
TORSO_CHARTS, TORSO_RADIUS = (1, 2), 0.14


COCO_JOINTS = (0, 2, 5, 7, 8, 11, 12, 13, 14, 15, 16, 23, 24, 25, 26, 27, 28)
"""The landmarks that are COCO's 17 joints, in COCO's order."""


class Evidence(NamedTuple):
    """The evidence of a pose at a grid of points (L,L).

    Attributes:
        penalty_24LL: penalty of each chart, 0 on its bone to FARTHEST.
        bone_LL: probability of the person by its distance from trusted bones.
        known: number of known limbs; 0 means no evidence.
    """

    penalty_24LL: Float
    bone_LL: Float
    known: int


def lean(pose: TeacherPose | None) -> float:
    """The roll of a person in radians, clockwise in the image; 0 up to UPRIGHT, or without a pose."""
    if pose is None or pose.present <= PRESENT:
        return 0.0
    up_2 = pose.point_K2[[11, 12]].mean(0) - pose.point_K2[[23, 24]].mean(0)
    angle = float(np.arctan2(up_2[0], -up_2[1]))
    return angle if abs(angle) > UPRIGHT else 0.0


def body_scale(point_K2: Float) -> float:
    """The length of the torso, or 1.2 times the shoulders' width if that is longer (pixels)."""
    shoulders_2, hips_2 = point_K2[[11, 12]].mean(0), point_K2[[23, 24]].mean(0)
    return max(float(np.hypot(*(shoulders_2 - hips_2))), 1.2 * float(np.hypot(*(point_K2[11] - point_K2[12]))), 1e-3)


def distance_to_segment(point_LL2: Float, a_2: Float, b_2: Float) -> Float:
    """Distance of points (L,L,2) from the line between two points (L,L)."""
    along_2 = b_2 - a_2
    share = np.clip((point_LL2 - a_2) @ along_2 / (along_2 @ along_2 + 1e-9), 0, 1)
    return np.hypot(*np.moveaxis(point_LL2 - (a_2 + share[..., None] * along_2), -1, 0))


def trusted(pose: TeacherPose) -> npt.NDArray[np.bool_]:
    """Which landmarks (K) are used: of a detected person, visible, and at the same position when flipped."""
    near_K = pose.flip_gap_K < GAP * body_scale(pose.point_K2)
    return (pose.present > PRESENT) & (pose.visible_K > SEEN) & near_K


def joints_of(pose: TeacherPose | None) -> Float:
    """COCO's joints (J,3) by a pose: x, y in pixels of the image, and VISIBLE_JOINT where they are known, else 0."""
    if pose is None:
        return no_joints()
    joints = list(COCO_JOINTS)
    return np.concatenate([pose.point_K2, VISIBLE_JOINT * trusted(pose)[:, None]], 1)[joints].astype(np.float32)


def pose_evidence(pose: TeacherPose, point_LL2: Float) -> Evidence:
    """Compare points (L,L,2; pixels of the image, a regular upright grid) with the limbs of a pose."""
    size = point_LL2.shape[:2]
    penalty_25LL = np.full((25, *size), NEUTRAL)
    bone_LL, known = np.zeros(size), 0
    scale = body_scale(pose.point_K2)
    trusted_K = trusted(pose)
    for bone in BONES:
        if not trusted_K[[*bone.start, *bone.end]].all():
            continue
        a_2, b_2 = pose.point_K2[list(bone.start)].mean(0), pose.point_K2[list(bone.end)].mean(0)
        ends = [a_2 + share * (b_2 - a_2) for share in bone.stretch]
        away_LL = distance_to_segment(point_LL2, *ends) / (bone.radius * scale)
        penalty_25LL[list(bone.charts)] = np.minimum(away_LL**2 / 2, FARTHEST)
        if 23 not in bone.charts:
            bone_LL = np.maximum(bone_LL, np.exp(-((away_LL / 0.35) ** 2) / 2))
        known += 1
    if trusted_K[list(TORSO)].all():
        away_LL = distance_to_hull(point_LL2, pose.point_K2[list(TORSO)]) / (TORSO_RADIUS * scale)
        penalty_25LL[list(TORSO_CHARTS)] = np.minimum(away_LL**2 / 2, FARTHEST)
        known += 1
    return Evidence(penalty_25LL[1:], ALONG_BONE * bone_LL, known)


def distance_to_hull(point_LL2: Float, corner_M2: Float) -> Float:
    """Distance (L,L) of a regular upright grid of points from the convex hull of some points; 0 inside."""
    origin_2, step_2 = point_LL2[0, 0], point_LL2[1, 1] - point_LL2[0, 0]
    hull = cv2.convexHull(((corner_M2 - origin_2) / step_2).round().astype(np.int32))
    outside_LL = np.full(point_LL2.shape[:2], 255, np.uint8)
    cv2.fillConvexPoly(outside_LL, hull, 0)
    if outside_LL.all():
        outside_LL[tuple(hull.reshape(-1, 2).mean(0).astype(int)[::-1].clip(0, len(outside_LL) - 1))] = 0
    return cv2.distanceTransform(outside_LL, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * float(step_2.mean())


def pose_mask(pose: TeacherPose, point_LL2: Float) -> Float:
    """Probability of the person at points (L,L,2) of the image, by the pose teacher's own mask (L,L)."""
    back_23 = np.asarray(cv2.invertAffineTransform(pose.to_image_23), np.float64)
    at_LL2 = (map_points(point_LL2, back_23) - 0.5).astype(np.float32)
    x_LL, y_LL = at_LL2[..., 0], at_LL2[..., 1]
    mask_SS = pose.mask_SS.astype(np.float32)
    seen_LL = cv2.remap(mask_SS, x_LL, y_LL, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(seen_LL, np.float32)


def fuse(person_LL: Float, part_24LL: Float, pose: TeacherPose | None, point_LL2: Float) -> tuple[Float, Float, bool]:
    """Correct the part teacher by the pose.

    Args:
        person_LL, part_24LL: probability of the person and logits of the parts on the grid.
        pose: of the person, or None without a pose teacher.
        point_LL2: the grid's points in pixels of the image.

    Returns:
        Person probability, part logits, and whether the pose had evidence.
    """
    if pose is None:
        return person_LL, part_24LL, False
    evidence = pose_evidence(pose, point_LL2)
    if not evidence.known:
        return person_LL, part_24LL, False
    both_LL = (person_LL + pose_mask(pose, point_LL2)) / 2
    return np.maximum.reduce([person_LL, both_LL, evidence.bone_LL]), part_24LL - evidence.penalty_24LL, True
