"""The motion of a skeleton, as all readers of motions return it: bones, and a rotation of each joint in each frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64, I32
from models.errors import ModelError

AXES = {"X": 0, "Y": 1, "Z": 2}
MAX_FRAMES, MAX_JOINT_FRAMES = 2**19, 2**22
"""Motions with more frames, or more rotations (joints times frames), are refused: these take 151 MB."""
MAX_COORDINATE = 1e9
"""Files with larger coordinates or angles are damaged. With this limit, sums along a skeleton are finite."""
NAME_LENGTH = 200
"""Maximum length of a joint's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkeletalMotion:
    """T frames of a skeleton of J joints, in the axes and units of its file.

    Attributes:
        names: names of the joints.
        parent_J: index of the parent; −1 for the root, which is first; parents come before their children.
        offset_J3: position of each joint in its parent's axes; the root's is 0.
        rotation_TJ33: rotation of each joint's axes relative to its parent's; the root's relative to the world.
        position_T3: position of the root in the world.
        frame_time: seconds from one frame to the next.
    """

    names: tuple[str, ...]
    parent_J: I32
    offset_J3: F32
    rotation_TJ33: F32
    position_T3: F32
    frame_time: float

    def joint(self, name: str) -> int:
        """Index of a joint. Raises ModelError if the skeleton has no such joint."""
        if name not in self.names:
            raise ModelError("the skeleton has no such joint", name, f"it has {', '.join(self.names[:12])} …")
        return self.names.index(name)


def require_motion_size(frames: int, joints: int) -> None:
    """Check the size of a motion. Raises: ValueError for one that is larger than the limits of this module."""
    most = min(MAX_FRAMES, MAX_JOINT_FRAMES // max(joints, 1))
    if frames > most:
        raise ValueError(f"it has more than {most} frames of {joints} joints")


def require_coordinates(value: F64) -> F64:
    """The given values. Raises: ValueError if one of them is not finite, or larger than `MAX_COORDINATE`."""
    if not (np.abs(value) <= MAX_COORDINATE).all():
        raise ValueError("some of its values are not finite, or too large")
    return value


def posed_skeleton(motion: SkeletalMotion) -> tuple[F32, F32]:
    """Rotations (T, J, 3, 3) and positions (T, J, 3) of all joints in the world."""
    turned, placed = np.empty_like(motion.rotation_TJ33), np.empty(motion.rotation_TJ33.shape[:3], np.float32)
    for j, parent in enumerate(motion.parent_J.tolist()):
        if parent < 0:
            turned[:, j], placed[:, j] = motion.rotation_TJ33[:, j], motion.position_T3
        else:
            turned[:, j] = turned[:, parent] @ motion.rotation_TJ33[:, j]
            placed[:, j] = placed[:, parent] + turned[:, parent] @ motion.offset_J3[j]
    return turned, placed


def euler_rotations(angle_TA: F64, axes: str) -> F32:
    """Rotations (T, 3, 3): the product of rotations about X, Y or Z in the order of `axes`; angles in radians."""
    result = np.tile(np.eye(3), (len(angle_TA), 1, 1))
    for k, axis in enumerate(axes):
        first, second = (AXES[axis] + 1) % 3, (AXES[axis] + 2) % 3
        cosine, sine = np.cos(angle_TA[:, k]), np.sin(angle_TA[:, k])
        turn = np.tile(np.eye(3), (len(angle_TA), 1, 1))
        turn[:, first, first], turn[:, first, second] = cosine, -sine
        turn[:, second, first], turn[:, second, second] = sine, cosine
        result = result @ turn
    return result.astype(np.float32)


def quaternion_rotations(quaternion_T4: F64) -> F32:
    """Rotation matrices (T, 3, 3) of quaternions w, x, y, z of any length but 0."""
    unit_T4 = quaternion_T4 / np.linalg.norm(quaternion_T4, axis=1, keepdims=True)
    w, x, y, z = unit_T4.T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0).astype(np.float32)
