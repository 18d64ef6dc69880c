"""Markers on a motion as motion capture has them: centres of joints, and 40 named points of the skin.

A point of the skin is the vertex of the mean body in its rest pose that is nearest to a ray. The ray begins at the head
of a bone, or between the heads of two, and its direction is given in the axes of a segment: x to the left, y up along
the limb, z to the front, where the person stands with hanging arms, thumbs forward. Right points mirror left ones.
Names are those of the usual marker sets (Vicon, Plug-in Gait Reference Guide; Rajagopal et al., 2016).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from models.arrays import F32, F64, Int
from models.body.body_motion import BodyMotion
from models.body.open_body import load_body
from models.motion.clinical_angles import segment_axes
from models.motion.soles import motion_bones

JOINT_MARKERS = {
    "PELVIS": "root", "SPINE": "spine03", "CHEST": "spine01", "NECK": "neck01", "HEAD": "head",
    **{
        f"{side}_{name}": f"{bone}.{side}"
        for side in "LR"
        for name, bone in (
            ("HIP", "upperleg01"), ("KNEE", "lowerleg01"), ("ANKLE", "foot"), ("TOES", "toe3-1"),
            ("SHOULDER", "upperarm01"), ("ELBOW", "lowerarm01"), ("WRIST", "wrist"), ("KNUCKLE", "finger3-1"),
        )
    },
}
"""Names of the markers at joints, with the bone at whose head they are."""
_MIDDLE = """
C7 neck01 neck01 root 0 0 -1
T10 spine03 spine02 root 0 0 -1
CLAV spine01 neck01 root 0 -.3 1
STRN spine03 spine01 root 0 0 1
"""
_LEFT = """
FHD head head root .5 .9 .7
BHD head head root .45 1 -1.3
SHO upperarm01.L upperarm01.L root 0 1 0
UPA upperarm01.L lowerarm01.L upperarm01.L 1 0 0
ELB lowerarm01.L lowerarm01.L lowerarm01.L 1 0 0
ELBM lowerarm01.L lowerarm01.L lowerarm01.L -1 0 0
WRA wrist.L wrist.L wrist.L 0 0 1
WRB wrist.L wrist.L wrist.L 0 0 -1
FIN finger3-1.L finger3-1.L wrist.L 1 0 0
ASI upperleg01.L spine05 root .3 0 1
PSI upperleg01.L spine05 root -.2 .2 -1
THI upperleg01.L lowerleg01.L upperleg01.L 1 0 0
KNE lowerleg01.L lowerleg01.L lowerleg01.L 1 0 0
KNEM lowerleg01.L lowerleg01.L lowerleg01.L -1 0 0
ANK foot.L foot.L lowerleg01.L 1 0 0
ANKM foot.L foot.L lowerleg01.L -1 0 0
HEE foot.L foot.L root 0 -.6 -1
TOE toe3-1.L toe3-1.L root 0 1 0
"""
"""Rows: name, two bones between whose heads the ray begins, the segment of the axes, and the direction x, y, z."""

FARTHEST_M, SHARE_ALONG = 0.25, 0.3
"""Metres along the ray up to which skin is looked for; and the cost of a metre along it, of a metre beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerMotion:
    """M markers over T frames.

    Attributes:
        names: of the markers; those of joints come first.
        point_TM3: positions in the axes of the motion, metres.
        shown_T: frames in which the person is visible or bridged.
        second_T: time of each frame, seconds.
    """

    names: tuple[str, ...]
    point_TM3: F32
    shown_T: np.ndarray
    second_T: F64


def marker_motion(motion: BodyMotion) -> MarkerMotion:
    """The markers of a motion."""
    body, (names, vertex_N) = load_body(), skin_markers()
    bones = [body.bone(name) for name in JOINT_MARKERS.values()]
    parts = []
    for part in motion.parts():
        turned_TB33, placed_TB3 = motion_bones(part)
        skin_TN3 = _skin_points(vertex_N, motion.shape_C, turned_TB33, placed_TB3)
        parts.append(np.concatenate([placed_TB3[:, bones], skin_TN3], axis=1).astype(np.float32))
    return MarkerMotion(
        names=(*JOINT_MARKERS, *names), point_TM3=np.concatenate(parts), shown_T=motion.shown(),
        second_T=motion.second_T,
    )


def _skin_points(vertex_N: Int, shape_C: F32, turned_TB33: F64, placed_TB3: F64) -> F64:
    """Positions (T, N, 3) of vertices, from rotations and positions of all bones."""
    body = load_body()
    vertex_V3, head_B3 = body.rest(shape_C)
    point_TN3 = np.zeros((len(turned_TB33), len(vertex_N), 3))
    for b in np.flatnonzero((body.weight_VB[vertex_N] > 0).any(axis=0)).tolist():
        own_N = np.flatnonzero(body.weight_VB[vertex_N, b] > 0)
        offset_K3 = vertex_V3[vertex_N[own_N]] - head_B3[b]
        moved_TK3 = np.einsum("tij,kj->tki", turned_TB33[:, b], offset_K3) + placed_TB3[:, b, None]
        point_TN3[:, own_N] += body.weight_VB[vertex_N[own_N], b, None] * moved_TK3
    return point_TN3


@cache
def skin_markers() -> tuple[tuple[str, ...], Int]:
    """Names of the markers on the skin, and their vertices (N,)."""
    body = load_body()
    found: dict[str, int] = {}
    for row in [line.split() for line in (_MIDDLE + _LEFT).split("\n") if line]:
        name, first, second, segment, *direction = row
        sided = row in [line.split() for line in _LEFT.split("\n") if line]
        start_3 = (body.bone_mean_B3[body.bone(first)] + body.bone_mean_B3[body.bone(second)]) / 2
        toward_3 = segment_axes().get(segment, np.eye(3)) @ np.array([float(part) for part in direction])
        vertex = _nearest_vertex(start_3.astype(np.float64), toward_3 / np.linalg.norm(toward_3), middle=not sided)
        found[f"L{name}" if sided else name] = vertex
        if sided:
            found[f"R{name}"] = int(body.twin_V[vertex])
    return tuple(found), np.array(list(found.values()))


def _nearest_vertex(start_3: F64, toward_3: F64, *, middle: bool) -> int:
    """The vertex that is nearest to a ray, among those that the ray does not leave behind; `middle`: with x = 0."""
    body = load_body()
    offset_V3 = body.mean_V3 - start_3
    along_V = offset_V3 @ toward_3
    beside_V = np.linalg.norm(offset_V3 - along_V[:, None] * toward_3, axis=1)
    cost_V = beside_V + SHARE_ALONG * along_V
    allowed_V = (along_V > 0) & (along_V < FARTHEST_M) & ~np.isin(np.arange(len(body.mean_V3)), _eyes())
    if middle:
        allowed_V &= body.twin_V == np.arange(len(body.mean_V3))
    return int(np.where(allowed_V, cost_V, np.inf).argmin())


@cache
def _eyes() -> Int:
    """Vertices of the eyeballs."""
    return np.unique(load_body().face_F3[load_body().eye_F])
