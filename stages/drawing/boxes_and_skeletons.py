"""Boxes with identity and score, and skeletons of COCO's keypoints, drawn over people."""

from __future__ import annotations

import cv2
import numpy as np

from models.body.open_body import COCO_KEYPOINTS
from models.surface.keypoints import shown_keypoints, surface_keypoints
from stages.drawing.chart_colours import part_palette
from stages.payloads import F32, U8, PersonSurface

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
"""The person's own left is blue and right is orange; bones between both sides are white."""
ROWS_PER_STRIDE = 250
SHIFT = 4
"""Bits of subpixel precision for OpenCV, so that skeletons do not jump from pixel to pixel."""
_FONT = cv2.FONT_HERSHEY_SIMPLEX


def identity_colour(identity: int) -> tuple[int, int, int]:
    """The RGB colour of an identity, constant through a video; grey before tracking (−1)."""
    if identity < 0:
        return (200, 200, 200)
    red, green, blue = part_palette()[1 + (identity * 7) % 24]
    return (int(red), int(green), int(blue))


def draw_box(frame_HW3: U8, box_4: F32, score: float, identity: int) -> None:
    """Draw one person's box, in place, with `#identity score` (identity only if tracked) above or inside it."""
    height, width = frame_HW3.shape[:2]
    thickness = max(1, round(height / 270))
    colour = identity_colour(identity)
    limit = (2 * width + 64, 2 * height + 64)
    left, top, right, bottom = (int(value) for value in np.clip(np.rint(box_4), -64, [*limit, *limit]))
    cv2.rectangle(frame_HW3, (left, top), (right - 1, bottom - 1), colour, thickness, cv2.LINE_AA)
    text = f"#{identity} {score:.2f}" if identity >= 0 else f"{score:.2f}"
    size = max(0.4, height / 900)
    (text_width, text_height), base = cv2.getTextSize(text, _FONT, size, 1)
    label_height = text_height + base + thickness
    label_bottom = top if top >= label_height else min(top + label_height, height)
    label_left = int(np.clip(left, 0, max(0, width - text_width)))
    cv2.rectangle(
        frame_HW3,
        (label_left, label_bottom - label_height),
        (label_left + text_width, label_bottom),
        colour,
        cv2.FILLED,
    )
    cv2.putText(frame_HW3, text, (label_left, label_bottom - base), _FONT, size, (0, 0, 0), 1, cv2.LINE_AA)


def draw_skeleton(rgb_HW3: U8, surface: PersonSurface) -> None:
    """Draw bones and joints of one person, in place, each bone with a dark outline."""
    keypoint_173 = subsampled_keypoints(surface) if surface.keypoint_K3 is None else shown_keypoints(surface)
    thickness = max(2, round(rgb_HW3.shape[0] / 200))
    ends = [(COCO_KEYPOINTS.index(a), COCO_KEYPOINTS.index(b), bone_colour(a, b)) for a, b in BONES]
    visible = [(a, b, colour) for a, b, colour in ends if keypoint_173[a, 2] > 0 and keypoint_173[b, 2] > 0]
    for width, rim in ((thickness + 2, True), (thickness, False)):
        for a, b, colour in visible:
            line_colour = (0, 0, 0) if rim else colour
            cv2.line(rgb_HW3, _fixed(keypoint_173[a]), _fixed(keypoint_173[b]), line_colour, width, cv2.LINE_AA, SHIFT)
    for name, joint_3 in zip(COCO_KEYPOINTS, keypoint_173, strict=True):
        if joint_3[2] > 0:
            radius = (thickness << SHIFT) * 5 // 8
            cv2.circle(rgb_HW3, _fixed(joint_3), radius + (1 << SHIFT), (0, 0, 0), cv2.FILLED, cv2.LINE_AA, SHIFT)
            cv2.circle(rgb_HW3, _fixed(joint_3), radius, bone_colour(name, name), cv2.FILLED, cv2.LINE_AA, SHIFT)


def subsampled_keypoints(surface: PersonSurface) -> F32:
    """`surface_keypoints`; of large people only every n-th row and column is read, because means need few pixels."""
    stride = 1 + surface.labels_hw.shape[0] // ROWS_PER_STRIDE
    subsampled = PersonSurface(
        x0=0, y0=0, labels_hw=surface.labels_hw[::stride, ::stride], uv_2hw=surface.uv_2hw[:, ::stride, ::stride]
    )
    keypoint_173 = surface_keypoints(subsampled)
    seen_17 = keypoint_173[:, 2] > 0
    keypoint_173[seen_17, :2] = (keypoint_173[seen_17, :2] - 0.5) * stride + 0.5 + (surface.x0, surface.y0)
    return keypoint_173


def bone_colour(first: str, second: str) -> tuple[int, int, int]:
    """The colour of a bone by side, RGB, from the names of its two ends."""
    sides = {name.partition("_")[0] for name in (first, second)} & {"left", "right"}
    if len(sides) != 1:
        return MIDDLE
    return LEFT if "left" in sides else RIGHT


def _fixed(joint_3: F32) -> tuple[int, int]:
    # A pixel's centre is at .5 in the product and at 0 in OpenCV.
    x, y = np.rint((joint_3[:2] - 0.5) * (1 << SHIFT)).astype(int)
    return int(x), int(y)
