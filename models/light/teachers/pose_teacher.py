"""An openly licensed network that finds a person's joints in real photos, to label them for the training.

BlazePose (MediaPipe's `pose_landmark_heavy.tflite` or `…_full`, Apache-2.0; Bazarevsky et al. 2020), from a file the
user has.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy.special import expit

from models.engines.engine import compile_request, openvino_core
from models.errors import ModelError
from models.light.teachers.rotated_square import map_points, rotated_square
from models.light.teachers.teacher_files import require_file

F64 = npt.NDArray[Any]
U8 = npt.NDArray[Any]

SIDE = 256
"""Pixels of the square crop that the network sees."""
LANDMARKS = 33
_CENTRE, _TOP = 33, 34
"""Two more points: the middle of the hips, and a point a body's radius above it."""
_MIRROR = np.array(
    [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9] + [side for left in range(11, 33, 2) for side in (left + 1, left)]
)
"""The landmark that each becomes in a mirror image."""
_GROWTH = 1.25
"""The crop's side in units of the body's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pose:
    """One person's landmarks, in BlazePose's order.

    Attributes:
        point_K2: x, y in pixels of the picture (33, 2).
        gap_K: pixels between the landmark of the picture and that of its mirror image: how far to trust it.
        seen_K: probability that the landmark is visible.
        present: probability that there is a whole person.
        mask_SS: probability of the person in the crop that was looked at.
        to_picture_23: the affine map from pixels of that crop to pixels of the picture.
    """

    point_K2: F64
    gap_K: F64
    seen_K: F64
    present: float
    mask_SS: F64
    to_picture_23: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One answer of the network: all its points (39, 2) in the picture, and the rest as in `Pose`."""

    point_K2: F64
    seen_K: F64
    present: float
    mask_SS: F64
    to_picture_23: F64


class PoseTeacher:
    """Where the joints of a person in a box are."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Args: path of `pose_landmark_heavy.tflite`, or of `…_full`. Raises: ModelError for it or no OpenVINO."""
        require_file(path)
        try:
            core = openvino_core()
        except ImportError as error:
            raise ModelError("OpenVINO, which reads it, is not installed", str(path), "pip install openvino") from error
        self._request = compile_request(core.read_model(path), threads=threads, precision="fp32")

    def __call__(self, rgb_HW3: U8, box_4: F64) -> Pose:
        """Landmarks of the person in a box (x0, y0, x1, y1), averaged with those of the mirrored picture."""
        width = rgb_HW3.shape[1]
        box_4 = np.asarray(box_4, np.float64)
        seen = self._twice(rgb_HW3, box_4)
        mirror_4 = np.array([width - box_4[2], box_4[1], width - box_4[0], box_4[3]])
        mirror = self._twice(np.ascontiguousarray(rgb_HW3[:, ::-1]), mirror_4)
        other_K2 = mirror.point_K2[_MIRROR] * (-1, 1) + (width, 0)
        here_K2 = seen.point_K2[:LANDMARKS]
        return Pose(
            point_K2=(here_K2 + other_K2) / 2,
            gap_K=np.hypot(*(here_K2 - other_K2).T),
            seen_K=np.minimum(seen.seen_K[:LANDMARKS], mirror.seen_K[_MIRROR]),
            present=min(seen.present, mirror.present),
            mask_SS=seen.mask_SS,
            to_picture_23=seen.to_picture_23,
        )

    def _twice(self, rgb_HW3: U8, box_4: F64) -> _Look:
        """Look at the box, then again upright and closer where the first look found the body."""
        centre_2, half = (box_4[:2] + box_4[2:]) / 2, float((box_4[2:] - box_4[:2]).max()) / 2 * _GROWTH
        first = self._look(rgb_HW3, centre_2, half, 0.0)
        up_2 = first.point_K2[_TOP] - first.point_K2[_CENTRE]
        closer = float(np.hypot(*up_2)) * _GROWTH
        if first.present <= 0.5 or not 0.5 < closer / half < 1.8:
            return first
        return self._look(rgb_HW3, first.point_K2[_CENTRE], closer, float(np.arctan2(up_2[0], -up_2[1])))

    def _look(self, rgb_HW3: U8, centre_2: F64, half: float, angle: float) -> _Look:
        matrix_23 = rotated_square(centre_2, half, angle, SIDE)
        crop = cv2.warpAffine(rgb_HW3, matrix_23, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        self._request.infer({0: (crop.astype(np.float32) / 255)[None]})
        row_K5 = self._request.get_output_tensor(0).data.reshape(-1, 5).astype(np.float64)
        mask_SS = self._request.get_output_tensor(2).data[0, :, :, 0].astype(np.float64)
        return _Look(
            point_K2=map_points(row_K5[:, :2], matrix_23),
            seen_K=expit(row_K5[:, 3]),
            present=float(self._request.get_output_tensor(1).data[0, 0]),
            mask_SS=expit(mask_SS),
            to_picture_23=matrix_23,
        )
