"""The mean body in rest pose: positions, normals, and where each vertex lies along the limbs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from models.arrays import F32, Float
from models.body.open_body import load_body
from models.surface.mesh_normals import vertex_normals


@cache
def mean_rest() -> F32:
    """Vertices of the mean body in rest pose (V, 3), metres, feet on the floor."""
    body = load_body()
    return body.rest(np.zeros(len(body.component_CV3), np.float32))[0]


@cache
def rest_normals() -> F32:
    """Vertex normals of the mean body."""
    return vertex_normals(mean_rest(), load_body().face_F3)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestBody:
    """The mean rest body, and fields on its vertices.

    Attributes:
        point_V3: positions, metres.
        normal_V3: outward unit normals.
        arm_V, leg_V: position along the limb: 0 at shoulder or hip, 1 at elbow or knee, 2 at wrist or ankle, above 2
            beyond; −1 on the rest of the body.
        head_V: 1 on the charts of the head, else 0.
    """

    point_V3: F32
    normal_V3: F32
    arm_V: F32
    leg_V: F32
    head_V: F32


@cache
def rest_body() -> RestBody:
    """The mean rest body, computed once."""
    body = load_body()
    point = mean_rest()
    head = {name: body.bone_mean_B3[b] - [0, float(body.mean_V3[:, 1].min()), 0] for b, name in enumerate(body.bones)}
    side = np.abs(point) * [1, 0, 0] + point * [0, 1, 1]
    arm = _position_along(side, [head[n] for n in ("upperarm01.L", "lowerarm01.L", "wrist.L", "finger3-3.L")])
    leg = _position_along(side, [head[n] for n in ("upperleg01.L", "lowerleg01.L", "foot.L", "toe3-3.L")])
    weight = body.weight_VB
    of_arm = weight[:, _bones("upperarm", "lowerarm", "wrist", "finger", "metacarpal")].sum(axis=1)
    of_leg = weight[:, _bones("upperleg", "lowerleg", "foot", "toe")].sum(axis=1)
    head_V = np.zeros(len(point), np.float32)
    head_V[np.unique(body.face_F3[body.chart_F >= 23])] = 1
    return RestBody(
        point_V3=point, normal_V3=rest_normals(), arm_V=np.where(of_arm > 0.3, arm, -1).astype(np.float32),
        leg_V=np.where(of_leg > 0.3, leg, -1).astype(np.float32), head_V=head_V,
    )


def _bones(*starts: str) -> list[int]:
    return [b for b, name in enumerate(load_body().bones) if name.startswith(starts)]


def _position_along(point_V3: Float, joints: list[Float]) -> F32:
    """Position along a chain of joints: integers at the joints."""
    best = np.full(len(point_V3), np.inf)
    value = np.zeros(len(point_V3))
    for k, (a, b) in enumerate(pairwise(joints)):
        share = (point_V3 - a) @ (b - a) / ((b - a) @ (b - a))
        low, high = (-1.0 if k == 0 else 0.0), (2.0 if k == len(joints) - 2 else 1.0)
        share = np.clip(share, low, high)
        apart = np.linalg.norm(point_V3 - a - share[:, None] * (b - a), axis=1)
        value = np.where(apart < best, k + share, value)
        best = np.minimum(best, apart)
    return value.astype(np.float32)
