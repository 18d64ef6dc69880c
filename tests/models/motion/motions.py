"""Simple motions of the open body, for tests."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from models.arrays import F32, Float
from models.body.body_motion import BodyMotion, seen_in_all
from models.body.open_body import load_body

FPS = 30.0


def still_motion(frames: int) -> BodyMotion:
    """The mean body at rest with its soles on y = 0, in upright axes."""
    body = load_body()
    shape_C = np.zeros(len(body.component_CV3), np.float32)
    _, head_B3 = body.rest(shape_C)
    return BodyMotion(
        rotation_TK33=np.tile(np.eye(3, dtype=np.float32), (frames, len(body.bones), 1, 1)),
        root_T3=np.tile(head_B3[0], (frames, 1)),
        shape_C=shape_C,
        second_T=np.arange(frames) / FPS,
        confidence_TJ=np.ones((frames, len(body.keypoint_KV)), np.float32),
        presence_T=seen_in_all(frames),
        camera=None,
    )


def turns_about(axis_3: tuple[float, float, float], angle_T: Float) -> F32:
    """Rotations (T, 3, 3) about one axis."""
    return Rotation.from_rotvec(np.asarray(angle_T)[:, None] * np.array(axis_3)).as_matrix().astype(np.float32)
