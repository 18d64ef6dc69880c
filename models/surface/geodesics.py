"""Geodesic distances between all vertices of a mesh: computed once, kept in a file of the cache, mapped into memory."""

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
    """Distances between V vertices; those of a symmetric mesh are kept for one of each pair of twins only.

    Attributes:
        distance_SV: metres from S sources, inf between parts that nothing joins.
        twin_V: the mirror image of each vertex; itself where the mesh has no symmetry.
    """

    distance_SV: F16
    twin_V: Int
    _row_V: Int
    _mirrored_V: Bool

    def between(self, a_M: Int, b_M: Int) -> F32:
        """Metres between vertices, arrays of any equal shape."""
        far = np.where(self._mirrored_V[a_M], self.twin_V[b_M], b_M)
        return self.distance_SV[self._row_V[a_M], far].astype(np.float32)


def source_vertices(twin_V: Int) -> Int:
    """One vertex of each pair of twins, the lower, in order."""
    return np.flatnonzero(np.arange(len(twin_V)) <= twin_V)


def table_of(distance_SV: F16, twin_V: Int) -> GeodesicTable:
    """A table from the distances of `source_vertices(twin_V)` to all vertices."""
    own_V = np.minimum(np.arange(len(twin_V)), twin_V)
    row_V = np.searchsorted(source_vertices(twin_V), own_V)
    return GeodesicTable(
        distance_SV=distance_SV, twin_V=twin_V, _row_V=row_V, _mirrored_V=own_V != np.arange(len(twin_V))
    )


def no_progress(share: float) -> None:
    """Tells nobody how far the computing is."""


def cached_geodesics(
    vertex_V3: Float, face_F3: Int, twin_V: Int, cache: str | Path, progress: Callable[[float], None] = no_progress
) -> GeodesicTable:
    """The table of a mesh from the cache, computed (under a minute for 13,700 vertices) when it is not there.

    The file is named by a digest of the mesh and of how distances are computed, so a changed mesh never meets an old
    table. While it is computed, `progress` hears from time to time which share is done, 0..1.

    Args:
        cache: the folder, see `models.cache.cached_file`.

    Raises: ModelError when nothing can be written there, before anything is computed, or a file in it is damaged.
    """
    settings = f"v{FORMAT}-{EDGES_CROSSED}-{LONGEST_PATH}"
    name = f"geodesics-{settings}-{mesh_digest(vertex_V3, face_F3, twin_V)[:20]}.npy"
    path = cached_file(cache, f"geodesics/{name}")
    if not path.is_file():
        _write(path, compute_geodesics(vertex_V3, face_F3, source_vertices(twin_V), progress))
    try:
        distance_SV = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # damaged headers raise whatever ast, tokenize and NumPy do
        raise ModelError(f"cannot be read as geodesics ({error})", str(path), "delete it, it is made again") from error
    if distance_SV.shape != (len(source_vertices(twin_V)), len(twin_V)) or distance_SV.dtype != np.float16:
        raise ModelError("holds geodesics of another mesh", str(path), "delete it, it is made again")
    return table_of(distance_SV, twin_V)


def compute_geodesics(
    vertex_V3: Float, face_F3: Int, source_S: Int, progress: Callable[[float], None] = no_progress
) -> F16:
    """Metres (S, V), float16, from some vertices to all: Dijkstra over straight ways; `progress` as `cached_geodesics`.

    Never too short but for rounding; errors against an exact solver stand in docs/benchmarks/geodesics.md.
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
    """Ways that also lead from each vertex of a loose part (an eyeball) to the nearest vertex of the largest part."""
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
    """Under a temporary name first, so that nobody ever reads half a table."""
    try:
        with atomic_write(path) as draft, draft.open("wb") as file:
            np.save(file, distance_SV)
    except OSError as error:
        raise ModelError(f"cannot be made: {error.strerror}", str(path), CACHE_REMEDY) from error
