"""DensePose's files: small files of the same format."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.io import savemat

from models.errors import ModelError
from models.surface.geometry import GRAIN, mesh_geometry
from models.surface.smpl_files import read_reference_geometry, read_smpl_mesh

pytestmark = pytest.mark.quick

Array = npt.NDArray[Any]

PLACES = np.array([[0, 0, 0], [0.3, 0, 0], [0.6, 0.1, 0], [0.9, 0, 0.2]])
"""Four canonical vertices; vertex 1 is on the seam of charts 2 and 24 and is in both."""
INDEX = np.array([1, 2, 2, 3, 4])
PART, U, V = np.array([2, 2, 24, 24, 24]), np.array([0.1, 0.9, 0.1, 0.5, 0.9]), np.array([0.5, 0.5, 0.4, 0.5, 0.6])


def metres(a: int, b: int) -> float:
    return float(np.linalg.norm(PLACES[a] - PLACES[b]))


def write_evaluation_data(folder: Path, **changes: Any) -> Path:
    """The three files of the reference evaluator; distances are straight lines."""
    below = [metres(i, j) for i in range(len(PLACES)) for j in range(i)]
    charts = {"Part_ID_subdiv": PART, "U_subdiv": U, "V_subdiv": V}
    savemat(folder / "SMPL_subdiv.mat", {key: array[:, None] for key, array in charts.items()})
    savemat(folder / "SMPL_SUBDIV_TRANSFORM.mat", {"index": changes.get("index", INDEX)[:, None]})
    table = np.array(changes.get("below", below), np.float32)[:, None]
    (folder / "Pdist_matrix.pkl").write_bytes(pickle.dumps({"Pdist_matrix": table}, protocol=2))
    return folder


def test_the_nearest_vertex_of_the_chart_is_found(tmp_path: Path) -> None:
    geometry = read_reference_geometry(write_evaluation_data(tmp_path))
    part = np.array([2, 2, 24, 24, 3, 0, 24, 2])
    u = np.array([0.2, 0.8, 0.2, 0.8, 0.5, 0.5, np.nan, 0.5])
    v = np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5])
    assert geometry.nearest(part, u, v).tolist() == [0, 1, 1, 3, -1, -1, -1, 0]  # the last: the first of two equals


def test_distances_are_looked_up_in_the_triangle(tmp_path: Path) -> None:
    geometry = read_reference_geometry(write_evaluation_data(tmp_path))
    a, b = (k.ravel() for k in np.meshgrid(np.arange(4), np.arange(4)))
    expected = np.linalg.norm(PLACES[a] - PLACES[b], axis=1)
    assert geometry.distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert np.isinf(geometry.distance(np.array([-1, 2, -1]), np.array([1, -1, -1]))).all()


@pytest.mark.parametrize("name", ["SMPL_subdiv.mat", "SMPL_SUBDIV_TRANSFORM.mat", "Pdist_matrix.pkl"])
def test_a_missing_file_is_named_with_its_licence(tmp_path: Path, name: str) -> None:
    (write_evaluation_data(tmp_path) / name).unlink()
    with pytest.raises(ModelError, match=rf"{name}.*cannot include it.*CC BY-NC 4.0.*get_eval_data"):
        read_reference_geometry(tmp_path)


@pytest.mark.parametrize("name", ["SMPL_subdiv.mat", "SMPL_SUBDIV_TRANSFORM.mat", "Pdist_matrix.pkl"])
@pytest.mark.parametrize("content", [b"", b"no such format at all", None], ids=["empty", "text", "cut short"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes | None) -> None:
    path = write_evaluation_data(tmp_path) / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3] if content is None else content)
    with pytest.raises(ModelError, match=name):
        read_reference_geometry(tmp_path)


def test_files_that_do_not_match_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="5 distances are not a triangular matrix"):
        read_reference_geometry(write_evaluation_data(tmp_path, below=[0.1] * 5))
    with pytest.raises(ModelError, match="beyond the 4"):
        read_reference_geometry(write_evaluation_data(tmp_path, index=np.array([1, 2, 2, 3, 5])))
    with pytest.raises(ModelError, match=r"SMPL_SUBDIV_TRANSFORM.*one entry per"):
        read_reference_geometry(write_evaluation_data(tmp_path, index=np.array([1, 2])))


def write_square(folder: Path, metre_VV: Any) -> Path:
    """A miniature of geodists_smpl_27554.pkl."""
    path = folder / "geodists_smpl_27554.pkl"
    path.write_bytes(pickle.dumps(metre_VV, protocol=3))
    return path


def test_vertices_of_embeddings_have_the_distances_of_geodists(tmp_path: Path) -> None:
    """A longer way around gives these other distances than the straight ones of Pdist_matrix.pkl."""
    write_evaluation_data(tmp_path)
    straight_VV = np.array([[metres(a, b) for b in range(4)] for a in range(4)], np.float32)
    write_square(tmp_path, 2 * straight_VV)
    geometry = read_reference_geometry(tmp_path)
    a, b = np.array([0, 3, 2, 1, -1, 2]), np.array([3, 0, 1, 1, 2, -1])
    expected = np.array([*straight_VV[a[:4], b[:4]], np.inf, np.inf])
    assert geometry.vertex_distance(a, b) == pytest.approx(2 * expected, rel=1e-6)
    assert geometry.distance(a, b) == pytest.approx(expected, rel=1e-6)
    (tmp_path / "Pdist_matrix.pkl").unlink()
    alone = read_reference_geometry(tmp_path)
    assert alone.distance(a, b) == pytest.approx(2 * expected, rel=1e-6)


def test_wrong_geodists_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_evaluation_data(tmp_path)
    good_VV = np.array([[metres(a, b) for b in range(4)] for a in range(4)], np.float32)
    cases = {
        r"array \(4, 3\) is not a square": good_VV[:, :3],
        "contain an array of distances": {"geodists": good_VV},
        "not all distances are from 0 to 10 m": 100 * good_VV,
        "0 from a vertex to itself": good_VV + 0.1,
        "distances are from 0": good_VV * np.where(np.eye(4)[::-1], np.nan, 1).astype(np.float32),
        "has 3 vertices, Pdist_matrix.pkl 4": good_VV[:3, :3],
        "not array data": Command(str(tmp_path / "trap")),
    }
    for message, content in cases.items():
        write_square(tmp_path, content)
        with pytest.raises(ModelError, match=rf"geodists_smpl_27554\.pkl.*{message}"):
            read_reference_geometry(tmp_path)
    path = write_square(tmp_path, good_VV)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelError, match=r"geodists_smpl_27554\.pkl.*cannot be read"):
        read_reference_geometry(tmp_path)
    with path.open("r+b") as file:
        file.truncate(8 * 27554**2 + (2 << 20))  # no bytes are written: a hole
    monkeypatch.setattr("models.surface.distance_tables.read_data_pickle", pytest.fail)
    with pytest.raises(ModelError, match=r"geodists_smpl_27554\.pkl.*bytes, more than the distances of 27554 vertices"):
        read_reference_geometry(tmp_path)
    assert not (tmp_path / "trap").exists()


class Command:
    """A pickle of this object calls a function."""

    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(self.target),))


def test_code_in_a_pickle_is_not_run(tmp_path: Path) -> None:
    write_evaluation_data(tmp_path)
    write_charts(tmp_path)
    trap = tmp_path / "trap"
    for name in ("Pdist_matrix.pkl", "body.pkl"):
        command = Command(str(trap))
        (tmp_path / name).write_bytes(pickle.dumps({"Pdist_matrix": command, "v_template": command}))
    with pytest.raises(ModelError, match=r"Pdist_matrix.pkl.*not array data"):
        read_reference_geometry(tmp_path)
    with pytest.raises(ModelError, match=r"body\.pkl"):
        read_smpl_mesh(tmp_path, tmp_path / "body.pkl")
    assert not trap.exists()


SHEET = 9
"""Vertices along a side of a flat sheet of 0.8 m whose left half is chart 1 and whose right half is chart 2."""


def sheet_vertices() -> Array:
    side = np.arange(SHEET) * 0.1
    return np.stack([np.repeat(side, SHEET), np.tile(side, SHEET), np.zeros(SHEET**2)], axis=1)


def write_charts(folder: Path) -> Path:
    """UV_Processed.mat of the sheet: the middle column of vertices occurs twice, once for each chart."""
    half = SHEET // 2
    columns = [*range(half + 1), *range(half, SHEET)]
    vertex = np.array([c * SHEET + r for c in columns for r in range(SHEET)])
    u = np.repeat([(c if k <= half else c - half) / half for k, c in enumerate(columns)], SHEET)
    v = np.tile(np.arange(SHEET) / (SHEET - 1), len(columns))
    faces, charts = [], []
    for k in [*range(half), *range(half + 1, SHEET)]:
        for r in range(SHEET - 1):
            low, high = k * SHEET + r, (k + 1) * SHEET + r
            faces += [[low, high, low + 1], [high, high + 1, low + 1]]
            charts += [1 + (k > half)] * 2
    savemat(folder / "UV_Processed.mat", {
        "All_Faces": np.array(faces) + 1, "All_FaceIndices": np.array(charts, np.uint8)[:, None],
        "All_U_norm": u[:, None], "All_V_norm": v[:, None], "All_vertices": vertex[None] + 1,
    })
    return folder


def write_body(folder: Path, kind: str) -> Path:
    path, vertex = folder / f"body.{kind}", sheet_vertices()
    if kind == "npz":
        np.savez(path, v_template=vertex)
    elif kind == "obj":
        path.write_text("# a sheet\n" + "".join(f"v {x} {y} {z}\n" for x, y, z in vertex) + "f 1 2 3\n")
    else:
        path.write_bytes(pickle.dumps({"v_template": vertex, "f": np.zeros((1, 3), np.uint32)}, protocol=2))
    return path


@pytest.mark.parametrize("kind", ["npz", "obj", "pkl"])
def test_distances_on_the_users_body_are_right(tmp_path: Path, kind: str) -> None:
    """On a flat sheet, geodesics are straight lines, also between charts."""
    mesh = read_smpl_mesh(write_charts(tmp_path), write_body(tmp_path, kind))
    geometry = mesh_geometry(mesh, str(tmp_path))
    rng = np.random.default_rng(0)
    chart, uv = rng.integers(1, 3, 200), rng.uniform(0, 1, (200, 2))
    place = np.stack([0.4 * (chart - 1) + 0.4 * uv[:, 0], 0.8 * uv[:, 1]], axis=1)
    number = geometry.nearest(chart, uv[:, 0], uv[:, 1])
    measured = geometry.distance(number, np.roll(number, 1))
    straight = np.linalg.norm(place - np.roll(place, 1, axis=0), axis=1)
    assert np.abs(measured - straight).max() < 2 * 0.1 * 2**0.5 / GRAIN  # both ends are rounded
    assert np.abs(measured - straight).mean() < 0.004
    vertex, other = rng.integers(0, SHEET**2, (2, 50))
    between = geometry.vertex_distance(np.append(vertex, [-1, 3]), np.append(other, [3, -1]))
    apart = np.linalg.norm(sheet_vertices()[vertex] - sheet_vertices()[other], axis=1)
    assert between[:50] == pytest.approx(apart, rel=0.02)
    assert np.isinf(between[50:]).all() and geometry.mesh_name == ""


class Chumpy:
    """An array inside an object of a package that is not installed, as in older SMPL files."""

    def __init__(self, x: Array) -> None:
        self.x = x


def test_an_array_inside_a_foreign_object_is_read(tmp_path: Path) -> None:
    path = tmp_path / "body.pkl"
    content = pickle.dumps({"v_template": Chumpy(sheet_vertices())}, protocol=2)
    name = f"c{Chumpy.__module__}\nChumpy\n".encode()
    assert name in content
    path.write_bytes(content.replace(name, b"cchumpy.ch\nCh\n"))
    mesh = read_smpl_mesh(write_charts(tmp_path), path)
    assert np.allclose(mesh.vertex_V3, sheet_vertices())


def test_missing_charts_and_bodies_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"UV_Processed.mat.*cannot include it.*CC BY-NC"):
        read_smpl_mesh(tmp_path, write_body(tmp_path, "npz"))
    write_charts(tmp_path)
    with pytest.raises(ModelError, match=r"nobody.npz.*its own licence.*smpl.is.tue.mpg.de"):
        read_smpl_mesh(tmp_path, tmp_path / "nobody.npz")


def test_wrong_bodies_are_refused(tmp_path: Path) -> None:
    write_charts(tmp_path)
    cases = {"few": sheet_vertices()[:20], "giant": sheet_vertices() * 100, "flat": sheet_vertices()[:, :2]}
    messages = {"few": "20 vertices, but the charts refer to vertex 81", "giant": "80 tall", "flat": r"\(V, 3\)"}
    for name, vertex in cases.items():
        np.savez(tmp_path / f"{name}.npz", v_template=vertex)
        with pytest.raises(ModelError, match=messages[name]):
            read_smpl_mesh(tmp_path, tmp_path / f"{name}.npz")
    (tmp_path / "body.ply").write_text("ply")
    with pytest.raises(ModelError, match="unknown kind of body file"):
        read_smpl_mesh(tmp_path, tmp_path / "body.ply")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "few.npz").read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be read"):
        read_smpl_mesh(tmp_path, tmp_path / "cut.npz")


def test_the_original_charts_are_read(shared: Path, tmp_path: Path) -> None:
    """The real UV_Processed.mat. Without the SMPL body only counts, charts and UV are tested."""
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "body.npz", v_template=rng.uniform(0, 1, (6890, 3)))
    mesh = read_smpl_mesh(shared / "assets" / "uv", tmp_path / "body.npz")
    assert mesh.face_F3.shape == (13774, 3)
    assert mesh.face_F3.max() == 6889
    assert np.unique(mesh.chart_F).tolist() == list(range(1, 25))
    assert mesh.corner_uv_F32.min() == 0
    assert mesh.corner_uv_F32.max() == 1
