"""The result of a fit of the open body to one person of one frame."""

from __future__ import annotations

from dataclasses import dataclass

from models.arrays import F32
from models.body.body_pose import BodyPose
from models.body.camera import PinholeCamera


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedBody:
    """A fit, in the frame of its camera.

    Attributes:
        pose: the body.
        camera: the camera that shows it.
        confidence_J: confidence of each keypoint, 0..1.
        seen_B: visible share of each bone's skin, 0..1.
        residual: mean distance between projected points of the surface and their image points, relative to the
            person's size in pixels.
        is_person: probability that this is a person.
        height_stated: whether the user stated the person's height, so that size and distance are known.
    """

    pose: BodyPose
    camera: PinholeCamera
    confidence_J: F32
    seen_B: F32
    residual: float
    is_person: float
    height_stated: bool = False
