"""The path of the root and the places where feet stand, found together by least squares.

Errors of a fit are small across the view and large along it, so each frame's are stated along the ray of the camera to
the person: head and trunk stay where the picture shows them, and a path is corrected in depth. The legs reach the
places by inverse kinematics; where one is too short, place and path give way together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from scipy.spatial.transform import Rotation

from models.arrays import F32, F64, Float, Index
from models.body.open_body import load_body
from models.motion.soles import soles

SIDES = ("L", "R")
ANCHORED = 0.003
"""Metres: how exactly the heel and the ball of a foot that stands flat keep their distance and lie on the floor."""


REACHED = 0.01
"""Metres: how exactly a stretched leg reaches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathErrors:
    """What is thought of a motion's errors, metres: to the right, upwards, and along the view.

    Attributes:
        root_3: standard deviation of the root's place, at 1 m from the camera; it grows with the distance.
        foot_3: of a foot's place relative to the root.
        bend_3: of the second difference of the root's error from frame to frame at 30 frames a second, at 1 m.
    """

    root_3: tuple[float, float, float] = (0.001, 0.001, 0.017)
    foot_3: tuple[float, float, float] = (0.05, 0.05, 0.15)
    bend_3: tuple[float, float, float] = (0.00017, 0.00017, 0.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One part of a sole on the floor, from the frame `first` to the one before `last`."""

    patch: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchedLeg:
    """A leg that is too short for its contacts: along a direction, their mean place less the root's shift.

    Attributes:
        frame: of the motion.
        anchors: indices of the contacts of the foot.
        way_3: unit direction from the hip to the ankle.
        most: metres along it, at most.
    """

    frame: int
    anchors: list[int]
    way_3: F64
    most: float


def view_axes(root_T3: F64, eye_3: Float | None) -> tuple[F64, F64]:
    """Axes (T, 3, 3) of each frame as rows, right, up, along the ray to the camera, and the distance to it (T,).

    Without a camera they are the world's axes, and 1.
    """
    if eye_3 is None:
        return np.tile(np.eye(3), (len(root_T3), 1, 1)), np.ones(len(root_T3))
    toward_T3 = eye_3 - root_T3
    far_T = np.linalg.norm(toward_T3, axis=1)
    toward_T3 = toward_T3 / far_T[:, None]
    right_T3 = np.cross([0.0, 1.0, 0.0], toward_T3)
    right_T3 /= np.maximum(np.linalg.norm(right_T3, axis=1, keepdims=True), 1e-6)
    return np.stack([right_T3, np.cross(toward_T3, right_T3), toward_T3], axis=1), far_T


def path_and_anchors(
    patch_TP3: F64, axes_T33: F64, far_T: F64, foot_turn_TF33: F64, shape_C: F32, contacts: list[Contact],
    errors: PathErrors, fps: float, stretched: list[StretchedLeg],
) -> tuple[F64, F64]:
    """How the root moves (T, 3), and where each contact stands (K, 3).

    Args:
        patch_TP3: centres of the parts of the soles in upright axes, with the floor at y = 0.
        axes_T33, far_T: of each frame, as `view_axes` gives them.
        foot_turn_TF33: orientations of the left and the right foot.
        shape_C: shape of the body.
        stretched: legs that did not reach in an earlier solution.
    """
    frames, bend, flat_P3 = len(patch_TP3), (30 / fps) ** 2, _flat_patches(shape_C)
    shared_T33 = axes_T33 / far_T[:, None, None]
    rows, at_T = _Rows(unknowns=frames + len(contacts)), np.arange(frames)
    rows.add([at_T], [1.0], np.zeros((frames, 3)), shared_T33, errors.root_3)
    if frames > 2:
        bend_3 = tuple(one / bend for one in errors.bend_3)
        rows.add([at_T[:-2], at_T[1:-1], at_T[2:]], [1, -2, 1], np.zeros((frames - 2, 3)), shared_T33[1:-1], bend_3)
    for k, one in enumerate(contacts):
        inside = np.arange(one.first, one.last)
        anchor = np.full(len(inside), frames + k)
        rows.add([inside, anchor], [1, -1], -patch_TP3[inside, one.patch], axes_T33[inside], errors.foot_3)
        up_113 = np.array([[[0.0, 1.0, 0.0]]])
        rows.add([np.array([frames + k])], [1], flat_P3[one.patch : one.patch + 1], up_113, (ANCHORED,))
    for k, other, way_3 in _flat_pairs(contacts, foot_turn_TF33, flat_P3):
        pair = [np.array([frames + k]), np.array([frames + other])]
        rows.add(pair, [-1, 1], way_3[None], np.eye(3)[None], (ANCHORED,) * 3)
    for leg in stretched:
        points = [np.array([leg.frame]), *(np.array([frames + k]) for k in leg.anchors)]
        factors = [-1.0, *[1 / len(leg.anchors)] * len(leg.anchors)]
        rows.add(points, factors, (leg.most * leg.way_3)[None], leg.way_3[None, None], (REACHED,))
    solved = rows.solved()
    return solved[:frames], solved[frames:]


class _Rows:
    """A sparse least-squares problem with unknown points, row by row."""

    def __init__(self, unknowns: int) -> None:
        self.unknowns, self.rows = unknowns, 0
        self.parts: list[tuple[F64, Index, Index]] = []
        self.values: list[F64] = []

    def add(
        self, points: list[Index], factors: list[float], value_R3: F64, axes_RA3: F64, spread_A: tuple[float, ...]
    ) -> None:
        """Along each axis, the sum of factors times points is that of a value, up to a spread."""
        axes_RA3 = np.broadcast_to(axes_RA3, (len(value_R3), *axes_RA3.shape[1:])) / np.array(spread_A)[:, None]
        count = axes_RA3.shape[0] * axes_RA3.shape[1]
        row_RA1 = (self.rows + np.arange(count)).reshape(*axes_RA3.shape[:2], 1)
        for point_R, factor in zip(points, factors, strict=True):
            column_RA3 = np.broadcast_to(3 * point_R[:, None, None] + np.arange(3), axes_RA3.shape)
            row_RA3 = np.broadcast_to(row_RA1, axes_RA3.shape)
            self.parts.append(((factor * axes_RA3).ravel(), row_RA3.ravel(), column_RA3.ravel()))
        self.values.append(np.einsum("rac,rc->ra", axes_RA3, value_R3).ravel())
        self.rows += count

    def solved(self) -> F64:
        """The unknown points (N, 3)."""
        factor, row, column = (np.concatenate(part) for part in zip(*self.parts, strict=True))
        matrix = coo_matrix((factor, (row, column)), shape=(self.rows, 3 * self.unknowns)).tocsc()
        return np.asarray(spsolve((matrix.T @ matrix).tocsc(), matrix.T @ np.concatenate(self.values))).reshape(-1, 3)


def _flat_patches(shape_C: F32) -> F64:
    """Centres of the parts of the soles relative to their ankles when the foot stands flat; y above the floor."""
    body = load_body()
    vertex_V3, head_B3 = body.rest(shape_C)
    centre_P3 = vertex_V3[soles().vertex_PS].mean(axis=1).astype(np.float64)
    for p in range(4):
        ankle_3 = head_B3[body.bone(f"foot.{SIDES[p // 2]}")]
        centre_P3[p, [0, 2]] -= ankle_3[[0, 2]]
    return centre_P3


def _flat_pairs(contacts: list[Contact], foot_turn_TF33: F64, flat_P3: F64) -> list[tuple[int, int, F64]]:
    """Heel and ball of a foot that stand at the same time, and the way from one to the other."""
    pairs = []
    for k, heel in enumerate(contacts):
        for other, ball in enumerate(contacts):
            first, last = max(heel.first, ball.first), min(heel.last, ball.last)
            if heel.patch % 2 == 0 and ball.patch == heel.patch + 1 and last > first:
                turn_33 = level_turn(foot_turn_TF33[first:last, heel.patch // 2].mean(axis=0))
                pairs.append((k, other, turn_33 @ (flat_P3[ball.patch] - flat_P3[heel.patch]) * [1, 0, 1]))
    return pairs


def level_turn(turn_33: F64) -> F64:
    """The turn about the vertical axis that is nearest to a foot's orientation."""
    yaw = np.arctan2(turn_33[0, 2] - turn_33[2, 0], turn_33[2, 2] + turn_33[0, 0])
    return np.asarray(Rotation.from_rotvec([0, yaw, 0]).as_matrix())
