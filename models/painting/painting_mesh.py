"""A coarse mesh of the open body with its charts, through which textures are drawn in the image.

Its vertices are some of the body's, so they move as the body does. `tools.bake_painting_mesh` writes the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F32, U8, Index
from models.body.body_pose import SomeVertices
from models.body.open_body import load_body
from models.errors import ModelError
from models.surface.chart_lookup import CHARTS
from models.surface.charted_mesh import ChartedMesh

PAINTING_MESH_FILE = Path(__file__).with_name("painting_mesh.npz")
FORMAT = 2
REMEDY = "create it: python -m tools.bake_painting_mesh"
ANCHORS, NEAREST, SPREAD_M = 600, 6, 0.05
"""Number of anchors, how many of them each vertex follows, and the standard deviation of their weights, metres."""
FACE_CELLS = 64
"""Cells along U and V of a chart, in each of which one face is known."""
HARMONICS = 60
"""Smooth functions on the skin, of ever smaller waves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaintingMesh:
    """A coarse mesh of N vertices and M faces.

    Attributes:
        vertex_N: the vertices among the body's.
        mesh: the mesh in the mean rest pose.
        basis_NH: values of smooth functions at the vertices, of mean square 1: eigenvectors of the mesh's Laplacian, by
            growing frequency; the first is constant.
        frequency_H: their spatial frequencies, radians a metre.
        body_vertices: the vertices as parts of the body.
        face_K: the face under each cell of the charts, or the nearest: 24 tiles of `FACE_CELLS`² cells, by V and U.
        share_M33: of each face, the weights of its corners as functions of U, V and 1.
    """

    vertex_N: Index
    mesh: ChartedMesh
    basis_NH: F32
    frequency_H: F32
    body_vertices: SomeVertices
    face_K: Index
    share_M33: F32

    def points(self, chart_N: U8, uv_2N: F32) -> tuple[Index, F32]:
        """Corners (N, 3) of the faces under chart, U and V, and weights (N, 3); beside faces, of a point near."""
        column_N, row_N = np.clip(uv_2N * FACE_CELLS, 0, FACE_CELLS - 1).astype(np.intp)
        face_N = self.face_K[((chart_N.astype(np.intp) - 1) * FACE_CELLS + row_N) * FACE_CELLS + column_N]
        share_N33 = self.share_M33[face_N]
        share_N3 = share_N33[:, :, 0] * uv_2N[0][:, None] + share_N33[:, :, 1] * uv_2N[1][:, None] + share_N33[:, :, 2]
        share_N3 = np.clip(share_N3, 0, 1)
        return self.mesh.face_F3[face_N], share_N3 / share_N3.sum(axis=1, keepdims=True)


@cache
def load_painting_mesh() -> PaintingMesh:
    """The mesh of this repository, read once. Raises ModelError if the file is missing or has another format."""
    try:
        with np.load(PAINTING_MESH_FILE) as data:
            arrays = {key: data[key] for key in data.files}
    except (OSError, ValueError) as error:
        raise ModelError("the painting mesh cannot be read", str(PAINTING_MESH_FILE), REMEDY) from error
    body = load_body()
    if int(arrays.get("format", -1)) != FORMAT or int(arrays["vertex_N"].max()) >= len(body.mean_V3):
        raise ModelError(f"the format is not {FORMAT}, or this is of another body", str(PAINTING_MESH_FILE), REMEDY)
    vertex_N = arrays["vertex_N"].astype(np.intp)
    mesh = ChartedMesh(
        vertex_V3=body.mean_V3[vertex_N], face_F3=arrays["face_M3"].astype(np.intp), chart_F=arrays["chart_M"],
        corner_uv_F32=arrays["corner_uv_M32"], twin_V=np.arange(len(vertex_N)),
    )  # fmt: skip
    return PaintingMesh(
        vertex_N=vertex_N, mesh=mesh, basis_NH=arrays["basis_NH"].astype(np.float32),
        frequency_H=arrays["frequency_H"], body_vertices=SomeVertices.of(vertex_N),
        face_K=arrays["face_K"].astype(np.intp), share_M33=_share_maps(mesh.corner_uv_F32),
    )  # fmt: skip


def _share_maps(corner_uv_M32: F32) -> F32:
    """Of each face, the weights (M, 3, 3) of its corners as functions of U, V and 1."""
    one_M31 = np.ones((len(corner_uv_M32), 3, 1))
    corner_M33 = np.concatenate([corner_uv_M32, one_M31], axis=2).astype(np.float64)
    flat_M = np.abs(np.linalg.det(corner_M33)) < 1e-12
    corner_M33[flat_M] = np.eye(3)
    share_M33 = np.linalg.inv(corner_M33).transpose(0, 2, 1)
    share_M33[flat_M] = [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
    return share_M33.astype(np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """Vertices spread evenly over the mesh, by which motions of the skin are described.

    Attributes:
        vertex_A: the vertices.
        source_NK, weight_NK: for every vertex its nearest anchors, as indices into them, and their weights.
    """

    vertex_A: Index
    source_NK: Index
    weight_NK: F32


@cache
def anchors() -> Anchors:
    """Farthest points of the mesh at rest, and Gaussian weights around them."""
    place_N3 = load_painting_mesh().mesh.vertex_V3
    chosen, away_N = [int(place_N3[:, 1].argmax())], np.full(len(place_N3), np.inf)
    while len(chosen) < ANCHORS:
        away_N = np.minimum(away_N, np.square(place_N3 - place_N3[chosen[-1]]).sum(axis=1))
        chosen.append(int(away_N.argmax()))
    vertex_A = np.sort(np.array(chosen, np.intp))
    away_NK, source_NK = cKDTree(place_N3[vertex_A]).query(place_N3, k=NEAREST)
    weight_NK = np.exp(-0.5 * (away_NK / SPREAD_M) ** 2).astype(np.float32)
    return Anchors(vertex_A=vertex_A, source_NK=np.asarray(source_NK, np.intp), weight_NK=weight_NK)


@cache
def skin_places(side: int) -> F32:
    """Places on the mean body at rest under (chart, U, V): a strip of 24 tiles (24·side, side, 3), metres.

    A tile is laid out like those of an atlas: U grows with the column, V against the row.
    """
    painting, step_S = load_painting_mesh(), np.linspace(0, 1, side, dtype=np.float32)
    chart_M = np.repeat(np.arange(1, CHARTS + 1, dtype=np.uint8), side * side)
    uv_2M = np.stack([np.tile(step_S, CHARTS * side), np.tile(np.repeat(step_S[::-1], side), CHARTS)])
    corner_M3, share_M3 = painting.points(chart_M, uv_2M)
    place_M3 = np.einsum("mk,mki->mi", share_M3, painting.mesh.vertex_V3[corner_M3])
    return np.ascontiguousarray(place_M3.reshape(CHARTS * side, side, 3), np.float32)
