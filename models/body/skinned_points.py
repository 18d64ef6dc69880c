"""Points of the open body's skin in a form from which their positions in a reduced pose are computed fast.

With linear blend skinning a point is a sum over the driven bones d: p = Σ G_d·o_d + w_d·x_d. G_d is the rotation of
the bone, x_d the position of its head, and w_d the point's skin weight. The offset o_d is w_d times the vector from the
bone's head to the point in the rest pose. It is linear in the shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F64, Float, Int
from models.body.open_body import load_body
from models.body.reduced_pose import driven_bones


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinnedPoints:
    """N points of the skin; the bones are those of `driven_bones`.

    Attributes:
        weight_DN: skin weights w.
        offset_D3N: offsets o of the mean shape, or of a given shape.
        component_CD3N: derivative of the offsets by each shape score; C = 0 where the shape is given.
    """

    weight_DN: F64
    offset_D3N: F64
    component_CD3N: F64


def points_on_faces(face_N: Int, weight_N3: Float, shape_C: F64 | None = None) -> SkinnedPoints:
    """Points on faces with barycentric weights, as `ChartLookup` finds them for chart, U and V.

    With a given shape their derivatives by the shape are left out, which saves most of the time.
    """
    return _weighted_vertices(load_body().face_F3[face_N], weight_N3, shape_C)


def vertex_points(vertex_N: Int) -> SkinnedPoints:
    """Vertices of the body."""
    return _weighted_vertices(vertex_N[:, None], np.ones((len(vertex_N), 1)))


@cache
def keypoint_points() -> SkinnedPoints:
    """The keypoints of `KEYPOINT_NAMES`."""
    used_of_each = [np.flatnonzero(share_V) for share_V in load_body().keypoint_KV]
    keypoints = [
        _weighted_vertices(used[None], share_V[None, used])
        for used, share_V in zip(used_of_each, load_body().keypoint_KV, strict=True)
    ]
    return joined_points(keypoints)


def joined_points(parts: Sequence[SkinnedPoints]) -> SkinnedPoints:
    """The points of all parts, in order."""
    return SkinnedPoints(
        weight_DN=np.concatenate([points.weight_DN for points in parts], axis=1),
        offset_D3N=np.concatenate([points.offset_D3N for points in parts], axis=2),
        component_CD3N=np.concatenate([points.component_CD3N for points in parts], axis=3),
    )


def points_of_shape(points: SkinnedPoints, shape_C: F64) -> SkinnedPoints:
    """The points of one shape, from points whose shape was free."""
    components = len(shape_C)
    change = shape_C @ points.component_CD3N.reshape(components, -1)
    return SkinnedPoints(
        weight_DN=points.weight_DN, offset_D3N=points.offset_D3N + change.reshape(points.offset_D3N.shape),
        component_CD3N=points.component_CD3N[:0],
    )


def _weighted_vertices(vertex_NK: Int, share_NK: Float, shape_C: F64 | None = None) -> SkinnedPoints:
    """Points that are weighted sums of K vertices each."""
    weight_VD, rest_V3X, head_D3X = _rest_shapes()
    rest_NK3X = rest_V3X[vertex_NK]
    if shape_C is not None:
        scores_X1 = np.concatenate([[1.0], shape_C])[:, None]
        rest_NK3X, head_D3X = rest_NK3X @ scores_X1, head_D3X @ scores_X1
    points, corners = vertex_NK.shape
    weight_NKD = weight_VD[vertex_NK] * np.asarray(share_NK, np.float64)[..., None]
    weight_ND = weight_NKD.sum(axis=1)
    offset_NDY = weight_NKD.transpose(0, 2, 1) @ rest_NK3X.reshape(points, corners, 3 * rest_NK3X.shape[3])
    offset_NDY -= weight_ND[:, :, None] * head_D3X.reshape(len(head_D3X), -1)
    offset_XD3N = np.ascontiguousarray(offset_NDY.reshape(points, *head_D3X.shape).transpose(3, 1, 2, 0))
    return SkinnedPoints(
        weight_DN=np.ascontiguousarray(weight_ND.T), offset_D3N=offset_XD3N[0], component_CD3N=offset_XD3N[1:]
    )


@cache
def _rest_shapes() -> tuple[F64, F64, F64]:
    """Skin weights of the driven bones (V, D); vertices (V, 3, X), heads (D, 3, X) of the mean and the components."""
    body, driven = load_body(), driven_bones()
    weight_VD = np.zeros((len(body.weight_VB), len(driven.bone_D)))
    for bone, carrier in enumerate(driven.carrier_B.tolist()):
        weight_VD[:, carrier] += body.weight_VB[:, bone]
    rest_XV3 = np.concatenate([body.mean_V3[None], body.component_CV3]).astype(np.float64)
    head_XB3 = np.concatenate([body.bone_mean_B3[None], body.bone_component_CB3]).astype(np.float64)
    head_XD3 = head_XB3[:, driven.bone_D]
    return weight_VD, np.ascontiguousarray(rest_XV3.transpose(1, 2, 0)), head_XD3.transpose(1, 2, 0).copy()
