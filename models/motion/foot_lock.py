"""Feet that stay where they stand: a motion in upright axes is moved so that contacts neither slide nor sink in.

The path of the root and the places of contacts are found together by least squares, such that legs reach them; the
feet are flat where heel and ball stand. Between contacts the corrections fade.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from models.arrays import F64, Bool, Float
from models.body.body_motion import BodyMotion
from models.body.open_body import load_body
from models.motion.contact_path import SIDES, Contact, PathErrors, StretchedLeg, level_turn, path_and_anchors, view_axes
from models.motion.foot_contact import contact_runs, without_short_runs
from models.motion.leg_reach import LONGEST, with_reaching_leg
from models.motion.soles import frames_a_second, motion_bones, soles_over_time

FADE = 0.15
"""Seconds in which a correction fades before and after a contact."""

ROUNDS = 6
"""Times at most that path and places are solved: legs that do not reach join the next solution."""

REACH_SLACK = 0.001
"""Metres by which a leg may be too short."""

FLOATS = 0.01
"""Metres that a foot floats before the root comes straight down, off the place where the picture shows it."""

UNREACHED = 0.04
"""Metres by which a leg is too short for a place before the foot counts as lifted."""

REACH_SPREAD = 0.1
"""Seconds over which a root that a stretched leg pulls down comes down and up again."""


FITTED = PathErrors()
"""The errors of a fit to dense surfaces: the distance is the least certain."""


def locked_feet(
    motion: BodyMotion, contact_TP: Bool, eye_3: Float | None = None, errors: PathErrors = FITTED
) -> BodyMotion:
    """A motion in upright axes, with the floor at y = 0, whose soles stay in the contacts of their parts.

    Args:
        eye_3: place of the camera, along whose rays places are the least certain; None: along z.
    """
    contacts, stretched = _contacts(contact_TP), list[StretchedLeg]()
    if not contacts:
        return motion
    posed = _posed(motion)
    for _ in range(ROUNDS):
        planted = _planted(motion, posed, contacts, eye_3, errors, stretched)
        too_far = _stretched_legs(planted, contacts)
        if not too_far:
            break
        stretched += too_far
    rotation_TB33, placed_TB3 = motion.rotation_TB33.astype(np.float64), planted.placed_TB3
    placed_TB3[..., 1] -= _lowering(placed_TB3, planted.ankles, frames_a_second(motion))[:, None]
    for side, ankle_T3, foot_T33 in zip(SIDES, planted.ankles, planted.feet, strict=True):
        with_reaching_leg(rotation_TB33, posed.turned_TB33, placed_TB3, side, ankle_T3, foot_T33)
    return replace(motion, rotation_TB33=rotation_TB33.astype(np.float32), root_T3=placed_TB3[:, 0].astype(np.float32))


def reached_contacts(motion: BodyMotion, contact_TP: Bool, eye_3: Float | None = None) -> Bool:
    """The contacts without frames in which the leg is much too short for the place: the foot is in the air then."""
    contacts = _contacts(contact_TP)
    if not contacts:
        return contact_TP
    planted = _planted(motion, _posed(motion), contacts, eye_3, FITTED, [])
    fits_TF = np.stack([_missing(planted, side) < UNREACHED for side in range(2)], axis=1)
    return without_short_runs(contact_TP & fits_TF.repeat(2, axis=1), frames_a_second(motion))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posed:
    """Orientations and places of all bones of a motion, and the vertices of its soles."""

    turned_TB33: F64
    placed_TB3: F64
    sole_TPS3: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planted:
    """The moved bones, where both ankles come and how their feet turn; the root's shift and the places of contacts."""

    placed_TB3: F64
    ankles: list[F64]
    feet: list[F64]
    shift_T3: F64
    anchor_K3: F64


def _contacts(contact_TP: Bool) -> list[Contact]:
    return [
        Contact(patch=p, first=first, last=last)
        for p in range(contact_TP.shape[1])
        for first, last in contact_runs(contact_TP[:, p])
    ]


def _posed(motion: BodyMotion) -> _Posed:
    turned_TB33, placed_TB3 = motion_bones(motion)
    sole_TPS3 = soles_over_time(motion.shape_C, turned_TB33, placed_TB3)
    return _Posed(turned_TB33=turned_TB33, placed_TB3=placed_TB3, sole_TPS3=sole_TPS3)


def _planted(
    motion: BodyMotion, posed: _Posed, contacts: list[Contact], eye_3: Float | None, errors: PathErrors,
    stretched: list[StretchedLeg],
) -> _Planted:
    """Path and places by least squares, and the ankles that follow."""
    fps = frames_a_second(motion)
    foot_turn_TF33 = posed.turned_TB33[:, [load_body().bone(f"foot.{side}") for side in SIDES]]
    shift_T3, anchor_K3 = path_and_anchors(
        posed.sole_TPS3.mean(axis=2), *view_axes(posed.placed_TB3[:, 0], eye_3), foot_turn_TF33, motion.shape_C,
        contacts, errors, fps, stretched,
    )
    placed_TB3, sole_TPS3 = posed.placed_TB3 + shift_T3[:, None], posed.sole_TPS3 + shift_T3[:, None, None]
    places = [
        _placed_foot(fps, side, posed.turned_TB33, placed_TB3, sole_TPS3, contacts, anchor_K3) for side in range(2)
    ]
    return _Planted(
        placed_TB3=placed_TB3, ankles=[ankle_T3 for ankle_T3, _ in places], feet=[foot_T33 for _, foot_T33 in places],
        shift_T3=shift_T3, anchor_K3=anchor_K3,
    )


def _missing(planted: _Planted, side: int) -> F64:
    """How much a leg is too short to reach its ankle (T,), metres; negative where it is long enough."""
    hip_T3, longest = _leg(planted.placed_TB3, SIDES[side])
    return np.asarray(np.linalg.norm(planted.ankles[side] - hip_T3, axis=1) - longest)


def _stretched_legs(planted: _Planted, contacts: list[Contact]) -> list[StretchedLeg]:
    """Legs that do not reach their ankles while their feet stand."""
    found = []
    for side in range(2):
        way_T3, missing_T = planted.ankles[side] - _leg(planted.placed_TB3, SIDES[side])[0], _missing(planted, side)
        for t in np.flatnonzero(missing_T > REACH_SLACK).tolist():
            anchors = [k for k, one in enumerate(contacts) if one.patch // 2 == side and one.first <= t < one.last]
            if anchors:
                unit_3 = way_T3[t] / np.linalg.norm(way_T3[t])
                now = float((planted.anchor_K3[anchors].mean(axis=0) - planted.shift_T3[t]) @ unit_3)
                found.append(StretchedLeg(frame=t, anchors=anchors, way_3=unit_3, most=now - float(missing_T[t])))
    return found


def _placed_foot(
    fps: float,
    side: int,
    turned_TB33: F64,
    placed_TB3: F64,
    sole_TPS3: F64,
    contacts: list[Contact],
    anchor_K3: F64,
) -> tuple[F64, F64]:
    """Places of one ankle (T, 3) and orientations of its foot (T, 3, 3)."""
    foot, fade = load_body().bone(f"foot.{SIDES[side]}"), max(1, round(FADE * fps))
    ankle_T3, turned_T33 = placed_TB3[:, foot], turned_TB33[:, foot]
    mine_TPS3 = sole_TPS3[:, 2 * side : 2 * side + 2] - ankle_T3[:, None, None]
    anchor_TP3 = np.full((len(ankle_T3), 2, 3), np.nan)
    for k, one in enumerate(contacts):
        if one.patch // 2 == side:
            anchor_TP3[one.first : one.last, one.patch % 2] = anchor_K3[k]
    stands_TP = ~np.isnan(anchor_TP3[..., 0])
    turn = Rotation.from_rotvec(_faded(_flattening(turned_T33, stands_TP.all(axis=1)), stands_TP.all(axis=1), fade))
    turned_sole_TPS3 = np.einsum("tij,tpsj->tpsi", turn.as_matrix(), mine_TPS3)
    off_TP3 = np.nan_to_num(anchor_TP3 - turned_sole_TPS3.mean(axis=2) - ankle_T3[:, None])
    any_T = stands_TP.any(axis=1)
    move_T3 = off_TP3.sum(axis=1) / np.maximum(stands_TP.sum(axis=1), 1)[:, None]
    lowest_T = ankle_T3[:, 1] + turned_sole_TPS3[..., 1].min(axis=(1, 2))
    move_T3[any_T, 1] = -lowest_T[any_T]
    move_T3 = _faded(move_T3, any_T, fade)
    move_T3[:, 1] += np.maximum(0, -(lowest_T + move_T3[:, 1]))
    return ankle_T3 + move_T3, turn.as_matrix() @ turned_T33


def _flattening(turned_T33: F64, flat_T: Bool) -> F64:
    """Rotation vectors (T, 3) that lay a foot flat in the frames of each contact with heel and ball; else 0."""
    vector_T3 = np.zeros((len(turned_T33), 3))
    for first, last in contact_runs(flat_T):
        level_33 = level_turn(turned_T33[first:last].mean(axis=0))
        vector_T3[first:last] = Rotation.from_matrix(level_33 @ np.swapaxes(turned_T33[first:last], 1, 2)).as_rotvec()
    return vector_T3


def _faded(value_TC: F64, held_T: Bool, fade: int) -> F64:
    """Values of the held frames, which fade to 0 over `fade` frames before and after, and into each other."""
    result_TC = np.where(held_T[:, None], value_TC, 0.0)
    for first, last in contact_runs(~held_T):
        frames = min(fade, last - first)
        step_N = np.arange(1, frames + 1) / (frames + 1)
        ease_N1 = (step_N**2 * (3 - 2 * step_N))[:, None]
        if first > 0:
            result_TC[first : first + frames] += (1 - ease_N1) * result_TC[first - 1]
        if last < len(result_TC):
            result_TC[last - frames : last] += ease_N1 * result_TC[last]
    return result_TC


def _lowering(placed_TB3: F64, ankles: list[F64], fps: float) -> F64:
    """How far the root comes down (T,), metres, so that both legs reach their ankles."""
    lower_T = np.zeros(len(placed_TB3))
    for side, ankle_T3 in zip(SIDES, ankles, strict=True):
        hip_T3, longest = _leg(placed_TB3, side)
        aside_T = np.minimum(np.hypot(*(ankle_T3 - hip_T3)[:, [0, 2]].T), 0.9 * longest)
        reach_T = np.sqrt(longest**2 - aside_T**2)
        lower_T = np.maximum(lower_T, hip_T3[:, 1] - ankle_T3[:, 1] - reach_T - FLOATS)
    spread = REACH_SPREAD * fps
    return np.maximum(
        lower_T, gaussian_filter1d(maximum_filter1d(lower_T, max(1, round(2 * spread))), spread / 2, mode="nearest")
    )


def _leg(placed_TB3: F64, side: str) -> tuple[F64, float]:
    """Places of a hip (T, 3), and how far from it the ankle comes, metres."""
    thigh_3, knee_3, ankle_3 = (
        placed_TB3[0, load_body().bone(f"{name}.{side}")] for name in ("upperleg01", "lowerleg01", "foot")
    )
    longest = LONGEST * float(np.linalg.norm(knee_3 - thigh_3) + np.linalg.norm(ankle_3 - knee_3))
    return placed_TB3[:, load_body().bone(f"upperleg01.{side}")], longest
