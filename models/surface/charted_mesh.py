"""A body mesh with charts: the open body, or SMPL from a user's files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, U8, Int
from models.body.open_body import load_body


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartedMesh:
    """A mesh of V vertices and F faces in the rest pose.

    Attributes:
        vertex_V3: metres.
        face_F3: corners, counter-clockwise from outside.
        chart_F: 1..24.
        corner_uv_F32: U, V of each face's corners.
        twin_V: the exact mirror image of each vertex; every vertex is its own twin if the mesh is not symmetric.
    """

    vertex_V3: F32
    face_F3: Int
    chart_F: U8
    corner_uv_F32: F32
    twin_V: Int


@cache
def open_body_mesh() -> ChartedMesh:
    """The mean open body."""
    body = load_body()
    vertex_V3, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    return ChartedMesh(
        vertex_V3=vertex_V3, face_F3=body.face_F3, chart_F=body.chart_F, corner_uv_F32=body.corner_uv_F32,
        twin_V=body.twin_V,
    )
