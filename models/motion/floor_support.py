"""How well a floor explains the postures of a body: it rests on the floor, and the floor stays at one height.

A body at rest does not roll: its center of mass is as low above its lowest point as it can be, among floors that are
tilted a little. This holds for any posture, on any part of the body. And whatever part touches the floor, it does so at
the same height in all frames of a still camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np

from models.arrays import F64, Index
from models.body.body_motion import BodyMotion
from models.body.open_body import load_body
from models.motion.soles import motion_bones

POINTS, FRAMES = 64, 48
"""Number of points of the skin of which one touches the floor, and maximum number of frames that are used."""
MAX_DROP_M, MAX_CHANGE_M = 0.05, 0.1
"""Larger differences count as these, metres: nobody is at rest while jumping or falling."""
MASS_SHARES: Mapping[str, float] = {
    "root": 0.14, "spine03": 0.16, "spine01": 0.17, "head": 0.08, "upperleg02": 0.10, "lowerleg02": 0.045,
    "foot": 0.015, "upperarm02": 0.028, "lowerarm02": 0.022, "wrist": 0.01,
}  # fmt: skip
"""Share of the body's mass at the head of each bone, after Winter (2009), table 4.1; of a limb, on each side."""


def support_points(motion: BodyMotion) -> tuple[F64, F64]:
    """Points of the skin (T, P, 3) and the center of mass (T, 3), metres, in at most `FRAMES` frames with the person.

    Args:
        motion: the motion of one person.
    """
    shown = np.flatnonzero(motion.shown())
    frames = shown[np.unique(np.linspace(0, len(shown) - 1, FRAMES).astype(int))] if len(shown) else shown
    turned_TB33, placed_TB3 = motion_bones(motion.part(frames))
    vertex_V3, head_B3 = load_body().rest(motion.shape_C)
    vertex_P = _outline()
    weight_PB = load_body().weight_VB[vertex_P]
    point_TP3 = np.zeros((len(frames), len(vertex_P), 3))
    for b in np.flatnonzero(weight_PB.any(axis=0)).tolist():
        moved_P = np.flatnonzero(weight_PB[:, b])
        arm_P3 = vertex_V3[vertex_P[moved_P]] - head_B3[b]
        moved_TP3 = arm_P3 @ turned_TB33[:, b].swapaxes(1, 2) + placed_TB3[:, b, None]
        point_TP3[:, moved_P] += weight_PB[moved_P, b, None] * moved_TP3
    return point_TP3, np.einsum("b,tbi->ti", _masses(), placed_TB3)


def floor_errors(support: tuple[F64, F64], up_G3: F64, near_GN: Index) -> F64:
    """Metres (G,) by which a floor across each up direction does not explain a motion.

    The sum of two: how much lower the center of mass would be above a floor that is tilted a little, and the mean
    change of the height of the lowest point.

    Args:
        support: as `support_points` gives them.
        up_G3: unit directions.
        near_GN: for each direction the indices of some directions nearby.
    """
    point_TP3, center_T3 = support
    if not len(center_T3):
        return np.zeros(len(up_G3))
    low_TG = np.stack([(point_P3 @ up_G3.T).min(axis=0) for point_P3 in point_TP3])
    height_G = (center_T3 @ up_G3.T - low_TG).mean(axis=0)
    unstable_G = np.minimum(height_G - height_G[near_GN].min(axis=1), MAX_DROP_M)
    uneven_G = np.minimum(np.abs(low_TG - np.median(low_TG, axis=0)).mean(axis=0), MAX_CHANGE_M)
    return np.asarray(unstable_G + uneven_G)


@cache
def _outline() -> Index:
    """`POINTS` vertices of the skin: each is the farthest from those before it."""
    body = load_body()
    vertex_N = np.unique(body.face_F3[~body.eye_F])
    point_N3, chosen = body.mean_V3[vertex_N], [0]
    distance_N = np.linalg.norm(point_N3 - point_N3[0], axis=1)
    while len(chosen) < POINTS:
        chosen.append(int(distance_N.argmax()))
        distance_N = np.minimum(distance_N, np.linalg.norm(point_N3 - point_N3[chosen[-1]], axis=1))
    outline_P: Index = vertex_N[chosen].astype(np.intp)
    return outline_P


@cache
def _masses() -> F64:
    """The share of the mass at each bone (B,)."""
    body = load_body()
    mass_B = np.array([MASS_SHARES.get(name.removesuffix(".L").removesuffix(".R"), 0.0) for name in body.bones])
    return mass_B / mass_B.sum()
