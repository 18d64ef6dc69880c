"""A skeleton over a person: COCO's joints, as the surface shows them, and the bones between those that are seen."""

from __future__ import annotations

import cv2
import numpy as np

from models.surface.body import COCO_KEYPOINTS
from models.surface.keypoints import surface_keypoints
from stages.payloads import F32, U8, Surface

BONES = (
    ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"),
    ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("left_hip", "left_knee"), ("left_knee", "left_ankle"),
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"),
    ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ("left_ear", "left_shoulder"), ("right_ear", "right_shoulder"),
)  # fmt: skip
LEFT, RIGHT, MIDDLE = (64, 200, 255), (255, 120, 48), (250, 250, 250)
"""The person's own left is blue and right orange; what joins both is white."""
ENOUGH_ROWS = 250
SHIFT = 4
"""OpenCV draws places in 1/16 of a pixel, so that a skeleton does not jump from pixel to pixel."""


def draw_skeleton(rgb_HW3: U8, surface: Surface) -> None:
    """Bones and joints of one person, in place, each bone with a dark rim."""
    keypoint_173 = quick_keypoints(surface)
    thick = max(2, round(rgb_HW3.shape[0] / 200))
    ends = [(COCO_KEYPOINTS.index(a), COCO_KEYPOINTS.index(b), bone_colour(a, b)) for a, b in BONES]
    seen = [(a, b, colour) for a, b, colour in ends if keypoint_173[a, 2] > 0 and keypoint_173[b, 2] > 0]
    for width, rim in ((thick + 2, True), (thick, False)):
        for a, b, colour in seen:
            shown = (0, 0, 0) if rim else colour
            cv2.line(rgb_HW3, _fixed(keypoint_173[a]), _fixed(keypoint_173[b]), shown, width, cv2.LINE_AA, SHIFT)
    for name, joint_3 in zip(COCO_KEYPOINTS, keypoint_173, strict=True):
        if joint_3[2] > 0:
            radius = (thick << SHIFT) * 5 // 8
            cv2.circle(rgb_HW3, _fixed(joint_3), radius + (1 << SHIFT), (0, 0, 0), cv2.FILLED, cv2.LINE_AA, SHIFT)
            cv2.circle(rgb_HW3, _fixed(joint_3), radius, bone_colour(name, name), cv2.FILLED, cv2.LINE_AA, SHIFT)


def quick_keypoints(surface: Surface) -> F32:
    """`surface_keypoints`; of large people only every n-th row and column is read, because means need few pixels."""
    stride = 1 + surface.labels_hw.shape[0] // ENOUGH_ROWS
    thinned = Surface(
        x0=0, y0=0, labels_hw=surface.labels_hw[::stride, ::stride], uv_2hw=surface.uv_2hw[:, ::stride, ::stride]
    )
    keypoint_173 = surface_keypoints(thinned)
    seen_17 = keypoint_173[:, 2] > 0
    keypoint_173[seen_17, :2] = (keypoint_173[seen_17, :2] - 0.5) * stride + 0.5 + (surface.x0, surface.y0)
    return keypoint_173


def bone_colour(first: str, second: str) -> tuple[int, int, int]:
    """RGB by side, from the names of both ends."""
    sides = {name.partition("_")[0] for name in (first, second)} & {"left", "right"}
    if len(sides) != 1:
        return MIDDLE
    return LEFT if "left" in sides else RIGHT


def _fixed(joint_3: F32) -> tuple[int, int]:
    # A pixel's centre is at .5 in the product and at 0 in OpenCV.
    x, y = np.rint((joint_3[:2] - 0.5) * (1 << SHIFT)).astype(int)
    return int(x), int(y)
