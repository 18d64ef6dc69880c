"""Positions of the bones and soles of the open body in all frames of a motion."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, F64, Index
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, load_body
from models.time_steps import frame_steps

PATCHES = ("heel.L", "ball.L", "heel.R", "ball.R")
"""Parts of the soles, in order. The ball's part includes the toes."""
SOLE_HEIGHT = 0.015
"""Metres above the floor. In the rest pose, skin of the foot below this height belongs to the sole."""
HEEL_END, BALL_START = -0.005, 0.095
"""Metres in front of the ankle, in the rest pose: end of the heel's part, and start of the ball's part."""
POINTS_A_PATCH = 24
"""Number of vertices of each part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Soles:
    """Skin vertices of the soles.

    Attributes:
        vertex_PS: S vertices of each of the `PATCHES`.
        bones: bones that move them.
        weight_PSK: skin weights of these bones; sums over the bones are 1.
    """

    vertex_PS: Index
    bones: Index
    weight_PSK: F32


@cache
def soles() -> Soles:
    """The soles of the open body, as evenly spread vertices. The right sole is the mirror image of the left."""
    body = load_body()
    ankle_z = float(body.bone_mean_B3[body.bone("foot.L"), 2])
    moving = [b for b, name in enumerate(body.bones) if name.startswith(("foot", "toe")) and name.endswith(".L")]
    on_foot = (body.weight_VB[:, moving].sum(axis=1) > 0.9) & (body.mean_V3[:, 1] < SOLE_HEIGHT)
    ahead_V = body.mean_V3[:, 2] - ankle_z
    left = [_spread(np.flatnonzero(on_foot & part)) for part in (ahead_V < HEEL_END, ahead_V > BALL_START)]
    vertex_PS = np.stack([*left, *(body.twin_V[vertex_S] for vertex_S in left)])
    bones = np.flatnonzero((body.weight_VB[vertex_PS.ravel()] > 0).any(axis=0))
    weight_PSK = body.weight_VB[vertex_PS][..., bones]
    return Soles(vertex_PS=vertex_PS, bones=bones, weight_PSK=weight_PSK / weight_PSK.sum(axis=2, keepdims=True))


def _spread(vertices: Index) -> Index:
    """`POINTS_A_PATCH` of the vertices: each one is the farthest from those before it."""
    point_N3 = load_body().mean_V3[vertices]
    chosen, distance_N = [0], np.linalg.norm(point_N3 - point_N3[0], axis=1)
    while len(chosen) < POINTS_A_PATCH:
        chosen.append(int(distance_N.argmax()))
        distance_N = np.minimum(distance_N, np.linalg.norm(point_N3 - point_N3[chosen[-1]], axis=1))
    return vertices[chosen]


def soles_over_time(shape_C: F32, turned_TB33: F64, placed_TB3: F64) -> F64:
    """Positions (T, P, S, 3) of the vertices of `soles()`, from rotations and positions of all bones."""
    sole = soles()
    vertex_V3, head_B3 = load_body().rest(shape_C)
    rest_PS3 = vertex_V3[sole.vertex_PS]
    point_T3N = np.zeros((len(turned_TB33), 3, rest_PS3.shape[0] * rest_PS3.shape[1]))
    for k, b in enumerate(sole.bones.tolist()):
        weight_N = sole.weight_PSK[:, :, k].ravel()
        moved_N = np.flatnonzero(weight_N)
        arm_3M = ((rest_PS3 - head_B3[b]).reshape(-1, 3)[moved_N] * weight_N[moved_N, None]).T.astype(np.float64)
        point_T3N[:, :, moved_N] += turned_TB33[:, b] @ arm_3M + placed_TB3[:, b, :, None] * weight_N[moved_N]
    return point_T3N.swapaxes(1, 2).reshape(-1, *rest_PS3.shape)


def motion_bones(motion: BodyMotion, bones: Index | None = None) -> tuple[F64, F64]:
    """Global rotations (T, B, 3, 3) and positions (T, B, 3) of all bones of a motion, or of a part of a long one.

    `bones`: only these bones, and all above them, are computed; None computes all.
    """
    head_B3 = load_body().rest(motion.shape_C)[1]
    return bones_over_time(motion.all_rotations().astype(np.float64), head_B3, motion.root_T3, bones)


def sole_centres(motion: BodyMotion) -> F64:
    """Centres of the `PATCHES` of a motion (T, P, 3)."""
    return np.concatenate(
        [soles_over_time(motion.shape_C, *motion_bones(part, soles().bones)).mean(axis=2) for part in motion.parts()]
    )


def motion_frame_rate(motion: BodyMotion) -> float:
    """Frames per second, see `models.time_steps.frame_steps`."""
    return 1 / frame_steps(motion.second_T).seconds
