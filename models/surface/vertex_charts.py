"""Chart, U and V of every vertex of a mesh: what turns embeddings into charts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from models.arrays import F32, I32, I64, U8, Float, Int
from models.errors import ModelError
from models.surface.chart_lookup import ChartLookup
from models.surface.charted_mesh import ChartedMesh
from models.surface.smpl_files import DAMAGED, read_chart_vertices


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexCharts:
    """Charts of the vertices of a mesh.

    Attributes:
        part_V: chart 1..24 of each vertex, uint8; of vertices on a border, the first of their charts.
        uv_V2: U and V in that chart, float32 in 0..1.

    >>> charts = VertexCharts(part_V=np.array([2, 7], np.uint8), uv_V2=np.array([[0.1, 0.2], [0.3, 0.4]], np.float32))
    >>> labels_hw, uv_2hw = charts.at(np.array([[1, -1]], np.int32))
    >>> labels_hw.tolist(), uv_2hw[:, 0].round(1).tolist()
    ([[7, 0]], [[0.30000001192092896, 0.0], [0.4000000059604645, 0.0]])
    """

    part_V: U8
    uv_V2: F32

    def at(self, vertex_hw: I32) -> tuple[U8, F32]:
        """Labels (h, w) uint8 and UV (2, h, w) float32 of an image of vertices; 0 where the vertex is −1."""
        shown_hw = vertex_hw >= 0
        labels_hw = np.where(shown_hw, self.part_V[vertex_hw], np.uint8(0))
        uv_2hw = np.where(shown_hw, np.moveaxis(self.uv_V2[vertex_hw], -1, 0), np.float32(0))
        return labels_hw, np.ascontiguousarray(uv_2hw)


def read_vertex_charts(folder: Path, vertices: int) -> VertexCharts:
    """Charts of the vertices of DensePose's subdivided SMPL mesh, from a user's files.

    Args:
        folder: contains SMPL_subdiv.mat and SMPL_SUBDIV_TRANSFORM.mat.
        vertices: of the mesh.

    Raises: ModelError naming a file that is missing, damaged, or of another mesh.
    """
    part_K, uv_K2, canonical_K = read_chart_vertices(folder)
    known_V, first_V = np.unique(canonical_K, return_index=True)
    if not np.array_equal(known_V, np.arange(vertices)):
        what = f"names {len(known_V)} vertices up to {known_V.max(initial=-1) + 1}, and the mesh has {vertices}"
        raise ModelError(what, str(folder / "SMPL_SUBDIV_TRANSFORM.mat"), DAMAGED)
    return VertexCharts(part_V=part_K[first_V].astype(np.uint8), uv_V2=uv_K2[first_V].astype(np.float32))


def mesh_vertex_charts(mesh: ChartedMesh) -> VertexCharts:
    """Charts of the vertices of a charted mesh; of a vertex on a border, those of its first face."""
    corner_E = mesh.face_F3.ravel()
    known_V, first_V = np.unique(corner_E, return_index=True)
    part_V, uv_V2 = np.zeros(len(mesh.vertex_V3), np.uint8), np.zeros((len(mesh.vertex_V3), 2), np.float32)
    part_V[known_V] = mesh.chart_F[first_V // 3]
    uv_V2[known_V] = mesh.corner_uv_F32.reshape(-1, 2)[first_V]
    return VertexCharts(part_V=part_V, uv_V2=uv_V2)


def vertices_at(mesh: ChartedMesh, lookup: ChartLookup, part_M: Int, uv_M2: Float) -> I64:
    """The vertex (M,) of the surface point's face that is nearest by barycentric weight; −1 for the background."""
    points = lookup(part_M, uv_M2[:, 0], uv_M2[:, 1])
    vertex_M = mesh.face_F3[points.face_M, points.weight_M3.argmax(axis=1)]
    return np.where(points.face_M >= 0, vertex_M, -1).astype(np.int64)
