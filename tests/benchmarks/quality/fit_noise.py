"""Errors as a fit to dense surfaces makes them: correlated in time, largest along the view, with some jitter."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.spatial.transform import Rotation

from models.arrays import F64
from models.body.body_motion import BodyMotion
from models.body.open_body import bones_over_time, load_body
from models.body.pose_library import STORED_BONES

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class FitNoise:
    """Standard deviations of the errors.

    Attributes:
        toward, across: turns of a limb towards or away from the camera, and in the image plane, radians.
        trunk: factor on both for hips, spine, neck and head.
        scale: of body size and distance together, which stays the same through a clip.
        depth, aside: of the root's place, metres.
        lasting: seconds over which errors last.
        jitter: share of errors that are new in each frame.
    """

    toward: float = 0.24
    across: float = 0.02
    trunk: float = 0.5
    scale: float = 0.03
    depth: float = 0.04
    aside: float = 0.006
    lasting: float = 0.35
    jitter: float = 0.2


def lasting_noise(rng: Rng, noise: FitNoise, frames: int, columns: int, fps: float) -> F64:
    """Unit noise (T, columns), most of which lasts."""
    pad = int(4 * noise.lasting * fps)
    slow = gaussian_filter1d(rng.normal(size=(frames + 2 * pad, columns)), noise.lasting * fps, axis=0)[pad:-pad]
    slow *= np.sqrt(2 * np.sqrt(np.pi) * noise.lasting * fps)
    return np.sqrt(1 - noise.jitter**2) * slow + noise.jitter * rng.normal(size=(frames, columns))


def as_fitted(truth: BodyMotion, noise: FitNoise, rng: Rng) -> BodyMotion:
    """The true motion, in the camera's frame, with errors."""
    body, frames = load_body(), len(truth.second_T)
    fps = (frames - 1) / float(truth.second_T[-1] - truth.second_T[0])
    _, head_B3 = body.rest(truth.shape_C)
    turned_TB33, _ = bones_over_time(truth.rotation_TK33, head_B3, truth.root_T3)
    view_T3 = truth.root_T3 / np.linalg.norm(truth.root_T3, axis=1, keepdims=True)
    wrong_TB33 = turned_TB33.astype(np.float64)
    for name in STORED_BONES:
        b, trunk = body.bone(name), "." not in name
        unit_T3 = lasting_noise(rng, noise, frames, 3, fps)
        along_T = (unit_T3 * view_T3).sum(axis=1, keepdims=True)
        factor = noise.trunk if trunk else 1.0
        vector_T3 = factor * (noise.toward * (unit_T3 - along_T * view_T3) + noise.across * along_T * view_T3)
        wrong_TB33[:, b] = Rotation.from_rotvec(vector_T3).as_matrix() @ wrong_TB33[:, b]
    rotation_TB33 = truth.rotation_TK33.copy()
    for name in STORED_BONES:
        b, parent = body.bone(name), int(body.parent_B[body.bone(name)])
        above = wrong_TB33[:, parent] if parent >= 0 else np.eye(3)
        # A parent that is not stored moves with its own parent.
        if parent >= 0 and body.bones[parent] not in STORED_BONES:
            above = _carried(wrong_TB33, rotation_TB33, parent)
        rotation_TB33[:, b] = np.swapaxes(np.broadcast_to(above, wrong_TB33[:, b].shape), 1, 2) @ wrong_TB33[:, b]
    depth_T1, aside_T2 = lasting_noise(rng, noise, frames, 1, fps), lasting_noise(rng, noise, frames, 2, fps)
    size = 1 + noise.scale * float(rng.normal())
    root_T3 = truth.root_T3 * size + view_T3 * noise.depth * depth_T1
    root_T3[:, :2] += noise.aside * aside_T2
    return replace(truth, rotation_TK33=rotation_TB33.astype(np.float32), root_T3=root_T3.astype(np.float32))


def _carried(wrong_TB33: F64, rotation_TB33: F64, bone: int) -> F64:
    """Global rotation (T, 3, 3) of a bone that follows the nearest stored bone above it."""
    body = load_body()
    if body.bones[bone] in STORED_BONES:
        return wrong_TB33[:, bone]
    return _carried(wrong_TB33, rotation_TB33, int(body.parent_B[bone])) @ rotation_TB33[:, bone]
