"""Geodesics compared with closed forms (plane, cylinder, sphere), and their cache file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import ConvexHull, Delaunay

from models.errors import ModelError
from models.surface import geodesics
from models.surface.geodesics import cached_geodesics, compute_geodesics, source_vertices, table_of
from models.surface.straight_paths import straight_path_lengths

pytestmark = pytest.mark.quick

Array = npt.NDArray[Any]


def rough_sheet(seed: int = 0, count: int = 1500) -> tuple[Array, Array]:
    """An irregular triangulation of the unit square with a straight border: points (V, 2) and faces."""
    rng = np.random.default_rng(seed)
    side = np.linspace(0, 1, 31)
    border = [np.stack([side, np.full_like(side, at)], 1) for at in (0.0, 1.0)]
    border += [flipped[1:-1, ::-1] for flipped in border]
    plane = np.concatenate([rng.uniform(0.01, 0.99, (count, 2)), *border])
    face = Delaunay(plane).simplices
    first, second = (plane[face[:, k]] - plane[face[:, 0]] for k in (1, 2))
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    return plane, np.where((area > 0)[:, None], face, face[:, ::-1])[np.abs(area) > 1e-12]


def lengths(vertex: Array, face: Array, sources: Array) -> Array:
    return np.asarray(dijkstra(straight_path_lengths(vertex, face), indices=sources))


@pytest.mark.parametrize("radius", [None, 0.25], ids=["plane", "cylinder"])
def test_distances_on_developable_surfaces_are_straight(radius: float | None) -> None:
    plane, face = rough_sheet()
    x, y = plane.T
    rolled = [x, y, 0 * x] if radius is None else [radius * np.sin(x / radius), y, radius * np.cos(x / radius)]
    vertex = np.stack(rolled, axis=1)
    sources = np.arange(0, 1500, 50)
    measured = lengths(vertex, face, sources)
    exact = np.linalg.norm(plane[sources][:, None] - plane[None], axis=2)
    chosen = exact > 0
    error = (measured - exact)[chosen] / exact[chosen]
    assert error.mean() < 0.004
    if radius is None:
        assert error.min() > -1e-9
    else:
        assert error.min() > -0.004  # faces are chords of the cylinder, a little inside it


def test_on_a_sphere_distances_are_great_circles() -> None:
    point = np.random.default_rng(1).normal(size=(3000, 3))
    point /= np.linalg.norm(point, axis=1, keepdims=True)
    face = ConvexHull(point).simplices
    corner = point[face]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    outward = (normal * corner[:, 0]).sum(axis=1) > 0
    face = np.where(outward[:, None], face, face[:, ::-1])
    sources = np.arange(0, 3000, 150)
    measured = np.asarray(dijkstra(straight_path_lengths(point, face), indices=sources))
    exact = np.arccos(np.clip(point[sources] @ point.T, -1, 1))
    assert np.abs(measured - exact).mean() < 0.006 * exact.mean()


def test_no_path_crosses_a_border() -> None:
    plane, face = rough_sheet()
    middle = plane[face].mean(axis=1)
    slit = (np.abs(middle[:, 0] - 0.5) < 0.06) & (middle[:, 1] < 0.8)
    vertex = np.concatenate([plane, np.zeros((len(plane), 1))], axis=1)
    left, right = (int(np.linalg.norm(plane - at, axis=1).argmin()) for at in ([0.3, 0.1], [0.7, 0.1]))
    around = 2 * np.linalg.norm(np.array([0.5, 0.8]) - plane[left])
    assert lengths(vertex, face[~slit], np.array([left]))[0, right] > 0.95 * around
    assert lengths(vertex, face, np.array([left]))[0, right] < 0.45


def two_sheets() -> tuple[Array, Array]:
    """A sheet, and a smaller one 1 cm above its middle, not connected."""
    plane, face = rough_sheet(count=300)
    vertex = np.concatenate([plane, np.zeros((len(plane), 1))], axis=1)
    small = vertex * [0.1, 0.1, 1] + [0.45, 0.45, 0.01]
    return np.concatenate([vertex, small]), np.concatenate([face, face + len(vertex)])


def test_a_loose_part_is_connected_to_the_nearest_vertex() -> None:
    vertex, face = two_sheets()
    half = len(vertex) // 2
    distance = compute_geodesics(vertex, face, np.array([half])).astype(float)[0]
    straight = np.linalg.norm(vertex - vertex[half], axis=1)
    assert np.isfinite(distance).all()
    assert np.abs(distance - straight).max() < 0.08


def mirrored_sheet() -> tuple[Array, Array, Array]:
    """A sheet and its mirror image with shared vertices at x = 0; and each vertex's twin."""
    plane, face = rough_sheet(count=200)
    middle = plane[:, 0] < 1e-9
    count = len(plane)
    twin_of_left = np.where(middle, np.arange(count), count + np.cumsum(~middle) - 1)
    vertex = np.concatenate([plane, plane[~middle] * [-1, 1]])
    faces = np.concatenate([face, twin_of_left[face][:, ::-1]])
    twin = np.concatenate([twin_of_left, np.flatnonzero(~middle)])
    return np.concatenate([vertex, np.zeros((len(vertex), 1))], axis=1), faces, twin


def test_twins_share_a_row_of_the_table() -> None:
    vertex, face, twin = mirrored_sheet()
    half = table_of(compute_geodesics(vertex, face, source_vertices(twin)), twin)
    whole = compute_geodesics(vertex, face, np.arange(len(vertex)))
    a, b = np.meshgrid(np.arange(len(vertex)), np.arange(len(vertex)), indexing="ij")
    assert len(half.distance_SV) < 0.6 * len(vertex)
    assert np.abs(half.between(a, b) - whole).max() < 2e-3
    assert np.array_equal(half.rows(np.arange(len(vertex))), half.between(a, b))


def test_the_table_is_computed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vertex, face, twin = mirrored_sheet()
    heard: list[float] = []
    first = cached_geodesics(vertex, face, twin, tmp_path, heard.append)
    assert heard[0] == 0 and heard[-1] == 1 and heard == sorted(heard)

    def never(*_: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(geodesics, "compute_geodesics", never)
    heard.clear()
    again = cached_geodesics(vertex, face, twin, tmp_path, heard.append)
    assert not heard, "nothing is computed, nothing is told"
    assert np.array_equal(first.distance_SV, again.distance_SV)
    with pytest.raises(AssertionError, match="computed again"):
        cached_geodesics(vertex * 1.001, face, twin, tmp_path)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    vertex, face, twin = mirrored_sheet()
    cached_geodesics(vertex, face, twin, tmp_path)
    (path,) = (tmp_path / "geodesics").iterdir()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError, match=r"geodesics-.*delete it"):
        cached_geodesics(vertex, face, twin, tmp_path)
    np.save(path, np.zeros((3, 3), np.float16))
    with pytest.raises(ModelError, match="another mesh"):
        cached_geodesics(vertex, face, twin, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "geodesics").write_text("a file where the folder should be")
    with pytest.raises(ModelError, match="name a cache folder"):
        cached_geodesics(*mirrored_sheet(), tmp_path)
