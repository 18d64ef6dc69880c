"""Contacts at speeds between their thresholds, along the camera's ray, and at other frame rates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.arrays import F64, Bool
from models.body.body_motion import BodyMotion
from models.body.open_body import load_body
from models.motion.contact_path import PathErrors
from models.motion.foot_contact import detected_contacts
from models.motion.foot_lock import locked_feet
from models.motion.smoothing import smoothed_motion
from models.motion.soles import motion_frame_rate, sole_centres
from tests.models.motion.motions import still_motion, turns_about

pytestmark = pytest.mark.quick

FAST = 100.0
"""Frames per second at which a test's motion is too short to be split as a step."""
EYE_3 = np.array([0.0, 0.02, 10.0])


LIFTED = 14
"""Frames at both ends in which the foot is in the air, because speeds at the ends of a motion are too low."""


def contacts(speeds: list[float], axis: int, frames: int, eye_3: F64 | None = None) -> Bool:
    """Contacts (T, 4) of parts of soles on the floor that move at these speeds, m/s, each for some frames."""
    speed_T = np.repeat([speeds[0], *speeds, speeds[-1]], [LIFTED, *[frames] * len(speeds), LIFTED])
    patch_TP3 = np.zeros((len(speed_T), 4, 3))
    patch_TP3[..., axis] = np.cumsum(speed_T)[:, None] / FAST
    patch_TP3[..., 1] = 0.02
    patch_TP3[:LIFTED, :, 1] = patch_TP3[-LIFTED:, :, 1] = 0.5
    return detected_contacts(patch_TP3, eye_3, FAST)[LIFTED:-LIFTED]


def test_a_contact_goes_on_between_the_thresholds_and_ends_above_the_second() -> None:
    kept_TP = contacts([0.4, 0.7, 0.4], 0, 18)
    assert kept_TP[8:-8].all()
    ended_TP = contacts([0.4, 1.1, 0.7], 0, 18)
    assert ended_TP[8:14].all() and not ended_TP[22:].any(), "0.7 m/s continues a contact, but does not begin one"


@pytest.mark.parametrize(("speed", "stands"), [(2.2, True), (2.8, False)])
def test_a_fifth_of_the_speed_along_the_ray_counts(speed: float, stands: bool) -> None:
    contact_TP = contacts([speed], 2, 30, EYE_3)
    assert contact_TP[8:-8].all() if stands else not contact_TP.any()


@pytest.mark.parametrize(("speed", "stands"), [(0.45, True), (0.55, False)])
def test_the_speed_across_the_ray_counts_in_full(speed: float, stands: bool) -> None:
    contact_TP = contacts([speed], 0, 30, EYE_3)
    assert contact_TP[8:-8].all() if stands else not contact_TP.any()


def steps(fps: float) -> BodyMotion:
    """Two seconds of somebody who bends the knees, lifts the left foot once, and whose path sways."""
    frames = round(2 * fps) + 1
    second_T, motion, body = np.arange(frames) / fps, still_motion(frames), load_body()
    lift_T = np.where(np.abs(second_T - 1) < 0.3, np.cos((second_T - 1) / 0.3 * np.pi) + 1, 0)
    for side, lift in (("L", 1.0), ("R", 0.0)):
        for bone, bend in (("upperleg01", -0.3), ("lowerleg01", 0.6), ("foot", -0.3)):
            turn_T33 = turns_about((1, 0, 0), bend * (1 + lift * lift_T))
            motion.rotation_TK33[:, body.bone(f"{bone}.{side}")] = turn_T33
    root_T3 = motion.root_T3 - np.float32([0, 0.05, 0])
    root_T3[:, 0] += 0.03 * np.sin(2 * np.pi * 1.5 * second_T)
    return replace(motion, root_T3=root_T3.astype(np.float32), second_T=second_T)


def grounded(fps: float) -> tuple[BodyMotion, BodyMotion, Bool]:
    """A motion after smoothing, after locking of feet, and its contacts."""
    smooth = smoothed_motion(steps(fps))
    contact_TP = detected_contacts(sole_centres(smooth), EYE_3, motion_frame_rate(smooth))
    return smooth, locked_feet(smooth, contact_TP, EYE_3), contact_TP


def test_the_same_motion_at_30_and_60_frames_per_second_gives_the_same() -> None:
    (smooth, locked, contact_TP), (smooth2, locked2, contact2_TP) = grounded(30.0), grounded(60.0)
    assert contact_TP.any() and not contact_TP[:, :2].all()
    differs_TP = contact_TP != contact2_TP[::2]
    assert differs_TP.sum(axis=0).max() <= 2, "contacts begin and end within a frame of each other"
    assert np.abs(smooth.root_T3 - smooth2.root_T3[::2]).max() < 0.003
    corrected = locked.root_T3 - smooth.root_T3, (locked2.root_T3 - smooth2.root_T3)[::2]
    assert np.abs(corrected[0]).max() > 0.01, "there is something to correct"
    assert np.abs(corrected[0] - corrected[1]).max() < 0.004


@pytest.mark.parametrize(("root", "foot", "kept"), [(0.0005, 0.1, True), (0.1, 0.0005, False)])
def test_the_part_with_the_smaller_error_stays(root: float, foot: float, kept: bool) -> None:
    """A body sways by 3 cm over standing feet: either the path is right, or the contacts are."""
    motion = still_motion(41)
    root_T3 = motion.root_T3 - np.float32([0, 0.05, 0])
    root_T3[:, 0] += 0.03 * np.sin(np.arange(41) / 5)
    swaying = replace(motion, root_T3=root_T3.astype(np.float32))
    errors = PathErrors(root_3=(root,) * 3, foot_3=(foot,) * 3, bend_3=(1.0,) * 3)
    found = locked_feet(swaying, np.ones((41, 4), bool), None, errors).root_T3
    assert np.ptp(found[:, 0]) == pytest.approx(np.ptp(root_T3[:, 0]) if kept else 0, abs=0.006)
