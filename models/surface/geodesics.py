"""Geodesic distances between all vertices of a mesh: computed once, cached in a file, memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import cKDTree

from models.arrays import F16, F32, Bool, Float, Int
from models.cache import CACHE_REMEDY, cached_file
from models.errors import ModelError
from models.files.atomic_file import atomic_write
from models.surface.straight_paths import EDGES_CROSSED, LONGEST_PATH, shortest_entries, straight_path_lengths

FORMAT = 1
SOURCES_AT_ONCE = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class GeodesicTable:
    """Distances between V vertices. For a symmetric mesh the table has one source per pair of twins.

    Attributes:
        distance_SV: metres from S sources; inf between disconnected parts.
        twin_V: the mirror image of each vertex; itself if the mesh is not symmetric.
    """

    distance_SV: F16
    twin_V: Int
    _row_V: Int
    _mirrored_V: Bool

    def between(self, a_M: Int, b_M: Int) -> F32:
        """Metres between vertices; arrays of any equal shape."""
        far = np.where(self._mirrored_V[a_M], self.twin_V[b_M], b_M)
        return self.distance_SV[self._row_V[a_M], far].astype(np.float32)

    def rows(self, a_M: Int) -> F32:
        """Metres (M, V) from M vertices to all."""
        return self.between(a_M[:, None], np.arange(len(self.twin_V))[None])


def source_vertices(twin_V: Int) -> Int:
    """The lower vertex of each pair of twins, in order."""
    return np.flatnonzero(np.arange(len(twin_V)) <= twin_V)


def table_of(distance_SV: F16, twin_V: Int) -> GeodesicTable:
    """A table from the distances between `source_vertices(twin_V)` and all vertices."""
    own_V = np.minimum(np.arange(len(twin_V)), twin_V)
    row_V = np.searchsorted(source_vertices(twin_V), own_V)
    return GeodesicTable(
        distance_SV=distance_SV, twin_V=twin_V, _row_V=row_V, _mirrored_V=own_V != np.arange(len(twin_V))
    )


def no_progress(share: float) -> None:
    """A progress callback that does nothing."""


def cached_geodesics(
    vertex_V3: Float, face_F3: Int, twin_V: Int, cache: str | Path, progress: Callable[[float], None] = no_progress
) -> GeodesicTable:
    """The table of a mesh from the cache; it is computed if the cache does not have it.

    The file's name has a digest of the mesh and of the algorithm's settings, so an old table is never used for a
    changed mesh.

    Args:
        vertex_V3, face_F3, twin_V: the mesh.
        cache: folder, see `models.cache.cached_file`.
        progress: called with the finished share, 0..1, during the computation.

    Raises: ModelError if the cache is not writable (before the computation starts), or its file is damaged.
    """
    settings = f"v{FORMAT}-{EDGES_CROSSED}-{LONGEST_PATH}"
    name = f"geodesics-{settings}-{mesh_digest(vertex_V3, face_F3, twin_V)[:20]}.npy"
    path = cached_file(cache, f"geodesics/{name}")
    if not path.is_file():
        _write(path, compute_geodesics(vertex_V3, face_F3, source_vertices(twin_V), progress))
    try:
        distance_SV = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damaged headers raise errors of ast, tokenize and NumPy
        remedy = "delete it; it will be computed again"
        raise ModelError(f"cannot be read as geodesics ({error})", str(path), remedy) from error
    if distance_SV.shape != (len(source_vertices(twin_V)), len(twin_V)) or distance_SV.dtype != np.float16:
        raise ModelError("contains geodesics of another mesh", str(path), "delete it; it will be computed again")
    return table_of(distance_SV, twin_V)


def compute_geodesics(
    vertex_V3: Float, face_F3: Int, source_S: Int, progress: Callable[[float], None] = no_progress
) -> F16:
    """Metres (S, V) float16 from S vertices to all vertices: Dijkstra over straight paths (`straight_paths`).

    Distances are never too short except for rounding. `progress`: see `cached_geodesics`.
    """
    progress(0.0)
    paths = connect_parts(vertex_V3, straight_path_lengths(vertex_V3, face_F3))
    distance_SV = np.empty((len(source_S), len(vertex_V3)), np.float16)
    for start in range(0, len(source_S), SOURCES_AT_ONCE):
        block = source_S[start : start + SOURCES_AT_ONCE]
        distance_SV[start : start + len(block)] = dijkstra(paths, indices=block)
        progress((start + len(block)) / len(source_S))
    return distance_SV


def connect_parts(vertex_V3: Float, paths: Any) -> Any:
    """Connect each vertex of a loose part (such as an eyeball) with the nearest vertex of the largest part."""
    _, part_V = connected_components(paths, directed=False)
    main = np.bincount(part_V).argmax()
    loose, anchored = np.flatnonzero(part_V != main), np.flatnonzero(part_V == main)
    if not len(loose):
        return paths
    gap, nearest = cKDTree(vertex_V3[anchored]).query(vertex_V3[loose])
    known = paths.tocoo()
    row, column = np.concatenate([known.row, loose]), np.concatenate([known.col, anchored[nearest]])
    return shortest_entries(row, column, np.concatenate([known.data, np.maximum(gap, 1e-6)]), len(vertex_V3))


def mesh_digest(vertex_V3: Float, face_F3: Int, twin_V: Int) -> str:
    """Hexadecimal SHA-256 of a mesh."""
    digest = hashlib.sha256()
    for array, kind in ((vertex_V3, np.float32), (face_F3, np.int32), (twin_V, np.int32)):
        digest.update(np.ascontiguousarray(array, kind).tobytes())
    return digest.hexdigest()


def _write(path: Path, distance_SV: F16) -> None:
    """Write the table atomically."""
    try:
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.save(file, distance_SV)
    except OSError as error:
        raise ModelError(f"cannot be written: {error.strerror}", str(path), CACHE_REMEDY) from error
