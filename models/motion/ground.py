"""Estimates the up direction and the floor in the frame of a still camera, so that a motion gets upright axes.

Least squares combine three cues. The directions of the body's parts and the camera, which is mostly level, give up (see
`up_direction`). Feet that stand still are on one plane: this cue becomes stronger when a person walks farther. Vertical
lines of the image give up if there are many and they agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F32, F64, Bool, Float
from models.body.body_motion import BodyMotion
from models.body.camera import PinholeCamera
from models.body.open_body import load_body
from models.motion.soles import motion_bones, motion_frame_rate, sole_centres, soles_over_time
from models.motion.up_direction import UpSource, estimated_up, posture_directions
from models.motion.vertical_lines import across, up_from_lines

UP_OF_BONES: Mapping[str, tuple[float, float, float]] = {
    "root": (0.0, 0.14, -0.01),
    "spine01": (0.0, 0.20, -0.01),
    "head": (0.0, 0.12, -0.02),
    "upperleg01": (-0.03, 0.14, 0.05),
    "lowerleg01": (-0.02, 0.08, -0.06),
    "foot": (0.02, 0.06, 0.02),
    "upperarm01": (0.02, 0.0, 0.0),
}
"""A direction in the axes of each bone. Rotated with their bones and summed, they point up. A right bone's is mirrored.

Fitted by least squares to poses of the library and the rest pose, with rotations of 9° added to each bone:
`python -m tests.benchmarks.quality.upright_weights`.
"""
TRUNK = ("root", "spine01", "head")
"""Those of these bones that are not of limbs."""
UPRIGHT_DEG, SKIN_M = 40.0, 0.02
"""Degrees: a person is upright if the body's up vector is nearer to up; and metres of skin below the lowest bone, of a
person who is not upright."""
LEVEL = np.radians(8.0)
"""Standard deviation, radians, of the camera's roll about its axis around 0."""

STILL_SPEED, LIFTED_M, SMOOTHING_S = 0.45, 0.25, 0.07
"""A part of a sole may stand on the floor if it is slower than the first number, in metres per second, and at most the
second number, in metres, above the person's lowest part. Positions are smoothed with a Gaussian of the third number, in
seconds, before."""
MIN_STILL_POINTS = 3
"""With fewer still positions the floor is at the lowest sole."""
ACROSS_M, ALONG_M, LASTING_S = 0.03, 0.08, 1.4
"""Standard deviations of a still foot's position across the camera's ray and along it, metres. The errors of successive
frames are equal for about the third number, in seconds, and both parts of a sole have the same error."""
BOX_3 = np.array([0.5, 0.5, 1.2])
"""Metres in the camera's axes. Still feet in one box of this size have the same error, for any number of frames. The
depth of the box is the error of a fit along the ray. The boxes are a grid around the median of all positions."""
ABOVE, BELOW = 4.0, 100.0
"""Squared widths of the robust kernel, in variances, for positions above and below the floor: a still foot may be in
the air, but not below the floor."""
ITERATIONS = 12
"""Number of Gauss–Newton steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Upright axes in a camera's frame: a point p of the camera's frame is `axes_33 @ p + shift_3` in upright axes.

    Attributes:
        axes_33: rows are right, up, and the level direction towards the camera, as unit vectors in the camera's frame.
        shift_3: position of the camera in upright axes, metres; the floor is y = 0.
        still: number of positions of still feet from which the floor is estimated; 0 if it is at the lowest sole.
        sure: whether other up directions are improbable.
    """

    axes_33: F64
    shift_3: F64
    still: int
    sure: bool = True

    @property
    def up_3(self) -> F64:
        """Up in the camera's frame."""
        return self.axes_33[1]


def estimated_ground(motion: BodyMotion, lines: Sequence[F32] = (), source: UpSource = "auto") -> Ground:
    """Upright axes and floor of a motion in the frame of a still camera.

    Args:
        motion: the motion of one person.
        lines: steep lines of some frames, as `up_from_lines` takes them.
        source: from what the up direction is estimated, see `estimated_up`.
    """
    body_up_T3, trunk_T3 = body_ups(motion)
    level_up_3 = up_of_level_lines(lines, motion.camera)
    estimate = estimated_up([posture_directions(motion, body_up_T3, trunk_T3)], np.ones(1), source, level_up_3)
    up_3, spread_2 = up_with_lines(estimate.up_3, estimate.spread_2, lines, motion.camera)
    still_N3, height = still_feet(motion, body_up_T3, up_3), None
    if len(still_N3) >= MIN_STILL_POINTS:
        up_3, height = _level(up_3, spread_2, still_N3, motion_frame_rate(motion))
    if height is None:
        height = lowest_height(motion, up_3)
    still = len(still_N3) if len(still_N3) >= MIN_STILL_POINTS else 0
    return replace(ground_at(up_3, height, still), sure=estimate.sure)


def body_ups(motion: BodyMotion) -> tuple[F64, F64]:
    """The up vectors (T, 3) of `up_from_body` of a motion, and those of its trunk alone."""
    body, ups = load_body(), []
    needed = np.array([body.bone(bone) for name in UP_OF_BONES for bone in _bones_of(name)])
    for part in motion.parts():
        turned_TB33 = motion_bones(part, needed)[0]
        ups.append(np.stack([up_from_body(turned_TB33), up_from_body(turned_TB33, TRUNK)]))
    both_2T3 = np.concatenate(ups, axis=1)
    return both_2T3[0], both_2T3[1]


def still_feet(motion: BodyMotion, body_up_T3: F64, up_3: F64) -> F64:
    """Positions (N, 3) of feet that stand still, in the frames in which the person is visible and upright.

    Args:
        motion: the motion.
        body_up_T3: its up vectors, the first of `body_ups`.
        up_3: the up direction.
    """
    fps = motion_frame_rate(motion)
    smooth_TP3 = gaussian_filter1d(sole_centres(motion), SMOOTHING_S * fps, axis=0, mode="nearest")
    speed_TP = np.linalg.norm(np.gradient(smooth_TP3, axis=0), axis=2) * fps if len(smooth_TP3) > 1 else np.inf
    height_TP = smooth_TP3 @ up_3
    low_TP = height_TP - height_TP.min(axis=1, keepdims=True) < LIFTED_M
    still_N3: F64 = smooth_TP3[(speed_TP < STILL_SPEED) & low_TP & _stands(motion, body_up_T3, up_3)[:, None]]
    return still_N3


def _stands(motion: BodyMotion, body_up_T3: F64, up_3: F64) -> Bool:
    """Whether the person is visible and upright in each frame (T,)."""
    cosine_T = body_up_T3 @ up_3 / np.maximum(np.linalg.norm(body_up_T3, axis=1), 1e-9)
    return motion.shown() & (cosine_T > np.cos(np.radians(UPRIGHT_DEG)))


def lowest_height(motion: BodyMotion, up_3: F64) -> float:
    """Height of the floor along an up direction, metres: of the lowest sole, or of the skin of a lower bone."""
    sole, bone = np.inf, np.inf
    for part in motion.parts():
        turned_TB33, placed_TB3 = motion_bones(part)
        sole = min(sole, float((soles_over_time(part.shape_C, turned_TB33, placed_TB3) @ up_3).min()))
        bone = min(bone, float((placed_TB3 @ up_3).min()))
    return min(sole, bone - SKIN_M)


def ground_at(up_3: F64, height: float, still: int) -> Ground:
    """The ground of an up direction in the camera's frame, with the floor at a height along it, in metres."""
    right_3 = np.cross(up_3, [0.0, 0.0, -1.0])
    right_3 /= np.linalg.norm(right_3)
    axes_33 = np.stack([right_3, up_3, np.cross(right_3, up_3)])
    return Ground(axes_33=axes_33, shift_3=np.array([0.0, -height, 0.0]), still=still)


def up_from_body(turned_TB33: Float, names: Iterable[str] = UP_OF_BONES) -> F64:
    """Up vectors (T, 3) from the directions of the body's parts; they are shorter where the directions disagree.

    `names`: the parts that count, of `UP_OF_BONES`.
    """
    body, up_T3 = load_body(), np.zeros((len(turned_TB33), 3))
    for name in names:
        for bone in _bones_of(name):
            mirror = -1.0 if bone.endswith(".R") else 1.0
            up_T3 += turned_TB33[:, body.bone(bone)] @ (np.array(UP_OF_BONES[name]) * [mirror, 1, 1])
    return up_T3


def _bones_of(name: str) -> list[str]:
    """The bone of this name, or the left and the right one."""
    return [name] if name in load_body().bones else [f"{name}.L", f"{name}.R"]


def up_of_level_lines(lines: Sequence[F32], camera: PinholeCamera | None) -> F64 | None:
    """The up direction of vertical lines if the camera is nearly level; None if there are none."""
    found = None if camera is None else up_from_lines(lines, camera, np.array([0.0, -1.0, 0.0]))
    return None if found is None else found.up_3


def up_with_lines(
    body_up_3: F64, spread_2: F64, lines: Sequence[F32], camera: PinholeCamera | None
) -> tuple[F64, F64]:
    """The up direction of bodies, combined with that of vertical lines, and its standard deviations.

    Args:
        body_up_3: the up direction from bodies.
        spread_2: its standard deviations sideways and towards the camera, radians.
        lines: steep lines of some frames, as `up_from_lines` takes them.
        camera: the camera, or None.
    """
    from_lines = up_from_lines(lines, camera, body_up_3) if camera is not None else None
    if from_lines is None:
        return body_up_3, spread_2
    body_weight_2, line_weight_2 = spread_2**-2, from_lines.spread_2**-2
    weight_2, turn_23 = body_weight_2 + line_weight_2, across(body_up_3)
    up_3 = body_up_3 + (line_weight_2 / weight_2 * (turn_23 @ from_lines.up_3)) @ turn_23
    return up_3 / np.linalg.norm(up_3), weight_2**-0.5


def _level(body_up_3: F64, spread_2: F64, point_N3: F64, fps: float) -> tuple[F64, float]:
    """The up direction and the floor's height along it, from the bodies' up direction and N positions of still feet.

    Robust least squares.
    """
    up_3, height = body_up_3, float(np.percentile(point_N3 @ body_up_3, 30))
    view_N3 = point_N3 / np.linalg.norm(point_N3, axis=1, keepdims=True)
    shared_N = np.maximum(LASTING_S * fps, _points_in_box(point_N3))
    for _ in range(ITERATIONS):
        turn_23 = across(up_3)
        variance_N = ACROSS_M**2 + (ALONG_M**2 - ACROSS_M**2) * (view_N3 @ up_3) ** 2
        error_N = point_N3 @ up_3 - height
        squared_width_N = np.where(error_N < 0, BELOW, ABOVE) * variance_N
        weight_N = 1 / (shared_N * variance_N * (1 + error_N**2 / squared_width_N))
        slope_N3 = np.column_stack([point_N3 @ turn_23.T, -np.ones(len(point_N3))])
        normal_33 = slope_N3.T @ (slope_N3 * weight_N[:, None])
        right_3 = slope_N3.T @ (weight_N * error_N)
        precision_22 = np.diag(spread_2**-2)
        roll_2 = turn_23[:, 0] / LEVEL
        normal_33[:2, :2] += precision_22 + np.outer(roll_2, roll_2)
        right_3[:2] += roll_2 * up_3[0] / LEVEL - precision_22 @ turn_23 @ body_up_3
        step_3 = -np.linalg.solve(normal_33, right_3)
        up_3 = up_3 + step_3[:2] @ turn_23
        up_3, height = up_3 / np.linalg.norm(up_3), height + float(step_3[2])
    return up_3, height


def _points_in_box(point_N3: F64) -> F64:
    """For each point (N,) the number of points in its box (see `BOX_3`)."""
    cell_N3 = np.rint((point_N3 - np.median(point_N3, axis=0)) / BOX_3).astype(int)
    _, cell_N, count_C = np.unique(cell_N3, axis=0, return_inverse=True, return_counts=True)
    return count_C[cell_N.ravel()].astype(np.float64)


def upright(motion: BodyMotion, ground: Ground) -> BodyMotion:
    """The motion in upright axes: y is up, the floor is y = 0, z is level and points towards the camera."""
    return replace(motion.moved(ground.axes_33, ground.shift_3), camera=None)
