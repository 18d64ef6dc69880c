"""Converts a fitted motion in the frame of a still camera to a smooth motion in upright axes with locked feet."""

from __future__ import annotations

from dataclasses import dataclass

from models.arrays import Bool
from models.body.body_motion import BodyMotion
from models.motion.foot_contact import detected_contacts
from models.motion.foot_lock import MAX_ROUNDS, locked_feet, reached_contacts
from models.motion.ground import Ground, estimated_ground, upright
from models.motion.smoothing import smoothed_motion
from models.motion.soles import motion_frame_rate, sole_centres


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundedMotion:
    """A motion in upright axes.

    Attributes:
        motion: y is up, the floor is y = 0, z is level and points towards the camera.
        ground: these axes in the camera's frame, and the camera's position in them.
        contact_TP: contacts of the `PATCHES` of the soles.
    """

    motion: BodyMotion
    ground: Ground
    contact_TP: Bool


def grounded_motion(motion: BodyMotion, ground: Ground | None = None, *, lock: bool = True) -> GroundedMotion:
    """The motion, smooth and upright, with locked feet.

    Args:
        motion: in the frame of a still camera, with evenly spaced frames.
        ground: the ground of the camera if it is known, as for a second person; None estimates it from the motion.
        lock: False leaves the feet as in the fit.
    """
    smooth = smoothed_motion(motion)
    ground = estimated_ground(smooth) if ground is None else ground
    standing = upright(smooth, ground)
    eye_3, fps = ground.shift_3, motion_frame_rate(standing)
    # Contacts are detected twice: after a first correction the path is smoother, and more contacts are found.
    # The first correction only has to be steady, so one solution is enough.
    steadier = standing
    for rounds in (1, MAX_ROUNDS):
        found_TP = detected_contacts(sole_centres(steadier), eye_3, fps) & motion.shown()[:, None]
        contact_TP = reached_contacts(standing, found_TP, eye_3)
        steadier = locked_feet(standing, contact_TP, eye_3, rounds=rounds)
    return GroundedMotion(motion=steadier if lock else standing, ground=ground, contact_TP=contact_TP)

