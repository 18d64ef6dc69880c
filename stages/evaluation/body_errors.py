"""Pictures of errors on the body: the mean error around each point of the surface, seen from front and back."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial import cKDTree

from models.arrays import U8, Int
from models.metrics.annotator_errors import error_over_surface
from models.surface.chart_lookup import corner_mean
from models.surface.charted_mesh import ChartedMesh
from models.surface.geometry import Float, SurfaceGeometry
from models.surface.raster import Camera, rasterize
from stages.drawing.chart_colours import ramp_256
from stages.evaluation.measures import ANNOTATORS
from stages.evaluation.person_scores import ImageScore
from stages.world.bodies.rotations import UP, axis_rotation

CELL = 0.03
"""Metres between the points at which errors are averaged; also the radius of the average."""
WORST_CM = 30.0
"""Larger errors, and those of missed people, count as this: the end of AUC30."""
HEIGHT, WIDTH, TITLE = 360, 230, 22
"""Pixels of a view, and of the title above it."""
NEARBY = 3
"""Number of averaged points from which the error of a vertex is interpolated."""
UNKNOWN = (110, 110, 110)
"""Colour of vertices without errors, RGB."""


def error_views(geometry: SurfaceGeometry, images: Sequence[ImageScore]) -> U8 | None:
    """Front and back of the body, coloured by errors, uint8 (h, w, 3): for each protocol and simulated annotators.

    Colours are from dark (0) to bright (30 cm); grey: no annotated points. None for a set without points.
    """
    people = [person for image in images for person in image.people if len(person.vertex_M)]
    if not people:
        return None
    vertex_M = np.concatenate([person.vertex_M for person in people])
    columns = {
        name: (vertex_M, np.concatenate([_known(person.results[name].error_M) for person in people]))
        for name in images[0].known
    }
    if any(person.annotator_AM for person in people):
        columns[ANNOTATORS] = (
            np.concatenate([np.tile(person.vertex_M, len(person.annotator_AM)) for person in people]),
            np.concatenate([error_M for person in people for error_M in person.annotator_AM]),
        )
    return np.hstack([error_pair(geometry, name, *seen) for name, seen in columns.items()])


def _known(error_M: Float | None) -> Float:
    assert error_M is not None, "a person with surface points has errors"
    return error_M


def error_pair(
    geometry: SurfaceGeometry, name: str, vertex_M: Int, error_M: Float, worst_cm: float = WORST_CM
) -> U8:
    """Front and back of the body, coloured by errors, under a title, uint8 (h, w, 3).

    Args:
        geometry: of the numbered points.
        name: for the title.
        vertex_M: numbers of the points with errors.
        error_M: the errors, metres.
        worst_cm: has the brightest colour; larger errors count as this.
    """
    error_cm_M = np.minimum(100 * error_M, worst_cm)
    level_V = error_by_vertex(geometry, vertex_M, error_cm_M / worst_cm)
    views = np.hstack([body_view(geometry.mesh, level_V, yaw) for yaw in (0.0, np.pi)])
    title = np.zeros((TITLE, views.shape[1], 3), np.uint8)
    text = f"{name}: 0 to {worst_cm:.0f} cm, mean {error_cm_M.mean():.1f}"
    cv2.putText(title, text, (6, 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
    return np.vstack([title, views])


def error_by_vertex(geometry: SurfaceGeometry, point_M: Int, error_M: Float) -> Float:
    """The mean error around each vertex of the mesh, (V,); nan for vertices without errors nearby.

    Args:
        geometry: of the numbered points.
        point_M: numbers of the points with errors.
        error_M: the errors.
    """
    mesh = geometry.mesh
    points = geometry.numbered(point_M)
    on_face_M = points.face_M >= 0
    corner_M = mesh.face_F3[points.face_M[on_face_M], points.weight_M3[on_face_M].argmax(axis=1)]
    vertex_K = _sparse_vertices(mesh)
    tree = cKDTree(mesh.vertex_V3[vertex_K])
    number_K = _numbers(geometry, vertex_K)
    near_M = tree.query(mesh.vertex_V3[corner_M])[1]

    def position(number_Q: Int) -> Float:
        return corner_mean(mesh.vertex_V3, mesh, geometry.numbered(number_Q))

    error_K = error_over_surface(geometry, number_K[near_M], error_M[on_face_M], number_K, position, CELL)
    gap_VN, near_VN = tree.query(mesh.vertex_V3, k=NEARBY)
    weight_VN = np.where(np.isnan(error_K[near_VN]), 0, 1 / (gap_VN + 1e-3))
    total_V = (weight_VN * np.nan_to_num(error_K[near_VN])).sum(axis=1)
    return np.where(weight_VN.any(axis=1), total_V / np.maximum(weight_VN.sum(axis=1), 1e-9), np.nan)


def _sparse_vertices(mesh: ChartedMesh) -> Int:
    """Indices of one vertex in each cell of space that contains the surface, (K,)."""
    cell_V3 = np.floor(mesh.vertex_V3 / CELL).astype(np.int64)
    used = np.unique(mesh.face_F3)
    return used[np.unique(cell_V3[used], axis=0, return_index=True)[1]]


def _numbers(geometry: SurfaceGeometry, vertex_K: Int) -> Int:
    """Numbers of the surface points at vertices; a face corner at each vertex gives its chart, U and V."""
    face_F3 = geometry.mesh.face_F3
    corner_V = np.zeros(len(geometry.mesh.vertex_V3), np.int64)
    corner_V[face_F3.ravel()] = np.arange(face_F3.size)
    face_K, side_K = np.divmod(corner_V[vertex_K], 3)
    u_K, v_K = geometry.mesh.corner_uv_F32[face_K, side_K].T
    return geometry.nearest(geometry.mesh.chart_F[face_K], u_K, v_K)


def body_view(mesh: ChartedMesh, level_V: Float, yaw: float) -> U8:
    """The body at rest, coloured by levels 0..1 of the vertices, uint8 (HEIGHT, WIDTH, 3).

    `yaw`: rotation of the body about its vertical axis, radians; 0 = from the front.
    """
    low_3, high_3 = mesh.vertex_V3.min(axis=0), mesh.vertex_V3.max(axis=0)
    middle_3, stature = (low_3 + high_3) / 2, float(high_3[1] - low_3[1])
    distance = 3.5 * stature
    facing = (np.diag([1, -1, -1]) @ axis_rotation(UP, yaw)).astype(np.float32)
    shift_3 = np.array([0, 0, distance], np.float32) - facing @ middle_3.astype(np.float32)
    camera = Camera(
        rotation_33=facing, shift_3=shift_3.astype(np.float32), focal=0.92 * HEIGHT * distance / stature,
        center_2=(WIDTH / 2, HEIGHT / 2), height=HEIGHT, width=WIDTH,
    )
    hits = rasterize(camera, camera.to_camera(mesh.vertex_V3.astype(np.float32)), mesh.face_F3)
    found_P = (level_V[mesh.face_F3[hits.face_P]] * hits.bary_P3).sum(axis=1)
    level_P = np.nan_to_num(np.clip(found_P, 0, 1) * 255).astype(np.uint8)
    view = np.zeros((HEIGHT * WIDTH, 3), np.uint8)
    view[hits.pixel_P] = np.where(np.isnan(found_P)[:, None], UNKNOWN, ramp_256()[level_P])
    return view.reshape(HEIGHT, WIDTH, 3)
