"""The teacher for joints: BlazePose (Bazarevsky et al., 2020; Apache-2.0) finds landmarks in photos, to label them.

The user gives its file, MediaPipe's `pose_landmark_heavy.tflite` or `…_full`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.special import expit

from models.arrays import F64, U8, Float
from models.engines.engine import compile_request
from models.light.teachers.rotated_square import map_points, rotated_square
from models.light.teachers.teacher_files import reading_core, require_file

SIDE = 256
"""Pixels of each side of the square crop that the network sees."""
LANDMARKS = 33
_CENTRE, _TOP = 33, 34
"""Two more points: the middle of the hips, and a point above it at the distance of the body's radius."""
_FLIPPED = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9] + [side for left in range(11, 33, 2) for side in (left + 1, left)]
)
"""For each landmark the one that it becomes in a flipped image."""
_CROP_SCALE = 1.25
"""Side of the crop against the size of the body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeacherPose:
    """One person's landmarks, in BlazePose's order.

    Attributes:
        point_K2: x, y in pixels of the image (33, 2).
        flip_gap_K: distance in pixels between the landmarks of the image and of the flipped image; large: unreliable.
        visible_K: probability that the landmark is visible.
        present: probability that a person is there.
        mask_SS: probability of the person at the pixels of the crop.
        to_image_23: affine map from pixels of that crop to pixels of the image.
    """

    point_K2: F64
    flip_gap_K: F64
    visible_K: F64
    present: float
    mask_SS: F64
    to_image_23: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _PosePass:
    """The output of one pass: all points (39, 2) in pixels of the image, the rest as in `TeacherPose`."""

    point_K2: F64
    visible_K: F64
    present: float
    mask_SS: F64
    to_image_23: F64


class PoseTeacher:
    """Landmarks of the person in a box."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Args: path of `pose_landmark_heavy.tflite` or `…_full`. Raises: ModelError when it or OpenVINO is missing."""
        require_file(path)
        self._request = compile_request(reading_core(path).read_model(path), threads=threads, precision="fp32")

    def __call__(self, rgb_HW3: U8, box_4: Float) -> TeacherPose:
        """Landmarks of the person in a box (x0, y0, x1, y1): the mean for image and flipped image."""
        width = rgb_HW3.shape[1]
        box_4 = np.asarray(box_4, np.float64)
        plain = self._two_passes(rgb_HW3, box_4)
        flipped_4 = np.array([width - box_4[2], box_4[1], width - box_4[0], box_4[3]])
        flipped = self._two_passes(np.ascontiguousarray(rgb_HW3[:, ::-1]), flipped_4)
        flipped_K2 = flipped.point_K2[_FLIPPED] * (-1, 1) + (width, 0)
        plain_K2 = plain.point_K2[:LANDMARKS]
        return TeacherPose(
            point_K2=(plain_K2 + flipped_K2) / 2,
            flip_gap_K=np.hypot(*(plain_K2 - flipped_K2).T),
            visible_K=np.minimum(plain.visible_K[:LANDMARKS], flipped.visible_K[_FLIPPED]),
            present=min(plain.present, flipped.present),
            mask_SS=plain.mask_SS,
            to_image_23=plain.to_image_23,
        )

    def _two_passes(self, rgb_HW3: U8, box_4: Float) -> _PosePass:
        """A pass over the box; then one over the body that it found, roll-aligned and scaled to the body."""
        centre_2, half = (box_4[:2] + box_4[2:]) / 2, float((box_4[2:] - box_4[:2]).max()) / 2 * _CROP_SCALE
        first = self._run_pass(rgb_HW3, centre_2, half, 0.0)
        up_2 = first.point_K2[_TOP] - first.point_K2[_CENTRE]
        body_half = float(np.hypot(*up_2)) * _CROP_SCALE
        if first.present <= 0.5 or not 0.5 < body_half / half < 1.8:
            return first
        return self._run_pass(rgb_HW3, first.point_K2[_CENTRE], body_half, float(np.arctan2(up_2[0], -up_2[1])))

    def _run_pass(self, rgb_HW3: U8, centre_2: Float, half: float, angle: float) -> _PosePass:
        matrix_23 = rotated_square(centre_2, half, angle, SIDE)
        crop = cv2.warpAffine(rgb_HW3, matrix_23, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        self._request.infer({0: (crop.astype(np.float32) / 255)[None]})
        row_K5 = self._request.get_output_tensor(0).data.reshape(-1, 5).astype(np.float64)
        mask_SS = self._request.get_output_tensor(2).data[0, :, :, 0].astype(np.float64)
        return _PosePass(
            point_K2=map_points(row_K5[:, :2], matrix_23),
            visible_K=expit(row_K5[:, 3]),
            present=float(self._request.get_output_tensor(1).data[0, 0]),
            mask_SS=expit(mask_SS),
            to_image_23=matrix_23,
        )
