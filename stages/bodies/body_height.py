"""The height of a body. One image cannot distinguish a near child from a distant giant, so a user can state heights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.body.body_motion import BodyMotion
from models.body.fitted_body import FittedBody
from models.body.open_body import load_body
from stages.payloads import F32

HEIGHTS_M = (0.4, 2.6)
"""Smallest and largest height that can be stated, metres."""
STEPS = 4
"""Number of Newton steps: the height is nearly linear in the shape scores, so these reach it."""


def standing_height(shape_C: F32) -> float:
    """The height of a shape in rest pose, metres."""
    vertex_V3, _ = load_body().rest(shape_C)
    return float(vertex_V3[:, 1].max())


def shape_of_height(shape_C: F32, height_m: float) -> F32:
    """The nearest shape scores of a body of this height, by Newton steps along the gradient of the height."""
    body = load_body()
    score_C = shape_C.astype(np.float64)
    for _ in range(STEPS):
        vertex_V3, _ = body.rest(score_C.astype(np.float32))
        top, bottom = int(vertex_V3[:, 1].argmax()), int(vertex_V3[:, 1].argmin())
        slope_C = (body.component_CV3[:, top, 1] - body.component_CV3[:, bottom, 1]).astype(np.float64)
        score_C = score_C + slope_C * (height_m - float(vertex_V3[top, 1])) / (slope_C @ slope_C)
    return score_C.astype(np.float32)


def at_height(body: FittedBody, height_m: float) -> FittedBody:
    """The body with a stated height. It moves along its ray, so that its projection does not change."""
    ratio = height_m / standing_height(body.pose.shape_C)
    root_3 = (body.pose.root_3 * ratio).astype(np.float32)
    pose = replace(body.pose, shape_C=shape_of_height(body.pose.shape_C, height_m), root_3=root_3)
    return replace(body, pose=pose, height_stated=True)


def resized(motion: BodyMotion, size: float) -> BodyMotion:
    """A motion in a camera's frame whose body is larger by a factor, and more distant by the same factor."""
    shape_C = shape_of_height(motion.shape_C, size * standing_height(motion.shape_C))
    return replace(motion, shape_C=shape_C, root_T3=(motion.root_T3 * size).astype(np.float32))
