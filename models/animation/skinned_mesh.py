"""The open body's skin for programs that allow four weights and one UV per vertex.

The body's skin is made for its own rest pose, with hanging arms, and has up to nine weights. In a rest pose with level
arms the shoulders would bulge. So the vertices of the rest pose are computed by least squares from poses of the motion.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.animation.rest_poses import RestPose, rest_pose
from models.animation.rig_motion import RigMotion, rig_motion
from models.animation.skeletons import SkeletonName, carrying_joints
from models.arrays import F32, F64, I32, Int
from models.body.body_motion import BodyMotion
from models.body.open_body import OpenBody, bones_over_time, load_body, skin
from models.surface.atlas import portrait_places
from models.surface.mesh_normals import vertex_normals
from models.surface.padding import padded_skin

WEIGHTS = 4
"""Number of joints that move a vertex, as glTF allows."""
FITTED_FRAMES = 24
"""Number of frames, evenly spaced, whose vertices the skin must reproduce."""
STIFFNESS = 0.01
"""Weight of a vertex's position in the body's rest pose, relative to that of one frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkinnedMesh:
    """V vertices (fewer than 65,535) and F faces in the rest pose of a rig, metres.

    Attributes:
        vertex_V3, normal_V3: positions and normals. A vertex of the body with several UV is repeated.
        uv_V2: position in the portrait atlas, 0..1, from the upper left corner.
        joint_V4, weight_V4: indices of the rig's joints, and weights that sum to 1.
        face_F3: corners, counter-clockwise from outside.
        origin_V: index of each vertex in the body.
    """

    vertex_V3: F32
    normal_V3: F32
    uv_V2: F32
    joint_V4: I32
    weight_V4: F32
    face_F3: I32
    origin_V: Int


def skinned_mesh(
    motion: BodyMotion, skeleton: SkeletonName, rest: RestPose, tile_side: int, padding_D4: F32 | None = None
) -> SkinnedMesh:
    """The skin of a body on a skeleton.

    Args:
        motion: the motion whose frames the skin reproduces.
        skeleton, rest: names of the skeleton and of its rest pose.
        tile_side: side of a tile of the texture atlas, pixels.
        padding_D4: what the person wears, see `padded_skin`; None: nothing.
    """
    body, shown = load_body(), np.flatnonzero(motion.shown())
    some = motion.part(shown[np.unique(np.linspace(0, len(shown) - 1, FITTED_FRAMES).astype(int))])
    rig = rig_motion(some, skeleton, rest)
    joint_V4, weight_V4 = strongest_weights(body, rig)
    vertex_V3 = vertices_at_rest(rig, some, joint_V4, weight_V4, padding_D4)
    place_F32 = portrait_places(body.chart_F, body.corner_uv_F32, tile_side)
    corner_uv_F32 = (place_F32 * np.array([1, -1]) + np.array([0, 1])).astype(np.float32)
    corners = np.concatenate(
        [body.face_F3.reshape(-1, 1), np.round(corner_uv_F32.reshape(-1, 2) * 2**16)], axis=1
    ).astype(np.int64)
    _, first, corner = np.unique(corners, axis=0, return_index=True, return_inverse=True)
    origin_V = body.face_F3.reshape(-1)[first]
    return SkinnedMesh(
        vertex_V3=vertex_V3[origin_V], normal_V3=vertex_normals(vertex_V3, body.face_F3)[origin_V],
        uv_V2=corner_uv_F32.reshape(-1, 2)[first], joint_V4=joint_V4[origin_V], weight_V4=weight_V4[origin_V],
        face_F3=corner.reshape(-1, 3).astype(np.int32), origin_V=origin_V,
    )


def vertices_at_rest(
    rig: RigMotion, motion: BodyMotion, joint_V4: I32, weight_V4: F32, padding_D4: F32 | None = None
) -> F32:
    """Vertices (V, 3) in the rest pose with which the skin of four weights is nearest to a motion's skin."""
    body = load_body()
    shape_V3, head_B3 = body.rest(rig.shape_C)
    if padding_D4 is not None:
        shape_V3 = padded_skin(shape_V3, padding_D4)
    stance_V3 = skin(body, shape_V3, head_B3, *rest_pose(body, head_B3, rig.rest)).astype(np.float64)
    turned_TB33, placed_TB3 = bones_over_time(motion.all_rotations(), head_B3, motion.root_T3)
    stiffness = STIFFNESS * len(turned_TB33)
    left_V33, right_V3 = np.tile(stiffness * np.eye(3), (len(stance_V3), 1, 1)), stiffness * stance_V3
    for frame in range(len(turned_TB33)):
        turn_V33, shift_V3 = blended_joints(rig, frame, joint_V4, weight_V4)
        wanted_V3 = skin(body, shape_V3, head_B3, turned_TB33[frame], placed_TB3[frame])
        left_V33 += np.einsum("vji,vjk->vik", turn_V33, turn_V33)
        right_V3 += np.einsum("vji,vj->vi", turn_V33, wanted_V3 - shift_V3)
    return np.linalg.solve(left_V33, right_V3[..., None])[..., 0].astype(np.float32)


def blended_joints(rig: RigMotion, frame: int, joint_V4: I32, weight_V4: F32) -> tuple[F64, F64]:
    """The linear part (V, 3, 3) and the shift (V, 3) of each vertex's transform from the rest pose to a frame."""
    turn_J33 = rig.turn_TJ33[frame].astype(np.float64)
    shift_J3 = rig.place_TJ3[frame] - np.einsum("jik,jk->ji", turn_J33, rig.rest_J3)
    packed_J12 = np.concatenate([turn_J33.reshape(-1, 9), shift_J3], axis=1)
    blended_V12 = np.einsum("vk,vkc->vc", weight_V4, packed_J12[joint_V4])
    return blended_V12[:, :9].reshape(-1, 3, 3), blended_V12[:, 9:]


def strongest_weights(body: OpenBody, rig: RigMotion) -> tuple[I32, F32]:
    """The four joints (V, 4) that move each vertex of the body most, and their weights (V, 4), which sum to 1."""
    weight_VJ = np.zeros((len(body.weight_VB), len(rig.joints)), np.float32)
    np.add.at(weight_VJ.T, np.array(carrying_joints(rig.skeleton)), body.weight_VB.T)
    joint_V4 = np.argsort(-weight_VJ, axis=1, kind="stable")[:, :WEIGHTS].astype(np.int32)
    weight_V4 = np.take_along_axis(weight_VJ, joint_V4, axis=1)
    joint_V4[weight_V4 == 0] = 0
    return joint_V4, weight_V4 / weight_V4.sum(axis=1, keepdims=True)
