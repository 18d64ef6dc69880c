"""The 24 charts of DensePose: names, coarse parts, neighbours, and their exchange under a mirror image."""

from __future__ import annotations

import numpy as np

from models.arrays import U8, Float

CHART_NAMES = (
    "background", "torso back", "torso front", "right hand", "left hand", "left foot", "right foot",
    "right upper leg back", "left upper leg back", "right upper leg front", "left upper leg front",
    "right lower leg back", "left lower leg back", "right lower leg front", "left lower leg front",
    "left upper arm inner", "right upper arm inner", "left upper arm outer", "right upper arm outer",
    "left lower arm inner", "right lower arm inner", "left lower arm outer", "right lower arm outer",
    "head right", "head left",
)
COARSE_NAMES = (
    "background", "torso", "right hand", "left hand", "left foot", "right foot", "right upper leg", "left upper leg",
    "right lower leg", "left lower leg", "left upper arm", "right upper arm", "left lower arm", "right lower arm",
    "head",
)
COARSE_OF_CHART: U8 = np.array(
    [0, 1, 1, 2, 3, 4, 5, 6, 7, 6, 7, 8, 9, 8, 9, 10, 11, 10, 11, 12, 13, 12, 13, 14, 14], np.uint8
)
"""Coarse part 0..14 of each label 0..24."""
CHARTS_AT_JOINT: dict[str, frozenset[int]] = {
    "nose": frozenset({23, 24}),
    "left_eye": frozenset({24}),
    "right_eye": frozenset({23}),
    "left_ear": frozenset({24}),
    "right_ear": frozenset({23}),
    "left_shoulder": frozenset({1, 2, 15, 17}),
    "right_shoulder": frozenset({1, 2, 16, 18}),
    "left_elbow": frozenset({15, 17, 19, 21}),
    "right_elbow": frozenset({16, 18, 20, 22}),
    "left_wrist": frozenset({4, 19, 21}),
    "right_wrist": frozenset({3, 20, 22}),
    "left_hip": frozenset({1, 2, 8, 10}),
    "right_hip": frozenset({1, 2, 7, 9}),
    "left_knee": frozenset({8, 10, 12, 14}),
    "right_knee": frozenset({7, 9, 11, 13}),
    "left_ankle": frozenset({5, 12, 14}),
    "right_ankle": frozenset({6, 11, 13}),
}
"""Charts that touch each COCO keypoint, in COCO's order."""


def mirrored_name(name: str) -> str:
    """The name of the part or joint on the other side of the body."""
    for side, other in (("left", "right"), ("right", "left")):
        if side in name:
            return name.replace(side, other)
    return name


MIRROR_COARSE: U8 = np.array([COARSE_NAMES.index(mirrored_name(name)) for name in COARSE_NAMES], np.uint8)
"""Coarse part on the other side, for each coarse part."""
MIRROR_CHART: U8 = np.array(
    [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23], np.uint8
)
"""Label on the other side, for each label."""

_U_TURNS = np.isin(np.arange(25), [3, 4, 5, 6, 23, 24])
_V_TURNS = np.isin(np.arange(25), [1, 2])


def mirror_uv(label: U8, u: Float, v: Float) -> tuple[Float, Float]:
    """U and V of the mirrored point, for labels *before* mirroring (any equal shapes).

    Exact, because the right side of the open body is the mirror image of the left. Hands, feet and the head's halves
    reverse U, the torso reverses V, arms and legs keep both.
    """
    return np.where(_U_TURNS[label], 1 - u, u), np.where(_V_TURNS[label], 1 - v, v)


def mirror_maps(label_HW: U8, uv_2HW: Float) -> tuple[U8, Float]:
    """Label and UV maps of the horizontally flipped image: columns are reversed, left and right charts exchanged."""
    label, uv = label_HW[:, ::-1], uv_2HW[:, :, ::-1]
    mirrored_uv = np.stack(mirror_uv(label, uv[0], uv[1])).astype(uv_2HW.dtype)
    return MIRROR_CHART[label], mirrored_uv
