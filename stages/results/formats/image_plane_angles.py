"""Angles between limbs as the picture shows them, which are those of the joints only where limbs lie in its plane.

The joints' own angles are those of the fitted body (`models/motion/clinical_angles.py`).
"""

from __future__ import annotations

import numpy as np

from models.body.open_body import COCO_KEYPOINTS
from stages.payloads import F32

SPANS: dict[str, tuple[str, str, str]] = {
    "left_shoulder": ("left_hip", "left_shoulder", "left_elbow"),
    "right_shoulder": ("right_hip", "right_shoulder", "right_elbow"),
    "left_elbow": ("left_shoulder", "left_elbow", "left_wrist"),
    "right_elbow": ("right_shoulder", "right_elbow", "right_wrist"),
    "left_hip": ("left_shoulder", "left_hip", "left_knee"),
    "right_hip": ("right_shoulder", "right_hip", "right_knee"),
    "left_knee": ("left_hip", "left_knee", "left_ankle"),
    "right_knee": ("right_hip", "right_knee", "right_ankle"),
}
"""The keypoints of each angle; the second is its vertex."""
IMAGE_PLANE_ANGLES = tuple(f"{name}_angle_image_plane" for name in (*SPANS, "trunk"))
IN_THE_IMAGE_PLANE = "angles are measured in the image plane, so limbs that point towards the camera have wrong ones"
"""What users hear who ask for these angles."""

_SPANS_83 = np.array([[COCO_KEYPOINTS.index(name) for name in span] for span in SPANS.values()])
_SHOULDERS, _HIPS = (
    [COCO_KEYPOINTS.index(f"{side}_{joint}") for side in ("left", "right")] for joint in ("shoulder", "hip")
)


def image_plane_angles(keypoint_173: F32, pixel_aspect: float = 1.0) -> F32:
    """Angles in degrees, (9,) float32 in the order of `IMAGE_PLANE_ANGLES`; NaN where a keypoint is not visible.

    They are those of the picture as shown; `pixel_aspect`: width of a pixel over its height.

    Joints: 0..180, 180 = straight. Trunk: −180..180, 0 = upright, positive = to the right of the image.
    """
    position_172 = np.where(keypoint_173[:, 2:] > 0, keypoint_173[:, :2], np.nan) * np.array([pixel_aspect, 1.0])
    one_82 = position_172[_SPANS_83[:, 0]] - position_172[_SPANS_83[:, 1]]
    other_82 = position_172[_SPANS_83[:, 2]] - position_172[_SPANS_83[:, 1]]
    cross_8 = one_82[:, 0] * other_82[:, 1] - one_82[:, 1] * other_82[:, 0]
    joint_8 = np.degrees(np.abs(np.arctan2(cross_8, (one_82 * other_82).sum(axis=1))))
    up_2 = position_172[_SHOULDERS].mean(axis=0) - position_172[_HIPS].mean(axis=0)
    return np.append(joint_8, np.degrees(np.arctan2(up_2[0], -up_2[1]))).astype(np.float32)
