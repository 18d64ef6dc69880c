"""A posed open body, and its vertices, keypoints and bones."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, Index
from models.body.open_body import blend_transforms, bone_transforms, forward_kinematics, load_body


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyPose:
    """The pose, position and shape of one person.

    Attributes:
        rotation_B33: rotation of each bone relative to its parent, in the body's rest axes (x = the person's left,
            y = up, z = front), as `forward_kinematics` takes it. The rotation of the root is from the rest axes to the
            frame of `root_3`: the camera's (x right, y down, z forward), unless a function says otherwise.
        root_3: position of the root bone's head, metres.
        shape_C: scores of the shape's components.
    """

    rotation_B33: F32
    root_3: F32
    shape_C: F32


def posed_vertices(pose: BodyPose) -> F32:
    """All vertices (V, 3) in the frame of the pose, metres."""
    body = load_body()
    vertex_V3, head_B3 = body.rest(pose.shape_C)
    return _moved(pose, head_B3, body.weight_VB, vertex_V3)


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeVertices:
    """N of the vertices: their mean, shape components and skin weights at rest."""

    mean_N3: F32
    component_CN3: F32
    weight_NB: F32

    @classmethod
    def of(cls, vertex_N: Index) -> SomeVertices:
        """The vertices with these numbers."""
        body = load_body()
        return cls(
            mean_N3=body.mean_V3[vertex_N], component_CN3=np.ascontiguousarray(body.component_CV3[:, vertex_N]),
            weight_NB=body.weight_VB[vertex_N],
        )  # fmt: skip

    def posed(self, pose: BodyPose) -> F32:
        """Their places (N, 3) in the frame of the pose, metres."""
        body = load_body()
        rest_N3 = self.mean_N3 + np.tensordot(pose.shape_C, self.component_CN3, axes=1)
        head_B3 = body.bone_mean_B3 + np.tensordot(pose.shape_C, body.bone_component_CB3, axes=1)
        return _moved(pose, head_B3, self.weight_NB, rest_N3)


def posed_keypoints(pose: BodyPose) -> F32:
    """The keypoints (J, 3) of `KEYPOINT_NAMES` in the frame of the pose, metres."""
    body, used = load_body(), _keypoint_vertices()
    vertex_U3 = used.mean_U3 + np.tensordot(pose.shape_C, used.component_CU3, axes=1)
    head_B3 = body.bone_mean_B3 + np.tensordot(pose.shape_C, body.bone_component_CB3, axes=1)
    return used.share_JU @ _moved(pose, head_B3, used.weight_UB, vertex_U3)


def posed_bones(pose: BodyPose) -> tuple[F32, F32]:
    """Rotations (B, 3, 3) and positions of the heads (B, 3) of all bones in the frame of the pose."""
    body = load_body()
    head_B3 = body.bone_mean_B3 + np.tensordot(pose.shape_C, body.bone_component_CB3, axes=1)
    return forward_kinematics(body, head_B3, pose.rotation_B33, pose.root_3)


def _moved(pose: BodyPose, head_B3: F32, weight_NB: F32, rest_N3: F32) -> F32:
    """Points of the rest pose after linear blend skinning. `head_B3`: heads of the bones in the rest pose."""
    posed = forward_kinematics(load_body(), head_B3, pose.rotation_B33, pose.root_3)
    blended_N34 = blend_transforms(weight_NB, bone_transforms(head_B3, *posed))
    return np.einsum("nij,nj->ni", blended_N34[:, :, :3], rest_N3) + blended_N34[:, :, 3]


@dataclass(frozen=True, slots=True, kw_only=True)
class _KeypointVertices:
    """The U vertices from which keypoints are computed: shares, skin weights, mean and components of the rest shape."""

    share_JU: F32
    weight_UB: F32
    mean_U3: F32
    component_CU3: F32


@cache
def _keypoint_vertices() -> _KeypointVertices:
    body = load_body()
    used_U = np.flatnonzero((body.keypoint_KV != 0).any(axis=0))
    return _KeypointVertices(
        share_JU=np.ascontiguousarray(body.keypoint_KV[:, used_U]), weight_UB=body.weight_VB[used_U],
        mean_U3=body.mean_V3[used_U], component_CU3=np.ascontiguousarray(body.component_CV3[:, used_U]),
    )
