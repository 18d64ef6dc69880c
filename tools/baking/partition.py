"""Assigns the faces of the left half to charts, after cutting the mesh along the chart borders.

Charts are numbered as in DensePose. Limbs are divided by a plane through the bone axis, the torso by a coronal surface
through hips, shoulders and neck. Hands, feet and head are MakeHuman's islands.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from tools.baking.cut import HalfBody, cut_along

BACK, FRONT, HAND, FOOT, THIGH_BACK, THIGH_FRONT, SHIN_BACK, SHIN_FRONT = 1, 2, 4, 5, 8, 10, 12, 14
UPPER_ARM_INNER, UPPER_ARM_OUTER, LOWER_ARM_INNER, LOWER_ARM_OUTER, HEAD = 15, 17, 19, 21, 24

# Height → depth (metres on the neutral body) of the surface between front and back; between hip and ankle it follows
# the leg bones.
CORONAL_Y = (0.0, 0.08, 0.31, 0.42, 0.53, 0.70, 0.88, 0.98, 1.10, 1.30, 1.45, 1.52, 1.60)
CORONAL_Z = (0.0, 0.0, 0.007, 0.018, 0.025, 0.022, 0.020, 0.005, 0.0, 0.005, 0.010, 0.005, -0.01)
HIP_SIDE_Y, HIP_SIDE_X, CLEFT_Y = 1.010, 0.175, 1.045
ARM_RADIUS = 0.115
CROTCH_WIDTH = 0.008  # half-width in metres of the strip in which the front of the torso ends
HAND_EDGE_UV = np.array([[0.670, 0.1247], [0.713, 0.0869]])  # wrist, valley of the little finger


class Fields(NamedTuple):
    """Signed distances of the vertices from chart borders, metres."""

    front: np.ndarray
    below_groin: np.ndarray
    below_buttock_top: np.ndarray
    below_knee: np.ndarray
    beyond_shoulder: np.ndarray
    beyond_elbow: np.ndarray
    upper_arm_inner: np.ndarray
    lower_arm_inner: np.ndarray
    near_arm: np.ndarray
    above_neck: np.ndarray
    back_of_hand: np.ndarray


def partition(body: HalfBody, joint: Mapping[str, np.ndarray]) -> tuple[HalfBody, np.ndarray]:
    """Cut the left half along all chart borders. Returns the cut body and the chart of each face (eyes: the head's)."""
    for name, region in (
        ("front", _not_arm), ("beyond_shoulder", _arm), ("beyond_elbow", _arm), ("below_knee", _leg),
        ("upper_arm_inner", _upper_arm), ("lower_arm_inner", _lower_arm),
        ("below_groin", _front_hip), ("below_buttock_top", _back_hip), ("above_neck", _neck),
        ("back_of_hand", _hand_edge),
    ):
        fields = _fields(body, joint)
        body = cut_along(body, getattr(fields, name), region(body, fields))
    return body, _charts(body, joint)


def back_of_hand(body: HalfBody) -> np.ndarray:
    """Faces on the back of the hand, which has its own UV island."""
    return (_hand_line(body.corner_uv_F32.mean(axis=1)) > 0) & (body.part_F == "hand.L")


def _hand_line(uv_N2: np.ndarray) -> np.ndarray:
    """Signed distance in MakeHuman's UV from the line between wrist and little finger, positive on the hand's back."""
    along = HAND_EDGE_UV[1] - HAND_EDGE_UV[0]
    offset = uv_N2 - HAND_EDGE_UV[0]
    return (offset[..., 1] * along[0] - offset[..., 0] * along[1]) * -1 / np.linalg.norm(along)


def _uv_side(body: HalfBody) -> np.ndarray:
    """`_hand_line` at the vertices. For vertices on a UV seam any of their UV is used; they are not cut."""
    uv_V2 = np.zeros((len(body.point_V3), 2))
    uv_V2[body.face_F3.ravel()] = body.corner_uv_F32.reshape(-1, 2)
    return _hand_line(uv_V2)


def _fields(body: HalfBody, joint: Mapping[str, np.ndarray]) -> Fields:
    point_V3 = body.point_V3
    x, y, z = point_V3.T
    shoulder, elbow, wrist, knee = (joint[n] for n in ("upperarm01.L", "lowerarm01.L", "wrist.L", "lowerleg01.L"))
    upper, lower = _unit(elbow - shoulder), _unit(wrist - elbow)
    shin = _unit(joint["foot.L"] - knee)
    thigh = _unit(knee - joint["upperleg01.L"])
    across = np.clip(x / HIP_SIDE_X, 0, 1)
    crotch_y = point_V3[(np.abs(x) < 1e-6) & (y < 1.0), 1].min() - CROTCH_WIDTH
    groin_y = crotch_y + (HIP_SIDE_Y - crotch_y) * across
    buttock_y = CLEFT_Y + (HIP_SIDE_Y - CLEFT_Y) * across
    shoulder_normal = _unit(upper + np.array([1.2, 0.25, 0.0]))
    upper_inner = _across(np.array([-0.30, -0.30, 1.0]), upper)
    lower_inner = _across(_palm_normal(joint), lower)
    return Fields(
        front=z - np.interp(y, CORONAL_Y, CORONAL_Z),
        below_groin=groin_y - y,
        below_buttock_top=buttock_y - y,
        below_knee=(point_V3 - knee) @ _unit(shin + thigh),
        beyond_shoulder=(point_V3 - shoulder - 0.012 * upper) @ shoulder_normal,
        beyond_elbow=(point_V3 - elbow) @ _unit(upper + lower),
        upper_arm_inner=(point_V3 - shoulder) @ upper_inner - 0.008,
        lower_arm_inner=(point_V3 - elbow) @ lower_inner - 0.003,
        above_neck=y - 1.538 + 0.39 * z - 1.2 * np.maximum(x - 0.05, 0),
        back_of_hand=_uv_side(body),
        near_arm=ARM_RADIUS - np.minimum(_to_segment(point_V3, shoulder, elbow), _to_segment(point_V3, elbow, wrist)),
    )


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v)


def _to_segment(point_V3: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    share = np.clip((point_V3 - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(point_V3 - a - share[:, None] * (b - a), axis=1)


def _across(direction: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The component of `direction` perpendicular to `axis`, as a unit vector."""
    return _unit(direction - (direction @ axis) * axis)


def _palm_normal(joint: Mapping[str, np.ndarray]) -> np.ndarray:
    """Normal of the palm, on the side to which the fingertips curl."""
    wrist, index, little = joint["wrist.L"], joint["finger2-1.L"], joint["finger5-1.L"]
    normal = _unit(np.cross(index - wrist, little - wrist))
    curl = joint["finger3-3.L"] - joint["finger3-1.L"]
    return normal if curl @ normal > 0 else -normal


def _mean(field_V: np.ndarray, body: HalfBody) -> np.ndarray:
    return field_V[body.face_F3].mean(axis=1)


def _arm(body: HalfBody, fields: Fields) -> np.ndarray:
    return (body.part_F == "body") & (_mean(fields.near_arm, body) > 0) & (_mean(fields.beyond_shoulder, body) > -0.02)


def _not_arm(body: HalfBody, fields: Fields) -> np.ndarray:
    arm = (_mean(fields.beyond_shoulder, body) > 0.02) & (_mean(fields.near_arm, body) > 0)
    return ~arm & (body.part_F == "body")


def _upper_arm(body: HalfBody, fields: Fields) -> np.ndarray:
    return _arm(body, fields) & (_mean(fields.beyond_shoulder, body) > 0) & (_mean(fields.beyond_elbow, body) < 0)


def _lower_arm(body: HalfBody, fields: Fields) -> np.ndarray:
    return _arm(body, fields) & (_mean(fields.beyond_elbow, body) > 0)


def _leg(body: HalfBody, fields: Fields) -> np.ndarray:
    return (body.part_F == "body") & (body.point_V3[body.face_F3][..., 1].mean(axis=1) < 0.75)


def _neck(body: HalfBody, fields: Fields) -> np.ndarray:
    return (body.part_F == "body") & (body.point_V3[body.face_F3][..., 1].mean(axis=1) > 1.45)


def _hand_edge(body: HalfBody, fields: Fields) -> np.ndarray:
    """Faces of the hand that the line crosses in UV."""
    side_F3 = _hand_line(body.corner_uv_F32)
    return (body.part_F == "hand.L") & (side_F3.min(axis=1) < 0) & (side_F3.max(axis=1) > 0)


def _front_hip(body: HalfBody, fields: Fields) -> np.ndarray:
    centre = body.point_V3[body.face_F3].mean(axis=1)
    return (_mean(fields.front, body) > 0) & (centre[:, 1] > 0.8) & (centre[:, 0] < 0.3)


def _back_hip(body: HalfBody, fields: Fields) -> np.ndarray:
    centre = body.point_V3[body.face_F3].mean(axis=1)
    return (_mean(fields.front, body) < 0) & (centre[:, 1] > 0.8) & (centre[:, 0] < 0.3)


def _charts(body: HalfBody, joint: Mapping[str, np.ndarray]) -> np.ndarray:
    fields = _fields(body, joint)
    side = {name: _mean(value, body) > 0 for name, value in fields._asdict().items()}
    arm = side["near_arm"] & side["beyond_shoulder"]
    leg = ~arm & np.where(side["front"], side["below_groin"], side["below_buttock_top"])
    chart_F = np.where(side["front"], FRONT, BACK)
    chart_F[leg] = np.where(side["front"], THIGH_FRONT, THIGH_BACK)[leg]
    shin = leg & side["below_knee"]
    chart_F[shin] = np.where(side["front"], SHIN_FRONT, SHIN_BACK)[shin]
    chart_F[arm] = np.where(side["upper_arm_inner"], UPPER_ARM_INNER, UPPER_ARM_OUTER)[arm]
    forearm = arm & side["beyond_elbow"]
    chart_F[forearm] = np.where(side["lower_arm_inner"], LOWER_ARM_INNER, LOWER_ARM_OUTER)[forearm]
    chart_F[side["above_neck"] & (body.part_F == "body")] = HEAD
    chart_F[np.char.startswith(body.part_F, "hand")] = HAND
    chart_F[np.char.startswith(body.part_F, "foot")] = FOOT
    chart_F[np.isin(body.part_F, ["head", "eye_front.L"])] = HEAD
    return chart_F
