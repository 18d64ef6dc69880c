"""Reads DensePose's own surface from a user's files, for weights and annotations on those charts.

This project cannot ship the files: DensePose's data are CC BY-NC 4.0, and the SMPL body has its own licence.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from scipy.io import loadmat
from scipy.spatial.distance import cdist

from models.arrays import F32, I64, Float, Int
from models.errors import ModelError
from models.files.data_pickle import data_factory
from models.files.npz_file import read_arrays
from models.files.pickle_interpreter import Factory, Unfinished, unpickle
from models.surface.charted_mesh import ChartedMesh
from models.surface.distance_tables import (
    DAMAGED,
    FARTHEST,
    SQUARE,
    TRIANGLE,
    DistanceTable,
    read_square,
    read_triangle,
)
from models.variant import MESHES, SMPL

NOT_OURS = {
    "UV_Processed.mat": "DensePose's charts, CC BY-NC 4.0: get them with its get_densepose_uv.sh",
    "SMPL_subdiv.mat": "evaluation data of DensePose, CC BY-NC 4.0: get them with its get_eval_data.sh",
    "SMPL_SUBDIV_TRANSFORM.mat": "evaluation data of DensePose, CC BY-NC 4.0: get them with its get_eval_data.sh",
    TRIANGLE: "evaluation data of DensePose, CC BY-NC 4.0: get them with its get_eval_data.sh",
    "the SMPL body": "SMPL has its own licence: register at https://smpl.is.tue.mpg.de",
}
"""Files that a user must provide, and why this program does not include them."""

POINTS_AT_ONCE = 1024


class ReferenceGeometry:
    """Geometry of the reference evaluator: chart vertices, and tables of distances between canonical vertices.

    Args:
        part_K: chart 1..24 of each chart vertex.
        u_K, v_K: UV of each chart vertex.
        canonical_K: its canonical vertex, from 0; vertices on a seam are in several charts.
        table: distances between points of charts.
        of_vertices: distances between vertices that embeddings name; None: `table` too.
    """

    def __init__(
        self, part_K: Int, u_K: Float, v_K: Float, canonical_K: Int, table: DistanceTable,
        of_vertices: DistanceTable | None = None,
    ) -> None:
        self._table, self._of_vertices = table, of_vertices or table
        self.mesh_name = SMPL if table.vertices == MESHES[SMPL] else ""
        self._canonical_P: dict[int, Int] = {}
        self._uv_P: dict[int, Float] = {}
        for part in np.unique(part_K).tolist():
            mine = np.flatnonzero(part_K == part)
            self._canonical_P[int(part)] = canonical_K[mine]
            self._uv_P[int(part)] = np.stack([u_K[mine], v_K[mine]], axis=1).astype(np.float64)

    def nearest(self, part_M: Int, u_M: Float, v_M: Float) -> Int:
        """Canonical vertex nearest in the chart's UV; −1 if the chart has no vertices."""
        uv_M2 = np.stack([u_M, v_M], axis=-1).astype(np.float64)
        part_M = np.where(np.isfinite(uv_M2).all(axis=1), part_M, 0)
        found_M = np.full(len(uv_M2), -1, np.int64)
        for part, uv_K2 in self._uv_P.items():
            mine = np.flatnonzero(part_M == part)
            for start in range(0, len(mine), POINTS_AT_ONCE):
                block = mine[start : start + POINTS_AT_ONCE]
                found_M[block] = self._canonical_P[part][cdist(uv_M2[block], uv_K2).argmin(axis=1)]
        return found_M

    def vertex_distance(self, a_M: Int, b_M: Int) -> F32:
        """Metres between vertices that embeddings name; inf if either is −1."""
        return known_distance(self._of_vertices, a_M, b_M)

    def distance(self, a_M: Int, b_M: Int) -> F32:
        """Metres between canonical vertices; inf if either is −1."""
        return known_distance(self._table, a_M, b_M)


def known_distance(table: DistanceTable, a_M: Int, b_M: Int) -> F32:
    """Metres (M,) of a table; inf where a vertex is −1."""
    known = (a_M >= 0) & (b_M >= 0)
    metres_M = np.full(len(known), np.inf, np.float32)
    metres_M[known] = table.between(a_M[known], b_M[known])
    return metres_M


def read_reference_geometry(folder: Path) -> ReferenceGeometry:
    """Read SMPL_subdiv.mat, SMPL_SUBDIV_TRANSFORM.mat and distances from a folder.

    The distances between points of charts are those of Pdist_matrix.pkl, between vertices those of
    geodists_smpl_27554.pkl; where one of the two is missing, the other serves for both.

    Raises: ModelError naming a file that is missing, damaged or does not match the others.
    """
    part_K, uv_K2, canonical_K = read_chart_vertices(folder)
    square = read_square(folder / SQUARE) if (folder / SQUARE).is_file() else None
    if square is None:
        _require(folder / TRIANGLE, NOT_OURS[TRIANGLE])
    table = read_triangle(folder / TRIANGLE) if (folder / TRIANGLE).is_file() else square
    assert table is not None
    if square is not None and square.vertices != table.vertices:
        what = f"has {square.vertices} vertices, {TRIANGLE} {table.vertices}"
        raise ModelError(what, str(folder / SQUARE), DAMAGED)
    if canonical_K.min() < 0 or canonical_K.max() >= table.vertices:
        what = f"refers to vertices beyond the {table.vertices} of {TRIANGLE if table is not square else SQUARE}"
        raise ModelError(what, str(folder / "SMPL_SUBDIV_TRANSFORM.mat"), DAMAGED)
    return ReferenceGeometry(part_K, uv_K2[:, 0], uv_K2[:, 1], canonical_K, table, square)


def read_chart_vertices(folder: Path) -> tuple[I64, Float, I64]:
    """Vertices of DensePose's subdivided charts, from SMPL_subdiv.mat and SMPL_SUBDIV_TRANSFORM.mat.

    Returns:
        part_K: chart 1..24. uv_K2: U and V. canonical_K: the vertex of the subdivided SMPL mesh, from 0.

    Raises: ModelError as `read_reference_geometry`.
    """
    charts = _read_mat(folder / "SMPL_subdiv.mat", ("Part_ID_subdiv", "U_subdiv", "V_subdiv"))
    path = folder / "SMPL_SUBDIV_TRANSFORM.mat"
    canonical_K = _read_mat(path, ("index",))["index"].astype(np.int64) - 1
    part_K = charts["Part_ID_subdiv"].astype(np.int64)
    if not len(part_K) == len(charts["U_subdiv"]) == len(charts["V_subdiv"]) == len(canonical_K):
        raise ModelError("does not have one entry per vertex of SMPL_subdiv.mat", str(path), DAMAGED)
    return part_K, np.stack([charts["U_subdiv"], charts["V_subdiv"]], axis=1), canonical_K


def read_smpl_mesh(folder: Path, body: Path) -> ChartedMesh:
    """The SMPL body with DensePose's charts, from UV_Processed.mat and a body in the rest pose.

    Args:
        folder: contains UV_Processed.mat.
        body: SMPL's model file (.npz, or .pkl, which is read without running code), or an .obj of it; metres, SMPL's
            vertex order.

    Raises: ModelError as `read_reference_geometry`.
    """
    charts = read_densepose_charts(folder)
    vertex_V3, vertex_K = _read_vertices(body), charts.twin_V
    if vertex_K.max() >= len(vertex_V3):
        raise ModelError(
            f"has {len(vertex_V3)} vertices, but the charts refer to vertex {vertex_K.max() + 1}", str(body),
            "give the SMPL body with 6890 vertices",
        )
    return ChartedMesh(
        vertex_V3=vertex_V3, face_F3=vertex_K[charts.face_F3], chart_F=charts.chart_F,
        corner_uv_F32=charts.corner_uv_F32, twin_V=np.arange(len(vertex_V3)),
    )


def read_densepose_charts(folder: Path) -> ChartedMesh:
    """DensePose's charts alone, from UV_Processed.mat: a vertex on a border has a copy in each of its charts.

    The copies lie at (U, V, 0); `twin_V` has the SMPL vertex of each.

    Raises: ModelError as `read_reference_geometry`.
    """
    path = folder / "UV_Processed.mat"
    keys = ("All_Faces", "All_FaceIndices", "All_U_norm", "All_V_norm", "All_vertices")
    atlas = _read_mat(path, keys)
    if len(atlas["All_Faces"]) % 3 or len(atlas["All_U_norm"]) != len(atlas["All_V_norm"]):
        raise ModelError("its arrays do not match each other", str(path), DAMAGED)
    corner_F3 = atlas["All_Faces"].astype(np.int64).reshape(-1, 3) - 1
    chart_F, vertex_K = atlas["All_FaceIndices"], atlas["All_vertices"].astype(np.int64) - 1
    uv_K2 = np.stack([atlas["All_U_norm"], atlas["All_V_norm"]], axis=1).astype(np.float32)
    counted = len(chart_F) == len(corner_F3) and len(uv_K2) == len(vertex_K)
    if not counted or corner_F3.min() < 0 or corner_F3.max() >= len(uv_K2) or vertex_K.min() < 0:
        raise ModelError("its arrays do not match each other", str(path), DAMAGED)
    return ChartedMesh(
        vertex_V3=np.pad(uv_K2, ((0, 0), (0, 1))), face_F3=corner_F3, chart_F=chart_F.astype(np.uint8),
        corner_uv_F32=uv_K2[corner_F3], twin_V=vertex_K,
    )


def _require(path: Path, why: str) -> None:
    if not path.is_file():
        what = f"is missing, and this program cannot include it ({why})"
        raise ModelError(what, str(path), "or use the open body's charts")


def _read_mat(path: Path, keys: tuple[str, ...]) -> dict[str, npt.NDArray[Any]]:
    """The named arrays of a MATLAB 5 file, flattened."""
    _require(path, NOT_OURS[path.name])
    try:
        content = loadmat(str(path))
    except Exception as error:  # SciPy's readers raise errors of many kinds
        raise ModelError(f"cannot be read as a MATLAB file ({error})", str(path), DAMAGED) from error
    missing = [key for key in keys if key not in content]
    if missing:
        raise ModelError(f"does not contain {', '.join(missing)}", str(path), DAMAGED)
    arrays = {key: np.asarray(content[key]).ravel() for key in keys}
    wrong = [key for key, array in arrays.items() if not len(array) or not np.issubdtype(array.dtype, np.number)]
    if wrong:
        raise ModelError(f"{', '.join(wrong)}: not an array of numbers", str(path), DAMAGED)
    return arrays


class _Inert(Unfinished):
    """Placeholder for any object in an SMPL pickle; it keeps the object's state only."""

    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def finish(self, state: Any) -> _Inert:
        self.state = state
        return self


def _body_maker(module: str, name: str) -> Factory:
    """Factories of arrays; all other objects (of chumpy, SciPy) become placeholders."""
    try:
        return data_factory(module, name)
    except pickle.UnpicklingError:
        return Factory(name=name, make=_Inert)


def _read_vertices(body: Path) -> F32:
    """Rest vertices (V, 3) float32 of an SMPL file."""
    _require(body, NOT_OURS["the SMPL body"])
    readers: dict[str, Callable[[Path], Any]] = {".npz": _npz_vertices, ".pkl": _pkl_vertices, ".obj": _obj_vertices}
    if body.suffix not in readers:
        raise ModelError("unknown kind of body file", str(body), f"give one of {', '.join(readers)}")
    found = readers[body.suffix](body)
    shaped = isinstance(found, np.ndarray) and found.ndim == 2 and found.shape[1] == 3 and len(found) > 0
    if not shaped or not np.issubdtype(found.dtype, np.number) or not np.isfinite(found).all():
        raise ModelError("does not contain v_template of shape (V, 3)", str(body), "give the SMPL model file")
    if np.ptp(found, axis=0).max() > FARTHEST:
        raise ModelError(f"is {np.ptp(found, axis=0).max():.0f} tall", str(body), "give the body in metres")
    return found.astype(np.float32)


def _npz_vertices(path: Path) -> Any:
    try:
        return read_arrays(path).get("v_template")
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot be read ({error})", str(path), DAMAGED) from error


def _pkl_vertices(path: Path) -> Any:
    content = _unpickled(lambda file: unpickle(file, _body_maker), path)
    found = content.get("v_template") if isinstance(content, dict) else None
    if isinstance(found, _Inert) and isinstance(found.state, dict):
        return found.state.get("x")
    return found


def _obj_vertices(path: Path) -> Any:
    try:
        rows = [line.split()[1:4] for line in path.read_text().splitlines() if line.startswith("v ")]
        return np.array(rows, np.float64).reshape(-1, 3)
    except ValueError as error:
        raise ModelError(f"cannot be read as a mesh ({error})", str(path), DAMAGED) from error


def _unpickled(read: Callable[[BinaryIO], Any], path: Path) -> Any:
    """Raises: ModelError."""
    try:
        with path.open("rb") as file:
            return read(file)
    except (pickle.UnpicklingError, OSError) as error:
        raise ModelError(f"cannot be read ({error})", str(path), DAMAGED) from error
