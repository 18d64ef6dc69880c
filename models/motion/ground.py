"""Where is up, and where is the floor: a motion in the frame of a still camera gets upright axes.

Cues are joined by least squares. The body tells up by the directions of its parts, as people stand and walk. Feet that
stand still lie on one plane, which counts more the farther a person goes. Upright lines of the picture tell up where
they are many and agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F32, F64, Float
from models.body.body_motion import BodyMotion
from models.body.camera import PinholeCamera
from models.body.open_body import load_body
from models.motion.soles import frames_a_second, motion_bones, soles_over_time
from models.motion.upright_lines import across, up_of_lines

UP_OF_BONES: Mapping[str, tuple[float, float, float]] = {
    "root": (0.0, 0.14, -0.01),
    "spine01": (0.0, 0.20, -0.01),
    "head": (0.0, 0.12, -0.02),
    "upperleg01": (-0.03, 0.14, 0.05),
    "lowerleg01": (-0.02, 0.08, -0.06),
    "foot": (0.02, 0.06, 0.02),
    "upperarm01": (0.02, 0.0, 0.0),
}
"""Direction in each bone's own axes; the sum over the bones, turned with them, points up. A right bone's is mirrored.

Least squares over poses of the library and the body at rest, with turns of 9° added to each bone:
`python -m tests.benchmarks.quality.upright_weights`.
"""

STILL, LIFTED = 0.45, 0.25
"""A part of a sole may stand on the floor if it is slower than this, metres a second, and not higher than the person's
lowest part by so many metres: else the foot is held still in the air."""

AGREEMENT = 10
"""A frame counts by this power of how far the directions of the body's parts agree: a kick or a flip says little."""

BODY_PITCH, BODY_ROLL, LEVEL = np.radians([8.0, 5.0, 8.0])
ACROSS, ALONG, LASTING = 0.03, 0.08, 1.4
"""Standard deviations that weigh the cues: of the up that the body tells over a clip, towards the camera and sideways;
of a camera's roll about its axis around 0; of a foot's place across and along the view, metres. Errors of a place last
for so many seconds, and both parts of a sole share them."""

PLACE_3 = np.array([0.5, 0.5, 1.2])
"""Metres in the camera's axes: still feet within a box of this size share one error, however long or often they stand
there. Its depth is that by which a fit errs; one box lies around the median of all places."""

ABOVE, BELOW = 4.0, 100.0
"""Squared standard deviations from which places above and below the floor count less: still feet may be in the air, but
nobody stands below the floor."""

ITERATIONS = 12
LEAST_STILL = 3
"""Fewer still places tell nothing of the floor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Upright axes in a camera's frame: a point p of the camera's frame is `axes_33 @ p + shift_3` in upright axes.

    Attributes:
        axes_33: rows are right, up, and the level direction towards the camera, as unit vectors in the camera's frame.
        shift_3: place of the camera in upright axes, metres; the floor is y = 0.
        still: number of places of still feet that the floor rests on; 0 where it rests on the lowest sole alone.
    """

    axes_33: F64
    shift_3: F64
    still: int

    @property
    def up_3(self) -> F64:
        """Up in the camera's frame."""
        return self.axes_33[1]


def estimated_ground(motion: BodyMotion, lines: Sequence[F32] = ()) -> Ground:
    """Upright axes and floor of a motion in the frame of a still camera.

    Args:
        lines: steep lines of some pictures, as `up_of_lines` takes them.
    """
    turned_TB33, placed_TB3 = motion_bones(motion)
    patch_TP3 = soles_over_time(motion.shape_C, turned_TB33, placed_TB3)
    fps = frames_a_second(motion)
    smooth_TP3 = gaussian_filter1d(patch_TP3.mean(axis=2), 0.07 * fps, axis=0, mode="nearest")
    speed_TP = np.linalg.norm(np.gradient(smooth_TP3, axis=0), axis=2) * fps if len(smooth_TP3) > 1 else np.inf
    up_T3 = up_of_body(turned_TB33)
    told_3 = (up_T3 * np.linalg.norm(up_T3, axis=1, keepdims=True) ** AGREEMENT).sum(axis=0)
    told_3, height = told_3 / np.linalg.norm(told_3), None
    up_3, spread_2 = with_lines(told_3, np.array([BODY_ROLL, BODY_PITCH]), lines, motion.camera)
    height_TP = smooth_TP3 @ up_3
    still_N3 = smooth_TP3[(speed_TP < STILL) & (height_TP - height_TP.min(axis=1, keepdims=True) < LIFTED)]
    if len(still_N3) >= LEAST_STILL:
        up_3, height = _level(up_3, spread_2, still_N3, fps)
    if height is None:
        height = float((patch_TP3 @ up_3).min())
    return placed_ground(up_3, height, len(still_N3) if len(still_N3) >= LEAST_STILL else 0)


def placed_ground(up_3: F64, height: float, still: int) -> Ground:
    """The ground of an up in the camera's frame and the floor's height along it."""
    right_3 = np.cross(up_3, [0.0, 0.0, -1.0])
    right_3 /= np.linalg.norm(right_3)
    axes_33 = np.stack([right_3, up_3, np.cross(right_3, up_3)])
    return Ground(axes_33=axes_33, shift_3=np.array([0.0, -height, 0.0]), still=still)


def up_of_body(turned_TB33: Float) -> F64:
    """Up (T, 3) as the directions of the body's parts tell it; shorter where they disagree."""
    body, up_T3 = load_body(), np.zeros((len(turned_TB33), 3))
    for name, part in UP_OF_BONES.items():
        if name in body.bones:
            up_T3 += turned_TB33[:, body.bone(name)] @ np.array(part)
            continue
        for side, mirror in ((".L", 1.0), (".R", -1.0)):
            up_T3 += turned_TB33[:, body.bone(name + side)] @ (np.array(part) * [mirror, 1, 1])
    return up_T3


def with_lines(
    told_3: F64, spread_2: F64, lines: Sequence[F32], camera: PinholeCamera | None
) -> tuple[F64, F64]:
    """Up and its standard deviations sideways and towards the camera, from those that bodies tell and upright lines."""
    seen = up_of_lines(lines, camera, told_3) if camera is not None else None
    if seen is None:
        return told_3, spread_2
    told_weight_2, seen_weight_2 = spread_2**-2, seen.spread_2**-2
    weight_2, turn_23 = told_weight_2 + seen_weight_2, across(told_3)
    up_3 = told_3 + (seen_weight_2 / weight_2 * (turn_23 @ seen.up_3)) @ turn_23
    return up_3 / np.linalg.norm(up_3), weight_2**-0.5


def _level(told_3: F64, spread_2: F64, point_N3: F64, fps: float) -> tuple[F64, float]:
    """Up and the floor's height along it, from the body's up and places of still feet (robust least squares)."""
    up_3, height = told_3, float(np.percentile(point_N3 @ told_3, 30))
    view_N3 = point_N3 / np.linalg.norm(point_N3, axis=1, keepdims=True)
    shared_N = np.maximum(LASTING * fps, _at_one_place(point_N3))
    for _ in range(ITERATIONS):
        turn_23 = across(up_3)
        variance_N = ACROSS**2 + (ALONG**2 - ACROSS**2) * (view_N3 @ up_3) ** 2
        off_N = point_N3 @ up_3 - height
        reach_N = np.where(off_N < 0, BELOW, ABOVE) * variance_N
        weight_N = 1 / (shared_N * variance_N * (1 + off_N**2 / reach_N))
        slope_N3 = np.column_stack([point_N3 @ turn_23.T, -np.ones(len(point_N3))])
        normal_33 = slope_N3.T @ (slope_N3 * weight_N[:, None])
        right_3 = slope_N3.T @ (weight_N * off_N)
        told_22 = np.diag(spread_2**-2)
        roll_2 = turn_23[:, 0] / LEVEL
        normal_33[:2, :2] += told_22 + np.outer(roll_2, roll_2)
        right_3[:2] += roll_2 * up_3[0] / LEVEL - told_22 @ turn_23 @ told_3
        step_3 = -np.linalg.solve(normal_33, right_3)
        up_3 = up_3 + step_3[:2] @ turn_23
        up_3, height = up_3 / np.linalg.norm(up_3), height + float(step_3[2])
    return up_3, height


def _at_one_place(point_N3: F64) -> F64:
    """How many of the points (N,) lie in the same box of space."""
    cell_N3 = np.rint((point_N3 - np.median(point_N3, axis=0)) / PLACE_3).astype(int)
    _, cell_N, count_C = np.unique(cell_N3, axis=0, return_inverse=True, return_counts=True)
    return count_C[cell_N.ravel()].astype(np.float64)


def upright(motion: BodyMotion, ground: Ground) -> BodyMotion:
    """The motion in upright axes: y is up, the floor is y = 0, z points level towards the camera."""
    return replace(motion.moved(ground.axes_33, ground.shift_3), camera=None)
