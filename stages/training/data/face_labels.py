"""U and V of real people's faces, by the face teacher."""

from __future__ import annotations

import numpy as np

from models.arrays import U8, Float
from models.light.teachers.face_surface import LEFT, MOST_TURNED, RIGHT, face_surface, turned_degrees
from models.light.teachers.face_teacher import FaceTeacher, TeacherFace

LEAST_HEAD = 16
"""Least pixels along the longer side of a head, for its face to be looked for."""
PRESENT, GAP = 0.9, 0.03
"""Least presence of a face that is used, and the most that its mirrored prediction differs."""
ON_HEAD = 0.7
"""Least share of a face's cells that are labelled as head; else the face is another person's, or wrong."""


def with_face(faces: FaceTeacher, rgb_HW3: U8, region_4: Float, label_LL: U8) -> tuple[U8, U8]:
    """The labels (L,L) with the face's charts, and its U and V (2,L,L; 0..255, both 0 where they are not known).

    Args:
        faces: the teacher.
        rgb_HW3: the photo.
        region_4: the square that the labels cover, in pixels of the photo.
        label_LL: labels of the person; only cells of the head get U and V.
    """
    unknown = label_LL, np.zeros((2, *label_LL.shape), np.uint8)
    head_4 = head_square(label_LL, region_4)
    if head_4 is None:
        return unknown
    face = faces(rgb_HW3, head_4)
    if face is None or not is_sure(face):
        return unknown
    chart_LL, uv_2LL = face_surface(face.point_K3, region_4, len(label_LL))
    face_LL, head_LL = chart_LL > 0, np.isin(label_LL, (RIGHT, LEFT))
    known_LL = face_LL & head_LL
    if known_LL.sum() < ON_HEAD * face_LL.sum():
        return unknown
    code_2LL = np.round(255 * uv_2LL.clip(0, 1)).astype(np.uint8)
    return np.where(known_LL, chart_LL, label_LL), np.where(known_LL, code_2LL, np.uint8(0))


def head_square(label_LL: U8, region_4: Float) -> Float | None:
    """The square (x0 y0 x1 y1) twice as large as the head, in pixels of the photo; None where the head is too small."""
    row_C, column_C = np.nonzero(np.isin(label_LL, (RIGHT, LEFT)))
    if not len(row_C):
        return None
    cell_C2 = np.column_stack([column_C, row_C])
    low_2, high_2 = cell_C2.min(0), cell_C2.max(0) + 1
    per_cell = (region_4[2:] - region_4[:2]) / len(label_LL)
    half = float(((high_2 - low_2) * per_cell).max())
    centre_2 = region_4[:2] + (low_2 + high_2) / 2 * per_cell
    return np.concatenate([centre_2 - half, centre_2 + half]) if half >= LEAST_HEAD else None


def is_sure(face: TeacherFace) -> bool:
    """Whether a face is certain, stays where it is in the mirrored image, and looks towards the camera."""
    return face.presence >= PRESENT and face.flip_gap <= GAP and turned_degrees(face.point_K3) <= MOST_TURNED
