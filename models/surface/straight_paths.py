"""Straight paths over a triangle mesh: from a vertex through unfolded faces to other vertices.

Shortest paths along edges are about a tenth too long, because edges have few directions. When faces are unfolded into
one plane, straight lines from a vertex to further vertices are paths on the surface with exactly that length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix, csr_matrix

from models.arrays import Float, Int

EDGES_CROSSED = 6
LONGEST_PATH = 12.0
"""Maximum length of a path, in mean edge lengths; longer paths cost time and add little accuracy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Front:
    """W windows (edges) through which sources see the next faces. Each source is the origin of its own plane.

    `left` and `right` are the window's ends (vertices, and positions in the plane), counter-clockwise from right to
    left. The two bounds (directions in the plane) limit what is visible through all windows so far.
    """

    source_W: Int
    right_W: Int
    left_W: Int
    right_W2: Float
    left_W2: Float
    right_bound_W2: Float
    left_bound_W2: Float

    def take(self, keep: npt.NDArray[Any]) -> _Front:
        return _Front(**{name: getattr(self, name)[keep] for name in self.__slots__})


def straight_path_lengths(
    vertex_V3: Float, face_F3: Int, *, crossed: int = EDGES_CROSSED, longest: float = LONGEST_PATH
) -> csr_matrix:
    """Symmetric sparse matrix (V, V) of path lengths in metres: edges, and straight paths across up to `crossed` edges.

    Args:
        vertex_V3: positions, metres.
        face_F3: corners of an oriented manifold, with or without border.
        crossed: maximum number of edges that a path crosses.
        longest: maximum length of a path in mean edge lengths.
    """
    point_V3 = np.asarray(vertex_V3, np.float64)
    face_F3 = np.asarray(face_F3, np.int64)
    apex_of = _Apexes(face_F3, len(point_V3))
    front = _first_front(point_V3, face_F3)
    limit = longest * float(np.linalg.norm(front.right_W2, axis=1).mean())
    paths = [(front.source_W, front.right_W, np.linalg.norm(front.right_W2, axis=1)),
            (front.source_W, front.left_W, np.linalg.norm(front.left_W2, axis=1))]
    for _ in range(crossed):
        front, seen = _advance(point_V3, apex_of, front, limit)
        paths.append(seen)
    row, column, length = (np.concatenate(parts) for parts in zip(*paths, strict=True))
    return shortest_entries(row, column, length, len(point_V3))


def shortest_entries(row: Int, column: Int, length: Float, size: int) -> csr_matrix:
    """A symmetric sparse matrix (size, size) with the shortest length of each pair, given in any order."""
    low, high = np.minimum(row, column), np.maximum(row, column)
    order = np.lexsort((length, high, low))
    low, high, length = low[order], high[order], length[order]
    first = np.r_[True, (low[1:] != low[:-1]) | (high[1:] != high[:-1])] & (low != high)
    half = coo_matrix((length[first], (low[first], high[first])), shape=(size, size)).tocsr()
    return (half + half.T).tocsr()


class _Apexes:
    """The third corner of the face that holds a directed edge."""

    def __init__(self, face_F3: Int, vertices: int) -> None:
        self._vertices = vertices
        key = (face_F3 * vertices + np.roll(face_F3, -1, axis=1)).ravel()
        order = np.argsort(key)
        self._key, self._apex = key[order], np.roll(face_F3, -2, axis=1).ravel()[order]

    def __call__(self, start_W: Int, end_W: Int) -> Int:
        """The third corner; −1 if no face has the edge (at the mesh's border)."""
        wanted = start_W * self._vertices + end_W
        at = np.minimum(np.searchsorted(self._key, wanted), len(self._key) - 1)
        return np.where(self._key[at] == wanted, self._apex[at], -1)


def _first_front(point_V3: Float, face_F3: Int) -> _Front:
    """The first windows: from each corner of each face through the opposite edge."""
    source, right, left = (np.roll(face_F3, -k, axis=1).ravel() for k in range(3))
    to_right, to_left = point_V3[right] - point_V3[source], point_V3[left] - point_V3[source]
    reach = np.linalg.norm(to_right, axis=1)
    along = (to_left * to_right).sum(axis=1) / reach
    across = np.linalg.norm(np.cross(to_right, to_left), axis=1) / reach
    right_W2, left_W2 = np.stack([reach, np.zeros_like(reach)], 1), np.stack([along, across], 1)
    return _Front(
        source_W=source, right_W=right, left_W=left, right_W2=right_W2, left_W2=left_W2, right_bound_W2=right_W2,
        left_bound_W2=left_W2,
    )


def _advance(
    point_V3: Float, apex_of: _Apexes, front: _Front, longest: float
) -> tuple[_Front, tuple[Int, Int, Float]]:
    """Unfold the next faces. Returns the windows into the faces after them, and the paths to their far corners."""
    apex_W = apex_of(front.left_W, front.right_W)
    inside = apex_W >= 0
    front, apex_W = front.take(inside), apex_W[inside]
    apex_W2 = _unfolded(point_V3, front, apex_W)
    beside_right, beside_left = _turn(front.right_bound_W2, apex_W2), _turn(apex_W2, front.left_bound_W2)
    reach_W = np.linalg.norm(apex_W2, axis=1)
    seen = (beside_right >= 0) & (beside_left >= 0) & (reach_W <= longest)
    path = front.source_W[seen], apex_W[seen], reach_W[seen]
    narrowed_left = np.where((beside_left > 0)[:, None], apex_W2, front.left_bound_W2)
    narrowed_right = np.where((beside_right > 0)[:, None], apex_W2, front.right_bound_W2)
    on_right = _Front(
        source_W=front.source_W, right_W=front.right_W, left_W=apex_W, right_W2=front.right_W2, left_W2=apex_W2,
        right_bound_W2=front.right_bound_W2, left_bound_W2=narrowed_left,
    ).take((beside_right > 0) & (_distance_to(front.right_W2, apex_W2) < longest))
    on_left = _Front(
        source_W=front.source_W, right_W=apex_W, left_W=front.left_W, right_W2=apex_W2, left_W2=front.left_W2,
        right_bound_W2=narrowed_right, left_bound_W2=front.left_bound_W2,
    ).take((beside_left > 0) & (_distance_to(front.left_W2, apex_W2) < longest))
    joined = {
        name: np.concatenate([getattr(on_right, name), getattr(on_left, name)]) for name in _Front.__slots__
    }
    return _Front(**joined), path


def _unfolded(point_V3: Float, front: _Front, apex_W: Int) -> Float:
    """Position of the apex in the source's plane, beyond the window."""
    right_3, left_3, apex_3 = point_V3[front.right_W], point_V3[front.left_W], point_V3[apex_W]
    edge_3, edge_2 = left_3 - right_3, front.left_W2 - front.right_W2
    length = np.linalg.norm(edge_3, axis=1)
    along = ((apex_3 - right_3) * edge_3).sum(axis=1) / length
    across = np.linalg.norm(np.cross(edge_3, apex_3 - right_3), axis=1) / length
    path = edge_2 / length[:, None]
    outward = np.stack([path[:, 1], -path[:, 0]], axis=1)
    return front.right_W2 + along[:, None] * path + across[:, None] * outward


def _turn(from_W2: Float, to_W2: Float) -> Float:
    """Positive if the second direction is counter-clockwise from the first."""
    return from_W2[:, 0] * to_W2[:, 1] - from_W2[:, 1] * to_W2[:, 0]


def _distance_to(start_W2: Float, end_W2: Float) -> Float:
    """Distance from the origin to each segment."""
    edge = end_W2 - start_W2
    share = np.clip(-(start_W2 * edge).sum(1) / np.maximum((edge**2).sum(1), 1e-18), 0, 1)
    return np.linalg.norm(start_W2 + share[:, None] * edge, axis=1)
