"""Where the 468 points of the face teacher lie on the open body, and the surface of the face that they show.

`face_points.npz` is written by `python -m tests.benchmarks.quality.face_points`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.spatial import Delaunay, cKDTree

from models.arrays import F32, F64, I64, U8, Float
from models.surface.chart_lookup import ChartLookup, corner_mean
from models.surface.charted_mesh import open_body_mesh
from models.surface.raster import Camera, rasterize

POINTS_FILE = Path(__file__).with_name("face_points.npz")
RIGHT, LEFT = 23, 24
"""Charts of the halves of the head."""
MOST_TURNED = 40.0
"""Degrees from the camera up to which faces are used."""
LEAST_FACING = 0.4
"""Least cosine between the skin's normal and the direction to the camera; more oblique skin is left out."""
_FRONT = 0.03
"""Metres in front of the body's axis from which the skin of the head is the face."""
_SAMPLES = 8
"""Samples of the skin along an edge of the mesh."""
_FAR = 100.0
"""Distance of the camera, in sizes of the face: the points are an orthographic view."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FacePoints:
    """The points that are used, without those of the face's outline, which slide over the skin as the head turns.

    Attributes:
        index_N: of the teacher's points.
        place_N3: on the mean body, metres.
        triangle_T3: a triangulation, counter-clockwise from outside.
        twin_K: the mirror image of each of all points of the teacher.
    """

    index_N: I64
    place_N3: F64
    triangle_T3: I64
    twin_K: I64


class FaceSkin(NamedTuple):
    """Points of the mean body's face, less than a millimetre apart: search tree of places, charts, U and V."""

    tree: cKDTree
    chart_S: U8
    uv_S2: F32


@cache
def face_points() -> FacePoints:
    """The points, read once."""
    with np.load(POINTS_FILE) as data:
        chart_K, uv_K2, twin_K = data["chart_K"], data["uv_K2"].astype(np.float64), data["twin_K"].astype(np.int64)
    index_N = np.flatnonzero(chart_K)
    chart_N, (u_N, v_N) = chart_K[index_N], uv_K2[index_N].T
    mesh = open_body_mesh()
    place_N3 = corner_mean(mesh.vertex_V3, mesh, ChartLookup(mesh)(chart_N, u_N, v_N))
    across_N = np.where(chart_N == LEFT, u_N, u_N - 1)  # in order over the face, from right to left
    triangle_T3 = Delaunay(np.column_stack([across_N, v_N])).simplices.astype(np.int64)
    return FacePoints(
        index_N=index_N, place_N3=place_N3.astype(np.float64), triangle_T3=triangle_T3, twin_K=twin_K
    )


@cache
def face_skin() -> FaceSkin:
    """The skin of the face, sampled once."""
    mesh = open_body_mesh()
    corner_F33 = mesh.vertex_V3[mesh.face_F3]
    front_F = np.isin(mesh.chart_F, (RIGHT, LEFT)) & (corner_F33[..., 2].min(1) > _FRONT)
    steps = np.arange(_SAMPLES + 1)
    weight_W3 = np.array([(a, b, _SAMPLES - a - b) for a in steps for b in steps[: _SAMPLES + 1 - a]]) / _SAMPLES
    place_S3 = np.einsum("wk,fki->fwi", weight_W3, corner_F33[front_F]).reshape(-1, 3)
    uv_S2 = np.einsum("wk,fki->fwi", weight_W3, mesh.corner_uv_F32[front_F]).reshape(-1, 2)
    return FaceSkin(cKDTree(place_S3), np.repeat(mesh.chart_F[front_F], len(weight_W3)), uv_S2.astype(np.float32))


def turned_degrees(point_K3: Float) -> float:
    """The angle between where a face looks and the camera, by the rotation from the mean body that fits best.

    Args:
        point_K3: all points of the teacher: x, y, depth in pixels. The fit is that of Umeyama 1991.
    """
    points = face_points()
    seen_N3 = point_K3[points.index_N]
    rest_N3 = points.place_N3 * (1, -1, -1)
    covariance_33 = (seen_N3 - seen_N3.mean(0)).T @ (rest_N3 - rest_N3.mean(0))
    left_33, _, right_33 = np.linalg.svd(covariance_33)
    proper_3 = np.array([1, 1, np.sign(np.linalg.det(left_33 @ right_33))])
    rotation_33 = (left_33 * proper_3) @ right_33
    return float(np.degrees(np.arccos(np.clip(rotation_33[2, 2], -1, 1))))


def face_surface(point_K3: Float, region_4: Float, cells: int) -> tuple[U8, F32]:
    """Charts (L,L) and U, V (2,L,L) of a face in the cells of a square of an image; chart 0 where it is not known.

    Args:
        point_K3: all points of the teacher: x, y, depth in pixels of the image.
        region_4: x0 y0 x1 y1 of the square in pixels of the image.
        cells: of each side.
    """
    points = face_points()
    per_cell = (region_4[2] - region_4[0]) / cells
    at_N3 = (point_K3[points.index_N] - (*region_4[:2], 0)) / per_cell
    far = _FAR * np.ptp(at_N3, axis=0).max()
    depth_N = far + at_N3[:, 2] - at_N3[:, 2].mean()
    camera = Camera(
        rotation_33=np.eye(3, dtype=np.float32), shift_3=np.zeros(3, np.float32), focal=float(far), center_2=(0.0, 0.0),
        height=cells, width=cells,
    )
    camera_N3 = np.column_stack([at_N3[:, :2] * (depth_N / far)[:, None], depth_N]).astype(np.float32)
    hits = rasterize(camera, camera_N3, points.triangle_T3)
    shown_P = np.flatnonzero(_facing(at_N3, points.triangle_T3)[hits.face_P] > LEAST_FACING)
    corner_P3 = points.triangle_T3[hits.face_P[shown_P]]
    skin = face_skin()
    _, nearest_P = skin.tree.query(np.einsum("pk,pki->pi", hits.bary_P3[shown_P], points.place_N3[corner_P3]))
    chart_LL, uv_2LL = np.zeros(cells * cells, np.uint8), np.zeros((2, cells * cells), np.float32)
    chart_LL[hits.pixel_P[shown_P]] = skin.chart_S[nearest_P]
    uv_2LL[:, hits.pixel_P[shown_P]] = skin.uv_S2[nearest_P].T
    return chart_LL.reshape(cells, cells), uv_2LL.reshape(2, cells, cells)


def _facing(at_N3: F64, triangle_T3: I64) -> F64:
    """The cosine between each triangle's outward normal and the direction to the camera."""
    a, b, c = (at_N3[triangle_T3[:, k]] for k in range(3))
    normal_T3 = np.cross(b - a, c - a)
    return np.asarray(-normal_T3[:, 2] / np.maximum(np.linalg.norm(normal_T3, axis=1), 1e-12), np.float64)
