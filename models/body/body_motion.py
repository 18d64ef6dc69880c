"""The motion of one person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from models.arrays import F32, F64, U8, Bool, Float, Index
from models.body.body_pose import BodyPose
from models.body.camera import PinholeCamera
from models.body.open_body import load_body

HIDDEN, BRIDGED, SEEN = 0, 1, 2
"""Presence of a person in a frame: not visible; estimated from the frames around; fitted to what the frame shows."""
PRESENCES = ("hidden", "bridged", "seen")
"""Names of these values in files."""
PART_FRAMES = 512
"""Maximum number of frames in a part of a motion. All bones of these frames take 5 MB."""


def every_bone() -> Index:
    """Indices of all bones of the open body."""
    return np.arange(len(load_body().bones))


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMotion:
    """One person over T frames, with one shape.

    Attributes:
        rotation_TK33: rotations of the K bones of `bone_K`, as in `BodyPose`; all other bones are as in the rest pose.
        root_T3: positions of the root, as in `BodyPose`.
        shape_C: scores of the shape's components.
        second_T: time of each frame, seconds.
        confidence_TJ: confidence of each keypoint, 0..1.
        presence_T: `HIDDEN`, `BRIDGED` or `SEEN`. The pose of a hidden frame is interpolated.
        camera: the camera in whose frame the motion is given; None for a motion in upright axes.
        bone_K: indices of the bones that move; the root is the first.
    """

    rotation_TK33: F32
    root_T3: F32
    shape_C: F32
    second_T: F64
    confidence_TJ: F32
    presence_T: U8
    camera: PinholeCamera | None
    bone_K: Index = field(default_factory=every_bone)

    def all_rotations(self) -> F32:
        """Rotations of all bones (T, B, 3, 3), as a copy."""
        bones = len(load_body().bones)
        rotation_TB33: F32 = np.broadcast_to(np.eye(3, dtype=np.float32), (len(self.root_T3), bones, 3, 3)).copy()
        rotation_TB33[:, self.bone_K] = self.rotation_TK33
        return rotation_TB33

    def shown(self) -> Bool:
        """Whether the person is visible or bridged in each frame (T,)."""
        return np.asarray(self.presence_T != HIDDEN)

    def column(self, bone: str) -> int:
        """Index of a bone in `bone_K`. Raises IndexError for a bone that does not move."""
        return int(np.flatnonzero(self.bone_K == load_body().bone(bone))[0])

    def part(self, frames: slice | Index) -> BodyMotion:
        """The motion in some of its frames."""
        return replace(
            self, rotation_TK33=self.rotation_TK33[frames], root_T3=self.root_T3[frames],
            second_T=self.second_T[frames], confidence_TJ=self.confidence_TJ[frames],
            presence_T=self.presence_T[frames],
        )

    def parts(self) -> Iterator[BodyMotion]:
        """The motion as consecutive parts, so that arrays of all bones need little memory."""
        for first in range(0, len(self.root_T3), PART_FRAMES):
            yield self.part(slice(first, first + PART_FRAMES))

    def moved(self, axes_33: Float, shift_3: Float) -> BodyMotion:
        """The motion after a rotation and a shift: a point p moves to `axes_33 @ p + shift_3`."""
        rotation_TK33 = self.rotation_TK33.copy()
        rotation_TK33[:, 0] = axes_33 @ rotation_TK33[:, 0]
        root_T3 = self.root_T3 @ axes_33.T + shift_3
        return replace(self, rotation_TK33=rotation_TK33, root_T3=root_T3.astype(np.float32))

    def pose(self, frame: int) -> BodyPose:
        """The pose in one frame."""
        rotation_B33 = self.part(slice(frame, frame + 1)).all_rotations()[0]
        return BodyPose(rotation_B33=rotation_B33, root_3=self.root_T3[frame], shape_C=self.shape_C)


def seen_in_all(frames: int) -> U8:
    """The presence of a person who is visible in all frames."""
    return np.full(frames, SEEN, np.uint8)
