"""Makes `painting_mesh.npz`: `python -m tools.bake_painting_mesh [OUT]`.

Edges are collapsed onto one of their ends, so that every vertex left is one of the open body and moves as it does. The
cost of a collapse is the squared distance in space and in U, V together (Garland and Heckbert, 1998): one quadric for
each corner of a vertex, that is, for each different U, V that it has. Vertices on borders of charts move along their
border alone, and those where borders meet stay.
"""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.sparse import coo_matrix, diags
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigsh

from models.arrays import F16, F32, F64, I64, Index
from models.body.open_body import load_body
from models.painting.painting_mesh import FACE_CELLS, FORMAT, HARMONICS, PAINTING_MESH_FILE
from models.surface.chart_lookup import CHARTS, ChartLookup
from models.surface.charted_mesh import ChartedMesh

VERTICES = 1800
UV_METRES = 0.25
"""Metres that a step of 1 in U or V counts as."""
LEAST_COSINE = 0.4
"""Faces may turn by less than the angle of this cosine in one collapse."""


class Decimation:
    """A mesh whose edges are collapsed one by one."""

    def __init__(self, vertex_V3: F64, face_F3: I64, wedge_F3: I64, uv_W2: F64) -> None:
        """Args: faces by vertices and by wedges (numbers of different chart, U, V of a vertex), and U, V of these."""
        self.vertex_V3, self.uv_W2 = vertex_V3, uv_W2
        both = zip(face_F3.tolist(), wedge_F3.tolist(), strict=True)
        self.faces = {f: (tuple(corners), tuple(wedges)) for f, (corners, wedges) in enumerate(both)}
        self.around: dict[int, set[int]] = {}
        for f, (corners, _) in self.faces.items():
            for v in corners:
                self.around.setdefault(v, set()).add(f)
        self.quadric: dict[int, F64] = {}
        for f in self.faces:
            self._add_quadric(f)
        self.version = dict.fromkeys(self.around, 0)

    def _place(self, vertex: int, wedge: int) -> F64:
        return np.concatenate([self.vertex_V3[vertex], UV_METRES * self.uv_W2[wedge]])

    def _add_quadric(self, f: int) -> None:
        """The squared distance from the plane of a face in five dimensions, weighted by its area."""
        corners, wedges = self.faces[f]
        p, q, r = (self._place(v, w) for v, w in zip(corners, wedges, strict=True))
        one = (q - p) / max(float(np.linalg.norm(q - p)), 1e-12)
        other = (r - p) - ((r - p) @ one) * one
        area = 0.5 * float(np.linalg.norm(q - p)) * float(np.linalg.norm(other))
        other = other / max(float(np.linalg.norm(other)), 1e-12)
        across = np.eye(5) - np.outer(one, one) - np.outer(other, other)
        whole = np.zeros((6, 6))
        whole[:5, :5], whole[:5, 5], whole[5, 5] = across, -across @ p, p @ across @ p
        whole[5, :5] = whole[:5, 5]
        for wedge in wedges:
            self.quadric[wedge] = self.quadric.get(wedge, np.zeros((6, 6))) + area * whole

    def neighbours(self, vertex: int) -> set[int]:
        """Vertices that share an edge with one."""
        return {v for f in self.around[vertex] for v in self.faces[f][0]} - {vertex}

    def _wedges_across(self, vertex: int, other: int) -> list[tuple[int, int]]:
        """Wedges of both ends of an edge, as each of its faces has them."""
        found = []
        for f in self.around[vertex] & self.around[other]:
            corners, wedges = self.faces[f]
            found.append((wedges[corners.index(vertex)], wedges[corners.index(other)]))
        return found

    def _wedges(self, vertex: int) -> set[int]:
        return {self.faces[f][1][self.faces[f][0].index(vertex)] for f in self.around[vertex]}

    def is_border(self, vertex: int, other: int) -> bool:
        """Whether charts, or the mesh, end at an edge."""
        across = self._wedges_across(vertex, other)
        return len(across) != 2 or across[0] != across[1]

    def wedge_targets(self, vertex: int, other: int) -> dict[int, int] | None:
        """Where each wedge of a vertex goes in a collapse onto another; None where the vertex must stay."""
        borders = sum(self.is_border(vertex, near) for near in self.neighbours(vertex))
        if borders not in (0, 2) or (borders == 2 and not self.is_border(vertex, other)):
            return None
        targets = dict(self._wedges_across(vertex, other))
        return targets if targets.keys() == self._wedges(vertex) else None

    def cost(self, vertex: int, other: int) -> tuple[float, dict[int, int]] | None:
        """Cost of a collapse and where wedges go; None where it is impossible."""
        shared = self.around[vertex] & self.around[other]
        if len(self.neighbours(vertex) & self.neighbours(other)) != len(shared):
            return None
        targets = self.wedge_targets(vertex, other)
        if targets is None or not all(self._keeps(f, vertex, other, targets) for f in self.around[vertex] - shared):
            return None
        total = 0.0
        for wedge, target in targets.items():
            place = np.append(self._place(other, target), 1.0)
            total += float(place @ self.quadric[wedge] @ place)
        length = float(np.square(self.vertex_V3[vertex] - self.vertex_V3[other]).sum())
        return total + 1e-6 * length, targets

    def _keeps(self, f: int, vertex: int, other: int, targets: dict[int, int]) -> bool:
        """Whether a face keeps its sides in space and in its chart."""
        corners, wedges = self.faces[f]
        at = corners.index(vertex)
        was_33, is_33 = self.vertex_V3[list(corners)], self.vertex_V3[list(corners)].copy()
        was_32, is_32 = self.uv_W2[list(wedges)], self.uv_W2[list(wedges)].copy()
        is_33[at], is_32[at] = self.vertex_V3[other], self.uv_W2[targets[wedges[at]]]
        before, after = (np.cross(p[1] - p[0], p[2] - p[0]) for p in (was_33, is_33))
        lengths = float(np.linalg.norm(before)) * float(np.linalg.norm(after))
        if before @ after < LEAST_COSINE * lengths or lengths == 0:
            return False
        areas = [
            (p[1, 0] - p[0, 0]) * (p[2, 1] - p[0, 1]) - (p[1, 1] - p[0, 1]) * (p[2, 0] - p[0, 0])
            for p in (was_32, is_32)
        ]
        return bool(areas[0] * areas[1] > 0 or abs(areas[0]) < 1e-12)

    def collapse(self, vertex: int, other: int, targets: dict[int, int]) -> None:
        """Move a vertex onto another."""
        for f in list(self.around[vertex]):
            corners, wedges = self.faces[f]
            for v in corners:
                self.around[v].discard(f)
            del self.faces[f]
            if other in corners:
                continue
            kept = tuple(other if v == vertex else v for v in corners), tuple(targets.get(w, w) for w in wedges)
            self.faces[f] = kept
            for v in kept[0]:
                self.around[v].add(f)
        for wedge, target in targets.items():
            self.quadric[target] = self.quadric[target] + self.quadric[wedge]
        del self.around[vertex]
        for v in {other} | self.neighbours(other):
            self.version[v] += 1

    def candidates(self, vertex: int) -> Iterator[tuple[float, int, int, int]]:
        """The best collapse of a vertex, with the version of its surroundings."""
        found = [(cost[0], other) for other in self.neighbours(vertex) if (cost := self.cost(vertex, other))]
        if found:
            least, other = min(found)
            yield least, vertex, other, self.version[vertex]

    def reduce(self, vertices: int) -> None:
        """Collapse the cheapest edges until the mesh has this number of vertices."""
        heap = [one for vertex in self.around for one in self.candidates(vertex)]
        heapq.heapify(heap)
        while heap and len(self.around) > vertices:
            _, vertex, other, version = heapq.heappop(heap)
            if vertex not in self.around or version != self.version[vertex]:
                continue
            cost = self.cost(vertex, other) if other in self.around else None
            if cost is None:
                continue
            self.collapse(vertex, other, cost[1])
            for near in {other} | self.neighbours(other):
                for one in self.candidates(near):
                    heapq.heappush(heap, one)


def whole_skin() -> I64:
    """Faces of the largest connected part of the body: all but the eyeballs."""
    face_F3 = load_body().face_F3.astype(np.int64)
    ends = np.concatenate([face_F3[:, [0, 1]], face_F3[:, [1, 2]]])
    size = len(load_body().mean_V3)
    graph = coo_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    part_V = connected_components(graph, directed=False)[1]
    largest = np.bincount(part_V[face_F3[:, 0]]).argmax()
    return np.flatnonzero(part_V[face_F3[:, 0]] == largest)


def harmonics(vertex_N3: F32, face_M3: I64) -> tuple[F16, F32]:
    """Eigenvectors (N, HARMONICS) of the cotangent Laplacian (Pinkall and Polthier, 1993), of mean square 1 over the
    skin, and their spatial frequencies, radians a metre."""
    place_N3, size = vertex_N3.astype(np.float64), len(vertex_N3)
    area_N = np.zeros(size)
    rows, columns, weights = [], [], []
    for k in range(3):
        a, b, c = (face_M3[:, (k + step) % 3] for step in range(3))
        one, other = place_N3[b] - place_N3[a], place_N3[c] - place_N3[a]
        double = np.maximum(np.linalg.norm(np.cross(one, other), axis=1), 1e-12)
        half = (one * other).sum(axis=1) / double / 2
        rows += [b, c]
        columns += [c, b]
        weights += [half, half]
        np.add.at(area_N, a, double / 6)
    pairs = np.concatenate(rows), np.concatenate(columns)
    weight = coo_matrix((np.concatenate(weights), pairs), shape=(size, size)).tocsc()
    stiffness = diags(np.asarray(weight.sum(axis=1)).ravel()) - weight
    value_H, vector_NH = eigsh(
        stiffness.tocsc(), HARMONICS, M=diags(area_N / area_N.sum()).tocsc(), sigma=-1e-3, v0=np.ones(size)
    )
    frequency_H = np.sqrt(np.maximum(value_H / area_N.sum(), 0))
    return vector_NH.astype(np.float16), frequency_H.astype(np.float32)


def faces_of_cells(mesh: ChartedMesh) -> Index:
    """The face under the middle of each cell of the charts, or the nearest of the chart."""
    middle_S = (np.arange(FACE_CELLS) + 0.5) / FACE_CELLS
    chart_K = np.repeat(np.arange(1, CHARTS + 1), FACE_CELLS * FACE_CELLS)
    v_K = np.tile(np.repeat(middle_S, FACE_CELLS), CHARTS)
    return np.asarray(ChartLookup(mesh)(chart_K, np.tile(middle_S, CHARTS * FACE_CELLS), v_K).face_M, np.intp)


def write_painting_mesh(out: Path) -> None:
    """Reduce the body's mesh and write the file."""
    body = load_body()
    skin_F = whole_skin()
    face_F3 = body.face_F3[skin_F].astype(np.int64)
    chart_K, uv_K2 = np.repeat(body.chart_F[skin_F], 3), body.corner_uv_F32[skin_F].reshape(-1, 2)
    corner_K4 = np.concatenate([face_F3.reshape(-1, 1), chart_K[:, None], uv_K2], axis=1)
    wedges_W4, wedge_K = np.unique(corner_K4.round(5), axis=0, return_inverse=True)
    mesh = Decimation(body.mean_V3.astype(np.float64), face_F3, wedge_K.reshape(-1, 3), wedges_W4[:, 2:])
    mesh.reduce(VERTICES)
    kept_M3 = np.array([corners for corners, _ in mesh.faces.values()])
    wedge_M3 = np.array([wedges for _, wedges in mesh.faces.values()])
    vertex_N, place_K = np.unique(kept_M3, return_inverse=True)
    basis_NH, frequency_H = harmonics(body.mean_V3[vertex_N], place_K.reshape(-1, 3))
    chart_M, corner_uv_M32 = wedges_W4[wedge_M3[:, 0], 1].astype(np.uint8), wedges_W4[wedge_M3, 2:].astype(np.float32)
    coarse = ChartedMesh(
        vertex_V3=body.mean_V3[vertex_N], face_F3=place_K.reshape(-1, 3), chart_F=chart_M, corner_uv_F32=corner_uv_M32,
        twin_V=np.arange(len(vertex_N)),
    )  # fmt: skip
    np.savez_compressed(
        out, allow_pickle=False, format=np.array(FORMAT), vertex_N=vertex_N.astype(np.uint16),
        face_M3=place_K.reshape(-1, 3).astype(np.uint16), chart_M=chart_M, corner_uv_M32=corner_uv_M32,
        basis_NH=basis_NH, frequency_H=frequency_H, face_K=faces_of_cells(coarse).astype(np.uint16),
    )  # fmt: skip
    print(f"{out}: {len(vertex_N)} vertices, {len(kept_M3)} faces, {out.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    write_painting_mesh(Path(sys.argv[1]) if len(sys.argv) > 1 else PAINTING_MESH_FILE)
