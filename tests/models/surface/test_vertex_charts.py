"""Charts of a mesh's vertices, from small files of DensePose's format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from models.errors import ModelError
from models.surface.chart_lookup import open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.vertex_charts import mesh_vertex_charts, read_vertex_charts, vertices_at

pytestmark = pytest.mark.quick


def write_charts(folder: Path, canonical: list[int]) -> Path:
    """Five chart vertices; two of them are the same vertex of the mesh, in charts 2 and 24."""
    arrays = {"Part_ID_subdiv": [2, 2, 24, 24, 24], "U_subdiv": [0.1, 0.9, 0.1, 0.5, 0.9], "V_subdiv": [0.5] * 5}
    savemat(folder / "SMPL_subdiv.mat", {key: np.array(one)[:, None] for key, one in arrays.items()})
    savemat(folder / "SMPL_SUBDIV_TRANSFORM.mat", {"index": np.array(canonical)[:, None]})
    return folder


def test_a_vertex_on_a_border_has_the_first_of_its_charts(tmp_path: Path) -> None:
    charts = read_vertex_charts(write_charts(tmp_path, [4, 2, 2, 3, 1]), 4)
    assert charts.part_V.tolist() == [24, 2, 24, 2]
    assert charts.uv_V2[:, 0] == pytest.approx([0.9, 0.9, 0.5, 0.1])
    labels, uv = charts.at(np.array([[0, 1], [-1, 3]], np.int32))
    assert labels.tolist() == [[24, 2], [0, 2]]
    assert labels.dtype == np.uint8 and uv.dtype == np.float32
    assert uv[0].tolist() == pytest.approx(np.array([[0.9, 0.9], [0, 0.1]]))


def test_files_of_another_mesh_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"TRANSFORM.mat: names 4 vertices up to 4, and the mesh has 27554"):
        read_vertex_charts(write_charts(tmp_path, [1, 2, 2, 3, 4]), 27554)


def test_a_missing_file_is_named_with_its_licence(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"SMPL_subdiv.mat.*CC BY-NC"):
        read_vertex_charts(tmp_path, 27554)


def test_vertices_of_the_open_body_have_charts_that_lead_back_to_them() -> None:
    mesh = open_body_mesh()
    charts = mesh_vertex_charts(mesh)
    some_M = np.arange(0, len(mesh.vertex_V3), 37)
    found_M = vertices_at(mesh, open_body_lookup(), charts.part_V[some_M], charts.uv_V2[some_M])
    # Two sides of a seam may share a place in the chart; there the other vertex is as good.
    assert (found_M == some_M).mean() > 0.99
    assert np.linalg.norm(mesh.vertex_V3[found_M] - mesh.vertex_V3[some_M], axis=1).max() < 0.02


def test_the_background_has_no_vertex_and_a_point_of_a_face_the_nearest_corner() -> None:
    mesh = open_body_mesh()
    face = int(np.flatnonzero(mesh.chart_F == 2)[10])
    uv_M2 = np.array([[0.8, 0.1, 0.1], [0.1, 0.2, 0.7]]) @ mesh.corner_uv_F32[face]
    found = vertices_at(mesh, open_body_lookup(), np.array([2, 2, 0]), np.concatenate([uv_M2, [[0.5, 0.5]]]))
    assert found.tolist() == [mesh.face_F3[face, 0], mesh.face_F3[face, 2], -1]
