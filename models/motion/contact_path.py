"""Estimates the path of the root and the positions of foot contacts together, by least squares.

A fit has small errors perpendicular to the ray from the camera to the person, and large errors along it. So standard
deviations are stated in the axes of this ray: head and trunk keep their projections, and the path is corrected in
depth. The legs get their poses later, by inverse kinematics. If a leg is too short for its contact, path and contact
both move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve

from models.arrays import F32, F64, Float, Index
from models.body.open_body import load_body
from models.motion.soles import soles

SIDES = ("L", "R")
FLAT_SPREAD_M = 0.003
"""Standard deviation, metres, of the height of a contact, and of the vector between heel and ball of a flat foot."""
STRETCHED_SPREAD_M = 0.01
"""Standard deviation, metres, of the length of a stretched leg."""
KNOWN_SPREAD_M = 1e-5
"""Standard deviation, metres, of shifts and positions that are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathErrors:
    """Standard deviations of the errors of a fitted motion, metres: to the right, up, and along the camera's ray.

    Attributes:
        root_3: of the root's position at 1 m from the camera. It grows in proportion to the distance.
        foot_3: of a foot's position relative to the root.
        bend_3: of the second difference of the root's error over three frames at 30 frames per second, at 1 m.
    """

    root_3: tuple[float, float, float] = (0.001, 0.001, 0.017)
    foot_3: tuple[float, float, float] = (0.05, 0.05, 0.15)
    bend_3: tuple[float, float, float] = (0.00017, 0.00017, 0.001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One part of a sole stands on the floor in the frames from `first` to `last` − 1."""

    patch: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StretchedLeg:
    """A leg that is too short to reach the contacts of its foot in one frame.

    Attributes:
        frame: index of the frame.
        anchors: indices of the contacts of the foot in this frame.
        direction_3: unit direction from the hip to the ankle.
        max_along: maximum, along this direction, of the contacts' mean position minus the root's shift, metres.
    """

    frame: int
    anchors: list[int]
    direction_3: F64
    max_along: float


def view_axes(root_T3: F64, eye_3: Float | None) -> tuple[F64, F64]:
    """Axes (T, 3, 3) of the ray to the camera in each frame, and the distance to the camera (T,).

    The rows of the axes are right, up, and towards the camera. Without a camera they are the world's axes, and the
    distance is 1.
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
    errors: PathErrors, fps: float, stretched: list[StretchedLeg], known: Mapping[int, F64],
) -> tuple[F64, F64]:
    """The shift of the root in each frame (T, 3), and the position of each contact (K, 3), metres.

    Args:
        patch_TP3: centres of the parts of the soles in upright axes, with the floor at y = 0, metres.
        axes_T33, far_T: axes and distances, as `view_axes` returns them.
        foot_turn_TF33: orientations of the left and the right foot.
        shape_C: shape of the body.
        contacts: the contacts of all parts of the soles.
        errors: standard deviations of the motion's errors.
        fps: frames per second.
        stretched: legs that were too short in an earlier solution.
        known: those shifts and positions that are known already, by their indices: t, or number of frames + k.
    """
    frames, bend, flat_P3 = len(patch_TP3), (30 / fps) ** 2, _flat_patches(shape_C)
    shared_T33 = axes_T33 / far_T[:, None, None]
    rows, at_T = _Rows(unknowns=frames + len(contacts)), np.arange(frames)
    rows.add([at_T], [1.0], np.zeros((frames, 3)), shared_T33, errors.root_3)
    if frames > 2:
        bend_3 = tuple(spread / bend for spread in errors.bend_3)
        rows.add([at_T[:-2], at_T[1:-1], at_T[2:]], [1, -2, 1], np.zeros((frames - 2, 3)), shared_T33[1:-1], bend_3)
    if contacts:
        inside = np.concatenate([np.arange(contact.first, contact.last) for contact in contacts])
        lengths = [contact.last - contact.first for contact in contacts]
        patch_K = np.array([contact.patch for contact in contacts])
        anchor = np.repeat(frames + np.arange(len(contacts)), lengths)
        standing_N3 = patch_TP3[inside, np.repeat(patch_K, lengths)]
        rows.add([inside, anchor], [1, -1], -standing_N3, axes_T33[inside], errors.foot_3)
        up_113 = np.array([[[0.0, 1.0, 0.0]]])
        rows.add([frames + np.arange(len(contacts))], [1], flat_P3[patch_K], up_113, (FLAT_SPREAD_M,))
    if pairs := _flat_pairs(contacts, foot_turn_TF33, flat_P3):
        heel_K, ball_K = (frames + np.array([pair[side] for pair in pairs]) for side in (0, 1))
        between_K3 = np.array([pair[2] for pair in pairs])
        rows.add([heel_K, ball_K], [-1, 1], between_K3, np.eye(3)[None], (FLAT_SPREAD_M,) * 3)
    for count in sorted({len(leg.anchors) for leg in stretched}):
        legs = [leg for leg in stretched if len(leg.anchors) == count]
        anchor_NC = frames + np.array([leg.anchors for leg in legs])
        direction_N3 = np.array([leg.direction_3 for leg in legs])
        limit_N3 = np.array([leg.max_along for leg in legs])[:, None] * direction_N3
        points = [np.array([leg.frame for leg in legs]), *anchor_NC.T]
        rows.add(points, [-1.0, *[1 / count] * count], limit_N3, direction_N3[:, None], (STRETCHED_SPREAD_M,))
    if known:
        rows.add([np.array(list(known))], [1.0], np.array(list(known.values())), np.eye(3)[None], (KNOWN_SPREAD_M,) * 3)
    solved = rows.solved()
    return solved[:frames], solved[frames:]


class _Rows:
    """The rows of a sparse least-squares problem whose unknowns are points in space."""

    def __init__(self, unknowns: int) -> None:
        self.unknowns, self.rows = unknowns, 0
        self.parts: list[tuple[F64, Index, Index]] = []
        self.values: list[F64] = []

    def add(
        self, points: list[Index], factors: list[float], value_R3: F64, axes_RA3: F64, spread_A: tuple[float, ...]
    ) -> None:
        """Add equations: along each axis, the sum of factors times points equals a value.

        Args:
            points: index of each point in the R equations.
            factors: factor of each point.
            value_R3: the values.
            axes_RA3: the A axes of each equation.
            spread_A: standard deviation along each axis.
        """
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
    """Centres of the parts of the soles of a flat foot: x and z relative to the ankle, y above the floor."""
    body = load_body()
    vertex_V3, head_B3 = body.rest(shape_C)
    centre_P3 = vertex_V3[soles().vertex_PS].mean(axis=1).astype(np.float64)
    for p in range(4):
        ankle_3 = head_B3[body.bone(f"foot.{SIDES[p // 2]}")]
        centre_P3[p, [0, 2]] -= ankle_3[[0, 2]]
    return centre_P3


def _flat_pairs(contacts: list[Contact], foot_turn_TF33: F64, flat_P3: F64) -> list[tuple[int, int, F64]]:
    """Pairs of contacts, of the heel and the ball of one foot at the same time, and the vector between them.

    The contacts of each part are in the order of time.
    """
    pairs = []
    for heel_patch in (0, 2):
        heels = [(k, one) for k, one in enumerate(contacts) if one.patch == heel_patch]
        balls = [(k, one) for k, one in enumerate(contacts) if one.patch == heel_patch + 1]
        next_ball = 0
        for k, heel in heels:
            while next_ball < len(balls) and balls[next_ball][1].last <= heel.first:
                next_ball += 1
            for other, ball in balls[next_ball:]:
                if ball.first >= heel.last:
                    break
                first, last = max(heel.first, ball.first), min(heel.last, ball.last)
                turn_33 = heading_rotation(foot_turn_TF33[first:last, heel_patch // 2].mean(axis=0))
                step_3 = turn_33 @ (flat_P3[heel_patch + 1] - flat_P3[heel_patch])
                pairs.append((k, other, step_3 * [1, 0, 1]))
    return pairs


def heading_rotation(turn_33: F64) -> F64:
    """The rotation about the vertical axis that is nearest to a foot's orientation."""
    yaw = np.arctan2(turn_33[0, 2] - turn_33[2, 0], turn_33[2, 2] + turn_33[0, 0])
    cosine, sine = np.cos(yaw), np.sin(yaw)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])
