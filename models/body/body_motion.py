"""The motion of one person."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32, F64, Float
from models.body.body_pose import BodyPose
from models.body.camera import PinholeCamera


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyMotion:
    """One person over T frames, with one shape.

    Attributes:
        rotation_TB33, root_T3: the poses, as in `BodyPose`.
        shape_C: scores of the shape's components.
        second_T: time of each frame, seconds.
        confidence_TJ: confidence of each keypoint, 0..1.
        seen_TB: visible share of each bone's skin, 0..1.
        camera: the camera in whose frame the motion is given; None for a motion in upright axes.
    """

    rotation_TB33: F32
    root_T3: F32
    shape_C: F32
    second_T: F64
    confidence_TJ: F32
    seen_TB: F32
    camera: PinholeCamera | None

    def moved(self, axes_33: Float, shift_3: Float) -> BodyMotion:
        """The motion after a rotation and a shift: a point p moves to `axes_33 @ p + shift_3`."""
        rotation_TB33 = self.rotation_TB33.copy()
        rotation_TB33[:, 0] = axes_33 @ rotation_TB33[:, 0]
        root_T3 = self.root_T3 @ axes_33.T + shift_3
        return replace(self, rotation_TB33=rotation_TB33, root_T3=root_T3.astype(np.float32))

    def pose(self, frame: int) -> BodyPose:
        """The pose in one frame."""
        return BodyPose(rotation_B33=self.rotation_TB33[frame], root_3=self.root_T3[frame], shape_C=self.shape_C)
