"""Points of the open body's skin, prepared for reduced poses.

Under linear blend skinning a point is a sum over the driven bones d: p = Σ G_d·o_d + w_d·x_d. G_d is the rotation of
the bone and x_d the place of its head. w_d is the point's skin weight. o_d is w_d times the point at rest, relative to
the bone's head at rest; it is linear in the shape.
"""

from __future__ import annotations

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
        weight_ND: skin weights w.
        mean_ND3: offsets o of the mean shape.
        component_CND3: their change with each score of the shape.
    """

    weight_ND: F64
    mean_ND3: F64
    component_CND3: F64


def points_on_faces(face_N: Int, weight_N3: Float) -> SkinnedPoints:
    """Points on faces with barycentric weights, as `ChartLookup` finds them for chart, U and V."""
    return _weighted_vertices(load_body().face_F3[face_N], weight_N3)


def vertex_points(vertex_N: Int) -> SkinnedPoints:
    """Vertices of the body."""
    return _weighted_vertices(vertex_N[:, None], np.ones((len(vertex_N), 1)))


@cache
def keypoint_points() -> SkinnedPoints:
    """The keypoints of `KEYPOINT_NAMES`."""
    used_each = [np.flatnonzero(share_V) for share_V in load_body().keypoint_KV]
    each = [
        _weighted_vertices(used[None], share_V[None, used])
        for used, share_V in zip(used_each, load_body().keypoint_KV, strict=True)
    ]
    return SkinnedPoints(
        weight_ND=np.concatenate([one.weight_ND for one in each]),
        mean_ND3=np.concatenate([one.mean_ND3 for one in each]),
        component_CND3=np.concatenate([one.component_CND3 for one in each], axis=1),
    )


def _weighted_vertices(vertex_NK: Int, share_NK: Float) -> SkinnedPoints:
    """Points that are weighted sums of K vertices each."""
    weight_VD, rest_VX, head_DX = _rest_shapes()
    weight_NKD = weight_VD[vertex_NK] * np.asarray(share_NK, np.float64)[..., None]
    weight_ND = weight_NKD.sum(axis=1)
    offset_NDX = np.matmul(weight_NKD.transpose(0, 2, 1), rest_VX[vertex_NK]) - weight_ND[:, :, None] * head_DX
    offset_NDX3 = offset_NDX.reshape(*weight_ND.shape, head_DX.shape[1] // 3, 3)
    offset_XND3 = np.ascontiguousarray(offset_NDX3.transpose(2, 0, 1, 3))
    return SkinnedPoints(weight_ND=weight_ND, mean_ND3=offset_XND3[0], component_CND3=offset_XND3[1:])


@cache
def _rest_shapes() -> tuple[F64, F64, F64]:
    """Skin weights of the driven bones (V, D); vertices (V, X) and heads (D, X) of the mean and of all components."""
    body, driven = load_body(), driven_bones()
    weight_VD = np.zeros((len(body.weight_VB), len(driven.bone_D)))
    for bone, carrier in enumerate(driven.carrier_B.tolist()):
        weight_VD[:, carrier] += body.weight_VB[:, bone]
    rest_XV3 = np.concatenate([body.mean_V3[None], body.component_CV3]).astype(np.float64)
    head_XB3 = np.concatenate([body.bone_mean_B3[None], body.bone_component_CB3]).astype(np.float64)
    head_XD3 = head_XB3[:, driven.bone_D]
    return (
        weight_VD, rest_XV3.transpose(1, 0, 2).reshape(len(weight_VD), -1),
        head_XD3.transpose(1, 0, 2).reshape(len(driven.bone_D), -1),
    )
