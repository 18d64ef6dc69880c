"""Tables of distances between the vertices of DensePose's body, from a user's files."""

from __future__ import annotations

import math
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import F32, Float, Int
from models.errors import ModelError
from models.files.data_pickle import read_data_pickle
from models.variant import MESHES, SMPL

TRIANGLE, SQUARE = "Pdist_matrix.pkl", f"geodists_{SMPL}.pkl"
"""Files of the reference: for its evaluation of charts, and for that of embeddings."""
DAMAGED = "get the file again"
FARTHEST = 10.0
"""Metres; greater distances mean that a file is in other units."""
LARGEST = 8 * MESHES[SMPL] ** 2 + (1 << 20)
"""Bytes; a larger file has more than all distances in float64."""


@dataclass(frozen=True, slots=True)
class TriangleTable:
    """`below`: metres between vertices i > j, at index i·(i − 1)/2 + j."""

    below: Float

    @property
    def vertices(self) -> int:
        """Number of vertices."""
        return (1 + math.isqrt(1 + 8 * len(self.below))) // 2

    def between(self, a_M: Int, b_M: Int) -> F32:
        """Metres (M,) between vertices."""
        low_M, high_M = np.minimum(a_M, b_M).astype(np.int64), np.maximum(a_M, b_M).astype(np.int64)
        metres_M = np.zeros(len(low_M), np.float32)
        apart = low_M < high_M
        metres_M[apart] = self.below[high_M[apart] * (high_M[apart] - 1) // 2 + low_M[apart]]
        return metres_M


@dataclass(frozen=True, slots=True)
class SquareTable:
    """`metre_VV`: metres between all vertices."""

    metre_VV: Float

    @property
    def vertices(self) -> int:
        """Number of vertices."""
        return len(self.metre_VV)

    def between(self, a_M: Int, b_M: Int) -> F32:
        """Metres (M,) from vertices a to vertices b."""
        return self.metre_VV[a_M, b_M].astype(np.float32)


DistanceTable = TriangleTable | SquareTable


def read_triangle(path: Path) -> TriangleTable:
    """Read Pdist_matrix.pkl (needs 1.5 GB of memory). Raises: ModelError."""
    content = read_pickle(path)
    below = content.get("Pdist_matrix") if isinstance(content, dict) else None
    if not isinstance(below, np.ndarray) or not np.issubdtype(below.dtype, np.floating) or not below.size:
        raise ModelError("does not contain Pdist_matrix", str(path), DAMAGED)
    table = TriangleTable(below.ravel())
    if table.vertices * (table.vertices - 1) // 2 != below.size:
        raise ModelError(f"{below.size} distances are not a triangular matrix", str(path), DAMAGED)
    return table


def read_square(path: Path) -> SquareTable:
    """Read geodists_smpl_27554.pkl (needs 3 GB of memory). Raises: ModelError."""
    found = read_pickle(path)
    if not isinstance(found, np.ndarray) or not np.issubdtype(found.dtype, np.floating):
        raise ModelError("does not contain an array of distances", str(path), DAMAGED)
    if found.ndim != 2 or found.shape[0] != found.shape[1] or not found.size:
        raise ModelError(f"an array {found.shape} is not a square of distances", str(path), DAMAGED)
    if found.diagonal().any() or not (found.min() >= 0 and found.max() < FARTHEST):
        what = f"not all distances are from 0 to {FARTHEST:g} m, and 0 from a vertex to itself"
        raise ModelError(what, str(path), DAMAGED)
    return SquareTable(found)


def read_pickle(path: Path) -> Any:
    """The content of a pickle of arrays, without running code from it. Raises: ModelError."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            what = f"has {size} bytes, more than the distances of {MESHES[SMPL]} vertices can have"
            raise ModelError(what, str(path), DAMAGED)
        with path.open("rb") as file:
            return read_data_pickle(file)
    except (pickle.UnpicklingError, OSError) as error:
        raise ModelError(f"cannot be read ({error})", str(path), DAMAGED) from error
