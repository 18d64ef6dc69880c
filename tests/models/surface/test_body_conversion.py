"""Places on DensePose's charts on the open body: landmarks, borders between charts, and charts that are the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from models.arrays import Float, Int
from models.body.open_body import load_body
from models.errors import ModelError
from models.surface.body_conversion import Conversion, conversion_to_open_body
from models.surface.chart_lookup import corner_mean, open_body_lookup
from models.surface.charted_mesh import open_body_mesh
from models.surface.smpl_files import read_densepose_charts
from tests.models.body.test_open_body import LANDMARKS, landmark_points

pytestmark = pytest.mark.quick


def placed(chart_M: Int, u_M: Float, v_M: Float) -> Float:
    """Points of the open body at rest, metres."""
    mesh = open_body_mesh()
    return corner_mean(mesh.vertex_V3, mesh, open_body_lookup()(chart_M, u_M, v_M))


def random_places(count: int) -> tuple[Int, Float, Float]:
    """Places inside of the open body's charts."""
    rng, mesh = np.random.default_rng(0), open_body_mesh()
    face_M, weight_M3 = rng.integers(len(mesh.face_F3), size=count), rng.dirichlet(np.ones(3), count)
    uv_M2 = np.einsum("mk,mkx->mx", weight_M3, mesh.corner_uv_F32[face_M])
    return mesh.chart_F[face_M].astype(np.int64), uv_M2[:, 0], uv_M2[:, 1]


def landmark_errors_m(convert: Conversion) -> Float:
    """Metres between DensePose's landmarks, converted, and those of the open body."""
    truth = landmark_points(load_body())
    chart_M, u_M, v_M = (np.array([LANDMARKS[name][at] for name in truth]) for at in range(3))
    found_M3 = placed(*convert(chart_M.astype(np.int64), u_M, v_M))
    return np.asarray(np.linalg.norm(found_M3 - np.array(list(truth.values())), axis=1))


def write_open_charts(folder: Path) -> Path:
    """The open body's charts as a `UV_Processed.mat`."""
    mesh = open_body_mesh()
    corners = np.concatenate([mesh.face_F3.reshape(-1, 1), np.repeat(mesh.chart_F, 3)[:, None]], axis=1)
    key = np.concatenate([corners, np.round(mesh.corner_uv_F32.reshape(-1, 2) * 1e6)], axis=1)
    _, first, copy_C = np.unique(key, axis=0, return_index=True, return_inverse=True)
    uv_K2 = mesh.corner_uv_F32.reshape(-1, 2)[first].astype(np.float64)
    savemat(folder / "UV_Processed.mat", {
        "All_Faces": copy_C.reshape(-1, 3) + 1, "All_FaceIndices": mesh.chart_F[:, None], "All_U_norm": uv_K2[:, :1],
        "All_V_norm": uv_K2[:, 1:], "All_vertices": mesh.face_F3.reshape(-1)[first][None] + 1,
    })
    return folder


@pytest.mark.parametrize("stitch", [False, True])
def test_the_same_charts_give_the_same_places(tmp_path: Path, stitch: bool) -> None:
    convert = conversion_to_open_body(write_open_charts(tmp_path) if stitch else None)
    places = random_places(2000)
    apart_M = np.linalg.norm(placed(*convert(*places)) - placed(*places), axis=1)
    assert np.quantile(apart_M, 0.99) < 0.005 and np.median(apart_M) < (0.002 if stitch else 1e-6)


def test_a_place_beside_a_chart_moves_onto_it() -> None:
    chart_M, u_M, v_M = conversion_to_open_body(None)(np.array([15, 15]), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    assert (chart_M == 15).all()
    again = conversion_to_open_body(None)(chart_M, u_M, v_M)
    assert np.allclose(again[1], u_M, atol=1e-5) and np.allclose(again[2], v_M, atol=1e-5)


def test_landmarks_of_densepose_are_found() -> None:
    error_M = landmark_errors_m(conversion_to_open_body(None))
    assert error_M.max() < 0.022 and error_M.mean() < 0.01


def test_stitched_charts_meet_at_their_borders(shared: Path) -> None:
    folder = shared / "assets" / "uv"
    charts, convert = read_densepose_charts(folder), conversion_to_open_body(folder)
    uv_K2, chart_K = charts.vertex_V3[:, :2], np.zeros(len(charts.vertex_V3), np.int64)
    chart_K[charts.face_F3] = charts.chart_F[:, None]
    order = np.argsort(charts.twin_V, kind="stable")
    same = charts.twin_V[order][1:] == charts.twin_V[order][:-1]
    one_M, other_M = order[:-1][same], order[1:][same]

    def gap_m(used: Conversion) -> Float:
        ends = [placed(*used(chart_K[k], uv_K2[k, 0], uv_K2[k, 1])) for k in (one_M, other_M)]
        return np.asarray(np.linalg.norm(ends[0] - ends[1], axis=1))

    plain_M, stitched_M = gap_m(conversion_to_open_body(None)), gap_m(convert)
    assert len(one_M) > 900 and np.quantile(plain_M, 0.9) > 0.035
    assert np.quantile(stitched_M, 0.9) < 0.005
    error_M = landmark_errors_m(convert)
    assert error_M.max() < 0.022 and error_M.mean() < 0.01


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"UV_Processed.mat.*cannot include it"):
        conversion_to_open_body(tmp_path)
