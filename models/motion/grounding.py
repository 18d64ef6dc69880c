"""From a fitted motion before a still camera to one that stands: smooth, upright, on the floor, with feet that stay."""

from __future__ import annotations

from dataclasses import dataclass

from models.arrays import Bool
from models.body.body_motion import BodyMotion
from models.motion.foot_contact import detected_contacts
from models.motion.foot_lock import locked_feet, reached_contacts
from models.motion.ground import Ground, estimated_ground, upright
from models.motion.smoothing import smoothed_motion
from models.motion.soles import frames_a_second, sole_centres


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedMotion:
    """A motion in upright axes.

    Attributes:
        motion: y is up, the floor is y = 0, z points level towards the camera.
        ground: where the camera stands in these axes.
        contact_TP: which of the soles' `PATCHES` stand on the floor.
    """

    motion: BodyMotion
    ground: Ground
    contact_TP: Bool


def grounded_motion(motion: BodyMotion, ground: Ground | None = None, *, lock: bool = True) -> GroundedMotion:
    """The motion, smooth and upright, with locked feet.

    Args:
        motion: in the frame of a still camera, with evenly spaced frames.
        ground: that of the camera, where it is known, as for a second person; else the motion tells it.
        lock: False leaves the feet as the fit has them.
    """
    smooth = smoothed_motion(motion)
    ground = estimated_ground(smooth) if ground is None else ground
    standing = upright(smooth, ground)
    eye_3, fps = ground.shift_3, frames_a_second(standing)
    # On a steadier path more contacts show.
    first_TP = reached_contacts(standing, detected_contacts(sole_centres(standing), eye_3, fps), eye_3)
    steadier = locked_feet(standing, first_TP, eye_3)
    contact_TP = reached_contacts(standing, detected_contacts(sole_centres(steadier), eye_3, fps), eye_3)
    locked = locked_feet(standing, contact_TP, eye_3) if lock else standing
    return GroundedMotion(motion=locked, ground=ground, contact_TP=contact_TP)

