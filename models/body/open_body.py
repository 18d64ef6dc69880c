"""The open body: shape, skeleton and skinning. It is read from `open_body.npz`, which `tools/bake_body.py` writes.

Axes: x = the person's left, y = up, z = front; metres. In the rest pose the soles are at y = 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import F32, F64, I32, U8, Bool, Float, Index
from models.body.charts import MIRROR_CHART, mirror_uv, mirrored_name
from models.errors import ModelError

BODY_FILE = Path(__file__).with_name("open_body.npz")
FORMAT = 1

KEYPOINT_NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle", "left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel",
)
"""COCO's 17 keypoints in order, then six of the feet."""
COCO_KEYPOINTS = KEYPOINT_NAMES[:17]
MIRROR_KEYPOINT = [KEYPOINT_NAMES.index(mirrored_name(name)) for name in KEYPOINT_NAMES]
"""Index of the keypoint on the other side, for each keypoint."""
MIRROR_JOINT = MIRROR_KEYPOINT[: len(COCO_KEYPOINTS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBody:
    """The baked body: V vertices, F faces, B bones, C shape components, K keypoints, S sampled shapes.

    Attributes:
        mean_V3, component_CV3: rest shape = mean + scores · components; scores have about unit variance.
        bone_mean_B3, bone_component_CB3: the same for the bones' heads.
        bones, parent_B: names and parents (−1: none; parents come first).
        weight_VB: skin weights; rows sum to 1.
        face_F3: corners, counter-clockwise from outside.
        chart_F: 1..24.
        corner_uv_F32: U, V at each face's corners; a vertex has several UV at chart borders and seams.
        eye_F: faces of the eyeballs (in the head's charts).
        twin_V, twin_F, twin_B: mirror image of each vertex, face and bone; corner k of a face mirrors corner 2 − k of
            its twin.
        keypoint_KV: regressors of `KEYPOINT_NAMES` from vertices.
        score_SC, phenotype_SP, phenotypes: scores and phenotypes of samples (gender: 0 male, 1 female; age: adult from
            0.6).
    """

    mean_V3: F32
    component_CV3: F32
    bone_mean_B3: F32
    bone_component_CB3: F32
    bones: tuple[str, ...]
    parent_B: I32
    weight_VB: F32
    face_F3: I32
    chart_F: U8
    corner_uv_F32: F32
    eye_F: Bool
    twin_V: I32
    twin_F: I32
    twin_B: I32
    keypoint_KV: F32
    score_SC: F32
    phenotype_SP: F32
    phenotypes: tuple[str, ...]

    def rest(self, score_C: F32) -> tuple[F32, F32]:
        """Rest vertices (V, 3) and bone heads (B, 3) of a shape, with the soles at y = 0."""
        vertex = self.mean_V3 + np.einsum("c,cvi->vi", np.asarray(score_C, np.float32), self.component_CV3)
        head = self.bone_mean_B3 + np.tensordot(score_C, self.bone_component_CB3, axes=1)
        floor = np.array([0, vertex[:, 1].min(), 0], np.float32)
        return vertex - floor, (head - floor).astype(np.float32)

    def bone(self, name: str) -> int:
        """Index of a bone by name."""
        return self.bones.index(name)


def forward_kinematics(body: OpenBody, head_B3: F32, rotation_B33: F32, root_3: F32) -> tuple[F32, F32]:
    """Global rotations (B, 3, 3) and positions (B, 3) of all bones.

    Args:
        rotation_B33: rotation of each bone relative to its parent, in the body's rest axes (identity: rest pose).
        root_3: position of the root's head.
    """
    rotation = np.empty_like(rotation_B33)
    position = np.empty_like(head_B3)
    for b, parent in enumerate(body.parent_B.tolist()):
        if parent < 0:
            rotation[b], position[b] = rotation_B33[b], root_3
        else:
            rotation[b] = rotation[parent] @ rotation_B33[b]
            position[b] = position[parent] + rotation[parent] @ (head_B3[b] - head_B3[parent])
    return rotation, position


def bones_over_time(
    rotation_TB33: Float, head_B3: Float, root_T3: Float, bones: Index | None = None
) -> tuple[F64, F64]:
    """Global rotations (T, B, 3, 3) and positions (T, B, 3) of all bones, as `forward_kinematics` of each frame.

    `bones`: only these bones, and all above them, are computed; the others are 0. None computes all.
    """
    turned_TB33 = np.zeros(rotation_TB33.shape)
    placed_TB3 = np.zeros((*rotation_TB33.shape[:2], 3))
    needed = range(rotation_TB33.shape[1]) if bones is None else _with_bones_above(bones)
    for b in needed:
        parent = int(load_body().parent_B[b])
        if parent < 0:
            turned_TB33[:, b], placed_TB3[:, b] = rotation_TB33[:, b], root_T3
        else:
            turned_TB33[:, b] = turned_TB33[:, parent] @ rotation_TB33[:, b]
            placed_TB3[:, b] = placed_TB3[:, parent] + turned_TB33[:, parent] @ (head_B3[b] - head_B3[parent])
    return turned_TB33, placed_TB3


def _with_bones_above(bones: Index) -> list[int]:
    """Bones and all bones above them, parents first."""
    needed, parent_B = set[int](), load_body().parent_B.tolist()
    for bone in bones.tolist():
        while bone >= 0:
            needed.add(bone)
            bone = parent_B[bone]
    return sorted(needed)


def skin(body: OpenBody, vertex_V3: F32, head_B3: F32, global_B33: F32, position_B3: F32) -> F32:
    """Linear blend skinning: posed vertices (V, 3)."""
    blended_V34 = blended(body, head_B3, global_B33, position_B3)
    return np.einsum("vij,vj->vi", blended_V34[:, :, :3], vertex_V3) + blended_V34[:, :, 3]


def blended(body: OpenBody, head_B3: F32, global_B33: F32, position_B3: F32) -> F32:
    """Blended bone transforms of each vertex (V, 3, 4): a linear part, which also transforms normals, and a shift."""
    return blend_transforms(body.weight_VB, bone_transforms(head_B3, global_B33, position_B3))


def bone_transforms(head_B3: F32, global_B33: F32, position_B3: F32) -> F32:
    """The transform of each bone from rest to pose (B, 12): three rows of a linear part and a shift."""
    shift = position_B3 - np.einsum("bij,bj->bi", global_B33, head_B3)
    return np.concatenate([global_B33, shift[:, :, None]], axis=2).reshape(len(shift), 12).astype(np.float32)


def blend_transforms(weight_VB: F32, transform_B12: F32) -> F32:
    """Transforms of bones blended by skin weights (V, 3, 4).

    The product is computed in blocks so small that the linear algebra library uses no threads. With threads it is much
    slower on a busy machine.
    """
    result = np.empty((len(weight_VB), 12), np.float32)
    for start in range(0, len(weight_VB), 200):
        np.matmul(weight_VB[start : start + 200], transform_B12, out=result[start : start + 200])
    return result.reshape(-1, 3, 4)


@cache
def load_body() -> OpenBody:
    """The body of this repository, read once. Raises ModelError if the file is missing or has another format."""
    return read_body(BODY_FILE)


def read_body(path: Path) -> OpenBody:
    """Read a body from a file. Raises ModelError naming the file."""
    try:
        with np.load(path) as data:
            arrays = {key: data[key] for key in data.files}
    except (OSError, ValueError) as error:
        remedy = "create it: python -m tools.bake_body"
        raise ModelError("the open body cannot be read", str(path), remedy) from error
    if int(arrays.get("format", -1)) != FORMAT:
        remedy = "create it: python -m tools.bake_body"
        raise ModelError(f"the open body's format is not {FORMAT}", str(path), remedy)
    return _whole(arrays)


def _whole(half: Mapping[str, Any]) -> OpenBody:
    """Left half and its mirror image. Both share the vertices in the middle, whose x is exactly 0."""
    middle = np.abs(half["mean_V3"][:, 0]) < 1e-6
    left = len(middle)
    twin_of_left = np.where(middle, np.arange(left), left + np.cumsum(~middle) - 1)
    bones = tuple(str(name) for name in half["bones"])
    twin_B = np.array([bones.index(_other_side(name)) for name in bones], np.int32)
    face, chart, uv = half["face_F3"].astype(np.int32), half["chart_F"], half["corner_uv_F32"]
    u, v = mirror_uv(np.repeat(chart[:, None], 3, axis=1), uv[..., 0], uv[..., 1])
    faces = len(face)
    weight = np.zeros((left, len(bones)), np.float32)
    np.add.at(weight, (np.arange(left)[:, None], half["bone_V9"]), half["weight_V9"].astype(np.float32))
    weight /= weight.sum(axis=1, keepdims=True)
    return OpenBody(
        mean_V3=_both(half["mean_V3"].astype(np.float32), middle),
        component_CV3=np.stack([_both(c.astype(np.float32), middle) for c in half["component_CV3"]]),
        bone_mean_B3=half["bone_mean_B3"], bone_component_CB3=half["bone_component_CB3"],
        bones=bones, parent_B=half["parent_B"].astype(np.int32),
        weight_VB=np.concatenate([weight, weight[~middle][:, twin_B]]),
        face_F3=np.concatenate([face, twin_of_left[face][:, ::-1]]).astype(np.int32),
        chart_F=np.concatenate([chart, MIRROR_CHART[chart]]),
        corner_uv_F32=np.concatenate([uv, np.stack([u, v], axis=-1)[:, ::-1]]).astype(np.float32),
        eye_F=np.tile(half["eye_F"], 2),
        twin_V=np.concatenate([twin_of_left, np.flatnonzero(~middle)]).astype(np.int32),
        twin_F=np.concatenate([np.arange(faces) + faces, np.arange(faces)]).astype(np.int32), twin_B=twin_B,
        keypoint_KV=_keypoints(half, middle), score_SC=half["score_SC"].astype(np.float32),
        phenotype_SP=half["phenotype_SP"].astype(np.float32), phenotypes=tuple(str(p) for p in half["phenotypes"]),
    )


def _both(left_V3: F32, middle: Bool) -> F32:
    left = left_V3.copy()
    left[middle, 0] = 0
    return np.concatenate([left, left[~middle] * np.array([-1, 1, 1], np.float32)])


def _keypoints(half: Mapping[str, Any], middle: Bool) -> F32:
    """Symmetric regressors over both halves: each right joint is the mirror image of the left one."""
    near, far = half["keypoint_near_KV"].astype(np.float32), half["keypoint_far_KV"].astype(np.float32)
    full = np.concatenate([near, far[:, ~middle]], axis=1)
    flipped = np.concatenate([np.where(middle, near, far), near[:, ~middle]], axis=1)
    mean = (full + flipped[MIRROR_KEYPOINT]) / 2
    return mean / mean.sum(axis=1, keepdims=True)


def _other_side(name: str) -> str:
    if name.endswith(".L"):
        return name[:-1] + "R"
    return name[:-1] + "L" if name.endswith(".R") else name
