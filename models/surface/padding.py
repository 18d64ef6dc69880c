"""Padding: how far clothes, hair and shoes stand out from the open body. It moves the skin and leaves the joints."""

from __future__ import annotations

from functools import cache

import numpy as np

from models.arrays import F32
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.body.reduced_pose import driven_bones, driven_weights
from models.surface.mesh_normals import vertex_normals

HAIR_FRONT, HAIR_BACK = (0.07, 0.0), (-0.1, -0.125)
"""How far the ends of the hair, at the forehead and at the neck, are above and in front of the middle between eyes and
ears, metres of the mean body."""
HAIR_EDGE, SHOE = 0.04, 0.04
"""Metres over which the padding begins: behind the line between these ends, and above the floor."""


def padded_skin(rest_V3: F32, padding_D4: F32) -> F32:
    """The vertices (V, 3) of a body in its rest pose with padding, metres.

    Args:
        rest_V3: the vertices without padding.
        padding_D4: for each driven bone the thickness along `outward`, and a shift in the bone's axes. All are shares
            of the body's height.
    """
    padding_V4 = float(np.ptp(rest_V3[:, 1])) * (driven_weights() @ padding_D4)
    return (rest_V3 + padding_shares() * (padding_V4[:, :1] * outward(rest_V3) + padding_V4[:, 1:])).astype(np.float32)


def outward(rest_V3: F32) -> F32:
    """The direction (V, 3) in which clothes are on each vertex of a rest pose: its normal, and of heads, whose ears
    would be torn, away from the middle between the ears."""
    body = load_body()
    at = dict(zip(KEYPOINT_NAMES, body.keypoint_KV @ rest_V3, strict=True))
    away_V3 = rest_V3 - (at["left_ear"] + at["right_ear"]) / 2
    away_V3 /= np.maximum(np.linalg.norm(away_V3, axis=1, keepdims=True), 1e-6)
    head_V1 = _moved_by("neck", "head")[:, None]
    return (head_V1 * away_V3 + (1 - head_V1) * vertex_normals(rest_V3, body.face_F3)).astype(np.float32)


@cache
def padding_shares() -> F32:
    """The part (V, 3) of the padding that moves each vertex along the axes of the rest pose.

    Faces and necks stay; hair and hats stand out. Soles stay at the height of the floor; shoes are wider and longer.
    """
    body = load_body()
    rest_V3, _ = body.rest(np.zeros(len(body.component_CV3), np.float32))
    at = dict(zip(KEYPOINT_NAMES, body.keypoint_KV @ rest_V3, strict=True))
    middle_2 = (at["left_eye"] + at["left_ear"])[1:] / 2
    back_2, (rise, run) = middle_2 + HAIR_BACK, np.subtract(HAIR_FRONT, HAIR_BACK)
    behind_V = (rest_V3[:, 1:] - back_2) @ (run, -rise) / np.hypot(run, rise)
    part_V3 = np.repeat(1 - _moved_by("neck", "head") * (1 - (behind_V / HAIR_EDGE).clip(0, 1)), 3).reshape(-1, 3)
    part_V3[:, 1] *= 1 - _moved_by("foot") * (1 - (rest_V3[:, 1] / SHOE).clip(0, 1))
    return part_V3.astype(np.float32)


def _moved_by(*names: str) -> F32:
    """The part (V,) of each vertex that moves with driven bones whose names begin with one of `names`."""
    chosen_D = [load_body().bones[bone].startswith(names) for bone in driven_bones().bone_D.tolist()]
    return driven_weights()[:, chosen_D].sum(axis=1)
