"""A posed open body, and its vertices, keypoints and bones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, Index
from models.body.open_body import blend_transforms, bone_transforms, forward_kinematics, load_body


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPose:
    """The pose, place and shape of one person.

    Attributes:
        rotation_B33: rotation of each bone relative to its parent, in the body's rest axes (x = the person's left,
            y = up, z = front), as `forward_kinematics` takes it. The root's takes the rest axes into the frame in which
            `root_3` stands: the camera's (x right, y down, z forward), unless said otherwise.
        root_3: place of the root bone's head, metres.
        shape_C: scores of the shape's components.
    """

    rotation_B33: F32
    root_3: F32
    shape_C: F32


def posed_vertices(pose: BodyPose) -> F32:
    """All vertices (V, 3) in the frame of the pose, metres."""
    body = load_body()
    vertex_V3, _ = body.rest(pose.shape_C)
    return _moved(pose, body.weight_VB, vertex_V3)


def posed_keypoints(pose: BodyPose) -> F32:
    """The keypoints (J, 3) of `KEYPOINT_NAMES` in the frame of the pose, metres."""
    used_U, weight_JU, weight_UB = _keypoint_vertices()
    vertex_V3, _ = load_body().rest(pose.shape_C)
    return weight_JU @ _moved(pose, weight_UB, vertex_V3[used_U])


def posed_bones(pose: BodyPose) -> tuple[F32, F32]:
    """Rotations (B, 3, 3) and places of the heads (B, 3) of all bones in the frame of the pose."""
    body = load_body()
    _, head_B3 = body.rest(pose.shape_C)
    return forward_kinematics(body, head_B3, pose.rotation_B33, pose.root_3)


def _moved(pose: BodyPose, weight_NB: F32, rest_N3: F32) -> F32:
    """Points of the rest pose, moved by linear blend skinning."""
    _, head_B3 = load_body().rest(pose.shape_C)
    blended_N34 = blend_transforms(weight_NB, bone_transforms(head_B3, *posed_bones(pose)))
    return np.einsum("nij,nj->ni", blended_N34[:, :, :3], rest_N3) + blended_N34[:, :, 3]


@cache
def _keypoint_vertices() -> tuple[Index, F32, F32]:
    """The U vertices from which keypoints are computed, their shares (J, U), and their skin weights (U, B)."""
    body = load_body()
    used_U = np.flatnonzero((body.keypoint_KV != 0).any(axis=0))
    return used_U, np.ascontiguousarray(body.keypoint_KV[:, used_U]), body.weight_VB[used_U]
