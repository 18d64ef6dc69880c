"""Geodesic distances between surface points that are given by chart, U and V."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from models.arrays import F32, Float, Int
from models.cache import DEFAULT_CACHE
from models.surface.chart_lookup import ChartLookup, SurfacePoints, corner_mean
from models.surface.charted_mesh import ChartedMesh, open_body_mesh
from models.surface.geodesics import GeodesicTable, cached_geodesics, no_progress
from models.variant import OPEN_BODY

GRAIN = 16
"""To be numbered, a point of a face is rounded to sixteenths of the face's sides: at most 2 mm on the largest face."""


class Geometry(Protocol):
    """The surface as measures use it: numbered points and their distances in metres.

    Attributes:
        mesh_name: of the mesh whose vertices have distances, a key of `variant.MESHES`; empty: another mesh.
    """

    mesh_name: str

    def nearest(self, part_M: Int, u_M: Float, v_M: Float) -> Int:
        """Number of the surface point nearest to each (chart, U, V) in the chart's UV; −1: there is none."""

    def distance(self, a_M: Int, b_M: Int) -> F32:
        """Geodesic metres between numbered points; inf if either is −1 or they are not connected."""

    def vertex_distance(self, a_M: Int, b_M: Int) -> F32:
        """Geodesic metres between vertices of the mesh; inf if either is −1."""


class SurfaceGeometry:
    """A charted mesh with geodesics: implements `Geometry`, also for points without rounding."""

    def __init__(self, mesh: ChartedMesh, table: GeodesicTable, mesh_name: str = "") -> None:
        self.mesh = mesh
        self.mesh_name = mesh_name
        self._table = table
        self._lookup = ChartLookup(mesh)
        corner_F33 = mesh.vertex_V3[mesh.face_F3].astype(np.float64)
        # Squared lengths of the sides opposite to corners 0, 1 and 2.
        self._side_F3 = ((np.roll(corner_F33, -1, axis=1) - np.roll(corner_F33, -2, axis=1)) ** 2).sum(axis=2)

    def points(self, part_M: Int, u_M: Float, v_M: Float) -> SurfacePoints:
        """Faces and barycentric weights of (chart, U, V); see `ChartLookup`."""
        return self._lookup(part_M, u_M, v_M)

    def between(self, a: SurfacePoints, b: SurfacePoints) -> F32:
        """Geodesic metres between M pairs of points; inf if either has no face.

        In a plane, the squared distance to a point of a triangle is the weighted mean of the squared distances to its
        corners minus a term of the triangle alone. Applied at both ends, this is exact for faces that unfold to one
        plane, and accurate to second order elsewhere. The result is at least the straight distance.
        """
        distance_M = np.full(len(a.face_M), np.inf, np.float32)
        both = np.flatnonzero((a.face_M >= 0) & (b.face_M >= 0))
        one = SurfacePoints(face_M=a.face_M[both], weight_M3=a.weight_M3[both])
        other = SurfacePoints(face_M=b.face_M[both], weight_M3=b.weight_M3[both])
        squared = np.zeros(len(both))
        for i in range(3):
            for j in range(3):
                from_M, to_M = self.mesh.face_F3[one.face_M, i], self.mesh.face_F3[other.face_M, j]
                corner = self._table.between(from_M, to_M).astype(np.float64)
                share = one.weight_M3[:, i] * other.weight_M3[:, j]
                squared += np.where(share > 0, share, 0) * np.where(share > 0, corner, 0) ** 2
        squared -= self._inner(one) + self._inner(other)
        line_3 = corner_mean(self.mesh.vertex_V3, self.mesh, one) - corner_mean(self.mesh.vertex_V3, self.mesh, other)
        line = np.linalg.norm(line_3, axis=1)
        bent = np.sqrt(np.maximum(squared, line**2))
        distance_M[both] = np.where(one.face_M == other.face_M, line, bent)
        return distance_M

    def _inner(self, points: SurfacePoints) -> Float:
        """Σ of w_i·w_j·|side ij|² over the three sides of each point's face."""
        w = points.weight_M3.astype(np.float64)
        return (np.roll(w, -1, axis=1) * np.roll(w, -2, axis=1) * self._side_F3[points.face_M]).sum(axis=1)

    def nearest(self, part_M: Int, u_M: Float, v_M: Float) -> Int:
        """Numbers of points: face and weights rounded to 1/`GRAIN`; −1: none (chart 0, or UV not finite)."""
        points = self.points(part_M, u_M, v_M)
        first_M = np.rint(points.weight_M3[:, 0] * GRAIN).astype(np.int64)
        second_M = np.minimum(np.rint(points.weight_M3[:, 1] * GRAIN).astype(np.int64), GRAIN - first_M)
        number_M = (points.face_M * (GRAIN + 1) + first_M) * (GRAIN + 1) + second_M
        return np.where(points.face_M >= 0, number_M, -1)

    def distance(self, a_M: Int, b_M: Int) -> F32:
        """Geodesic metres between points numbered by `nearest`; inf if either is −1."""
        return self.between(self.numbered(a_M), self.numbered(b_M))

    def vertex_distance(self, a_M: Int, b_M: Int) -> F32:
        """Geodesic metres between vertices of the mesh; inf if either is −1."""
        known_M = (a_M >= 0) & (b_M >= 0)
        return np.where(known_M, self._table.between(np.maximum(a_M, 0), np.maximum(b_M, 0)), np.float32(np.inf))

    def numbered(self, number_M: Int) -> SurfacePoints:
        """The points with these numbers."""
        number_M = np.asarray(number_M, np.int64)
        left_M, second_M = np.divmod(np.maximum(number_M, 0), GRAIN + 1)
        face_M, first_M = np.divmod(left_M, GRAIN + 1)
        sixteenth_M3 = np.stack([first_M, second_M, GRAIN - first_M - second_M], axis=1)
        weight_M3 = (sixteenth_M3 / GRAIN).astype(np.float32)
        return SurfacePoints(face_M=np.where(number_M >= 0, face_M, -1), weight_M3=weight_M3)


def open_body_geometry(cache: str = DEFAULT_CACHE, progress: Callable[[float], None] = no_progress) -> SurfaceGeometry:
    """Geometry of the mean open body. Its geodesics are computed at first use and kept in the folder `cache`."""
    return mesh_geometry(open_body_mesh(), cache, progress, OPEN_BODY)


def mesh_geometry(
    mesh: ChartedMesh,
    cache: str = DEFAULT_CACHE,
    progress: Callable[[float], None] = no_progress,
    name: str = "",
) -> SurfaceGeometry:
    """Geometry of a charted mesh. Arguments as in `cached_geodesics`. Raises: ModelError for an unusable cache."""
    return SurfaceGeometry(mesh, cached_geodesics(mesh.vertex_V3, mesh.face_F3, mesh.twin_V, cache, progress), name)
