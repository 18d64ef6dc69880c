"""Error of the surface's distances against exact geodesics.

    python -m tests.benchmarks.quality.geodesic_error [--golden]

Random points of the skin, uniform by area, become vertices of the mesh: each divides its face in three, the surface
stays. The exact solver `pygeodesic` (`pip install pygeodesic`) gives the distances between them. The product computes
the same distances by chart, U and V. `--golden` writes points and exact distances to tests/golden/exact_geodesics.npz
for the tests.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.surface.charted_mesh import open_body_mesh
from models.surface.geodesics import mesh_digest
from models.surface.geometry import open_body_geometry

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "exact_geodesics.npz"
Array = npt.NDArray[Any]
SOURCES, POINTS, SEED = 60, 200, 11


def skin_points(count: int, seed: int) -> tuple[Array, Array]:
    """Distinct faces (M) and weights (M, 3), uniform by area, without eyeballs (they are separate parts)."""
    from models.body.open_body import load_body

    mesh, rng = open_body_mesh(), np.random.default_rng(seed)
    corner = mesh.vertex_V3[mesh.face_F3].astype(np.float64)
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    area[load_body().eye_F] = 0
    face = rng.choice(len(area), count, replace=False, p=area / area.sum())
    return face, rng.dirichlet([1, 1, 1], count)


def exact_distances(face_M: Array, weight_M3: Array, sources: int) -> Array:
    """Distances in metres (sources, M) from the first points to all."""
    from pygeodesic.geodesic import PyGeodesicAlgorithmExact

    from models.body.open_body import load_body

    mesh = open_body_mesh()
    vertex = mesh.vertex_V3.astype(np.float64)
    corner = mesh.face_F3[face_M]
    added = (weight_M3[..., None] * vertex[corner]).sum(axis=1)
    number = len(vertex) + np.arange(len(face_M))
    pieces = [np.stack([corner[:, k], corner[:, (k + 1) % 3], number], axis=1) for k in range(3)]
    kept = ~load_body().eye_F
    kept[face_M] = False
    faces = np.concatenate([mesh.face_F3[kept], *pieces])
    used = np.unique(faces)
    point, renumbered = np.concatenate([vertex, added])[used], np.searchsorted(used, faces).astype(np.int32)
    solver = PyGeodesicAlgorithmExact(point, renumbered)
    at = np.searchsorted(used, number)
    return np.stack([solver.geodesicDistances(at[k : k + 1], None)[0][at] for k in range(sources)])


def report(name: str, measured: Array, exact: Array) -> None:
    """Mean and 99th percentile of the error in centimetres, everywhere and under 30 cm."""
    error, near = np.abs(measured - exact) * 100, exact < 0.3
    apart = exact > 0
    for label, chosen in (("all", apart), ("under 30 cm", apart & near)):
        mean, p99 = error[chosen].mean(), np.percentile(error[chosen], 99)
        print(f"{name}, {label}: mean {mean:.3f} cm, p99 {p99:.3f} cm, {chosen.sum()} pairs")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--golden", action="store_true", help="also write the exact distances for the tests")
    options = parser.parse_args()
    mesh = open_body_mesh()
    face, weight = skin_points(POINTS, SEED)
    uv = np.einsum("mk,mkd->md", weight, mesh.corner_uv_F32[face])
    chart = mesh.chart_F[face]
    started = time.process_time()
    geometry = open_body_geometry()
    print(f"opening: {time.process_time() - started:.1f} s of CPU")
    exact = exact_distances(face, weight, SOURCES)
    row, column = np.meshgrid(np.arange(SOURCES), np.arange(POINTS), indexing="ij")
    number = geometry.nearest(chart, uv[:, 0], uv[:, 1])
    report("numbered points", geometry.distance(number[row.ravel()], number[column.ravel()]), exact.ravel())
    if options.golden:
        np.savez_compressed(
            GOLDEN,
            chart=chart,
            uv=uv,
            metres=exact.astype(np.float32),
            digest=np.array(mesh_digest(mesh.vertex_V3, mesh.face_F3, mesh.twin_V)),
        )


if __name__ == "__main__":
    main()
