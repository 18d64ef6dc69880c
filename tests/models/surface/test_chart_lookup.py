"""From chart, U and V to surface points and distances."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from models.body.charts import MIRROR_CHART, mirror_uv
from models.body.open_body import load_body
from models.surface.chart_lookup import ChartLookup, SurfacePoints, corner_mean
from models.surface.charted_mesh import open_body_mesh
from models.surface.geodesics import GeodesicTable, compute_geodesics, mesh_digest
from models.surface.geometry import GRAIN, SurfaceGeometry

Array = npt.NDArray[Any]
GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "exact_geodesics.npz"


def seen(points: SurfacePoints) -> Array:
    return corner_mean(open_body_mesh().vertex_V3, open_body_mesh(), points)


@cache
def lookup() -> ChartLookup:
    return ChartLookup(open_body_mesh())


def drawn(count: int, seed: int) -> tuple[Array, Array, Array]:
    """Random points of the skin: positions in space, charts, UV."""
    mesh, rng = open_body_mesh(), np.random.default_rng(seed)
    face = rng.choice(np.flatnonzero(~load_body().eye_F), count)
    weight = rng.dirichlet([1, 1, 1], count)
    place = np.einsum("mk,mkd->md", weight, mesh.vertex_V3[mesh.face_F3[face]])
    return place, mesh.chart_F[face], np.einsum("mk,mkd->md", weight, mesh.corner_uv_F32[face])


def test_points_of_the_skin_are_found_again() -> None:
    place, chart, uv = drawn(20_000, 0)
    found = lookup()(chart, uv[:, 0], uv[:, 1])
    assert np.array_equal(open_body_mesh().chart_F[found.face_M], chart)
    error = np.linalg.norm(seen(found) - place, axis=1)
    assert error.mean() < 1e-4
    assert np.mean(error < 1e-4) > 0.995


def nearest_in_uv(chart: int, uv_2: Array) -> float:
    """Distance in UV to the chart's faces, over every side of every face (for points outside of all faces)."""
    mesh = open_body_mesh()
    corner = mesh.corner_uv_F32[mesh.chart_F == chart].astype(np.float64)
    start, edge = corner.reshape(-1, 2), (np.roll(corner, -1, axis=1) - corner).reshape(-1, 2)
    share = np.clip(((uv_2 - start) * edge).sum(1) / np.maximum((edge**2).sum(1), 1e-24), 0, 1)
    return float(np.linalg.norm(uv_2 - start - share[:, None] * edge, axis=1).min())


def test_points_outside_a_chart_go_to_its_nearest_border() -> None:
    rng = np.random.default_rng(3)
    chart, uv = rng.integers(1, 25, 4000), rng.uniform(-0.1, 1.1, (4000, 2))
    found = lookup()(chart, uv[:, 0], uv[:, 1])
    mesh = open_body_mesh()
    at = np.einsum("mk,mkd->md", found.weight_M3, mesh.corner_uv_F32[found.face_M].astype(np.float64))
    gap = np.linalg.norm(at - uv, axis=1)
    outside = np.flatnonzero(gap > 1e-6)
    assert 500 < len(outside) < 3500
    best = np.array([nearest_in_uv(int(chart[k]), uv[k]) for k in outside[:400]])
    assert np.abs(gap[outside[:400]] - best).max() < 1e-3
    assert np.isin(found.face_M, np.flatnonzero(mesh.chart_F > 0)).all()
    assert np.array_equal(mesh.chart_F[found.face_M], chart)


def test_lookup_never_interpolates_between_islands() -> None:
    """Between the palm and the back of the hand, a small step in UV jumps from one to the other."""
    u = np.linspace(0, 1, 2001)
    found = lookup()(np.full(2001, 4), u, np.full(2001, 0.45))
    step = np.linalg.norm(np.diff(seen(found), axis=0), axis=1)
    assert step.max() > 0.02  # there is a jump
    assert (step > 0.004).sum() <= 5  # jumps occur between islands only


def test_invalid_points_have_no_face() -> None:
    chart = np.array([0, 25, 3, 3, -1, 5])
    u = np.array([0.5, 0.5, np.nan, 0.5, 0.5, 0.5])
    v = np.array([0.5, 0.5, 0.5, np.inf, 0.5, 0.5])
    assert (lookup()(chart, u, v).face_M >= 0).tolist() == [False, False, False, False, False, True]
    assert len(lookup()(np.zeros(0, int), np.zeros(0), np.zeros(0)).face_M) == 0


class Rows(GeodesicTable):
    """Distances from a few vertices only."""

    def __init__(self, source_S: Array) -> None:
        mesh = open_body_mesh()
        object.__setattr__(self, "distance_SV", compute_geodesics(mesh.vertex_V3, mesh.face_F3, source_S))
        object.__setattr__(self, "twin_V", source_S)

    def between(self, a_M: Array, b_M: Array) -> npt.NDArray[np.float32]:
        row = np.searchsorted(self.twin_V, a_M)
        assert np.array_equal(self.twin_V[row], a_M)
        return self.distance_SV[row, b_M].astype(np.float32)


def geometry_from(chart: Array, uv: Array) -> SurfaceGeometry:
    """Geometry with distances from the faces of these points."""
    mesh = open_body_mesh()
    face = lookup()(chart, uv[:, 0], uv[:, 1]).face_M
    return SurfaceGeometry(mesh, Rows(np.unique(mesh.face_F3[face])))


def test_distances_are_close_to_an_exact_solver() -> None:
    """Golden file of tests/benchmarks/quality/geodesic_error.py --golden (pygeodesic 0.1.11, on the mesh)."""
    mesh = open_body_mesh()
    with np.load(GOLDEN) as golden:
        chart, uv, exact, digest = (golden[name] for name in ("chart", "uv", "metres", "digest"))
    remedy = "the body was baked anew: python -m tests.benchmarks.quality.geodesic_error --golden"
    assert str(digest) == mesh_digest(mesh.vertex_V3, mesh.face_F3, mesh.twin_V), remedy
    sources = 30
    geometry = geometry_from(chart[:sources], uv[:sources])
    number = geometry.nearest(chart, uv[:, 0], uv[:, 1])
    row, column = np.divmod(np.arange(sources * len(chart)), len(chart))
    error = np.abs(geometry.distance(number[row], number[column]) - exact[row, column])
    near = (exact[row, column] < 0.3) & (row != column)
    assert near.sum() > 500
    assert error[near].mean() < 0.0015
    assert np.percentile(error[near], 99) < 0.005
    assert error.mean() < 0.003


def test_the_distance_of_near_points_is_the_straight_line() -> None:
    """Points one or two millimetres apart, much less than the distance between corners."""
    _, chart, uv = drawn(60, 5)
    geometry = geometry_from(chart, uv)
    a = geometry.points(chart, uv[:, 0], uv[:, 1])
    rng = np.random.default_rng(6)
    weight = np.abs(a.weight_M3 + rng.normal(0, 0.02, a.weight_M3.shape)).astype(np.float32)
    b = SurfacePoints(face_M=a.face_M, weight_M3=weight / weight.sum(axis=1, keepdims=True))
    straight = np.linalg.norm(seen(a) - seen(b), axis=1)
    assert geometry.between(a, b) == pytest.approx(straight, abs=1e-6)
    assert geometry.between(a, a) == pytest.approx(0, abs=1e-7)


def test_mirrored_points_have_equal_distances() -> None:
    _, chart, uv = drawn(40, 7)
    mirrored = np.stack(mirror_uv(chart, uv[:, 0], uv[:, 1]), axis=1)
    both_chart, both_uv = np.concatenate([chart, MIRROR_CHART[chart]]), np.concatenate([uv, mirrored])
    geometry = geometry_from(both_chart, both_uv)
    points = geometry.points(both_chart, both_uv[:, 0], both_uv[:, 1])
    half, other = np.arange(40), np.roll(np.arange(40), 1)

    def pick(k: Array) -> SurfacePoints:
        return SurfacePoints(face_M=points.face_M[k], weight_M3=points.weight_M3[k])

    left, right = geometry.between(pick(half), pick(other)), geometry.between(pick(half + 40), pick(other + 40))
    assert left == pytest.approx(right, abs=2e-3)
    assert left.max() > 1


def test_point_numbers_round_to_a_sixteenth_of_a_face() -> None:
    place, chart, uv = drawn(5000, 9)
    geometry = geometry_from(chart[:1], uv[:1])
    number = geometry.nearest(chart, uv[:, 0], uv[:, 1])
    assert number.min() >= 0
    error = np.linalg.norm(seen(geometry.numbered(number)) - place, axis=1)
    assert error.mean() < 0.0005
    mesh = geometry.mesh
    corner = mesh.vertex_V3[mesh.face_F3]
    longest = np.linalg.norm(corner - np.roll(corner, 1, axis=1), axis=2).max()
    assert np.percentile(error, 99.9) < longest / GRAIN


def test_no_point_is_infinitely_far() -> None:
    _, chart, uv = drawn(2, 11)
    geometry = geometry_from(chart, uv)
    known = geometry.nearest(chart, uv[:, 0], uv[:, 1])
    far = geometry.distance(np.array([known[0], -1, -1]), np.array([-1, known[1], -1]))
    assert np.isinf(far).all()
    assert far.dtype == np.float32
