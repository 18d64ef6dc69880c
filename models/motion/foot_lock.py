"""Locks feet in their contacts: a motion in upright axes is corrected so that soles in contact neither slide nor sink.

Path of the root and positions of the contacts are estimated together by least squares, so that the legs reach them. A
foot is flat where its heel and its ball are in contact. Between contacts the corrections fade.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d
from scipy.spatial.transform import Rotation

from models.arrays import F64, Bool, Float, Index
from models.body.body_motion import BodyMotion
from models.body.open_body import load_body
from models.body.rotation_vectors import unit_quaternions
from models.motion.contact_path import (
    SIDES,
    Contact,
    PathErrors,
    StretchedLeg,
    heading_rotation,
    path_and_anchors,
    view_axes,
)
from models.motion.foot_contact import contact_runs, without_short_runs
from models.motion.leg_kinematics import LONGEST, reach_with_leg
from models.motion.soles import motion_bones, motion_frame_rate, soles, soles_over_time

FADE_S = 0.15
"""Seconds before and after a contact in which its correction fades."""
MAX_ROUNDS = 6
"""Maximum number of solutions. Legs that are too short in one solution become equations of the next."""
REACH_TOLERANCE_M = 0.001
"""Metres. A leg counts as too short only if it is shorter by more than this."""
ALLOWED_FLOAT_M = 0.01
"""Metres. The root is lowered, which changes its projection, only if a foot would float by more than this."""
LOWERING_S = 0.1
"""Seconds in which such a lowering grows, and fades."""
LIFTED_FROM_M = 0.04
"""Metres. A foot is not in contact where its leg is too short for the contact by more than this."""
WINDOW_S, BEFORE_S, AFTER_S = 60.0, 1.0, 3.0
"""Seconds. A longer motion is solved in windows of about the first length, so that memory and time grow in proportion
to it. Each window has this time before it, whose solution is known, and this time after it, whose solution is dropped.
"""

FITTED = PathErrors()
"""The errors of a fit to dense surfaces: largest along the camera's ray."""


def locked_feet(
    motion: BodyMotion, contact_TP: Bool, eye_3: Float | None = None, errors: PathErrors = FITTED,
    rounds: int = MAX_ROUNDS,
) -> BodyMotion:  # fmt: skip
    """The motion with soles that do not move while their parts are in contact.

    Args:
        motion: in upright axes, with the floor at y = 0. The bones of the legs move in it.
        contact_TP: contacts of the parts of the soles.
        eye_3: position of the camera: errors along its rays are the largest. None: the largest errors are along z.
        errors: standard deviations of the motion's errors.
        rounds: maximum number of solutions; with 1, legs that are too short do not reach their contacts.
    """
    if not contact_TP.any():
        return motion
    rotation_TK33, root_T3 = motion.rotation_TK33.copy(), motion.root_T3.copy()
    for window, part, posed, planted in _planted_windows(motion, contact_TP, eye_3, errors, rounds):
        rotation_TB33, placed_TB3 = part.all_rotations().astype(np.float64), planted.placed_TB3
        placed_TB3[..., 1] -= _lowering(placed_TB3, planted.ankles, motion_frame_rate(motion))[:, None]
        for side, ankle_T3, foot_T33 in zip(SIDES, planted.ankles, planted.feet, strict=True):
            reach_with_leg(rotation_TB33, posed.turned_TB33, placed_TB3, side, ankle_T3, foot_T33)
        rotation_TK33[window.kept] = rotation_TB33[window.kept_inside][:, motion.bone_K]
        root_T3[window.kept] = placed_TB3[window.kept_inside, 0]
    return replace(motion, rotation_TK33=rotation_TK33, root_T3=root_T3)


def reached_contacts(motion: BodyMotion, contact_TP: Bool, eye_3: Float | None = None) -> Bool:
    """The contacts without those frames in which the leg is much too short: then the foot is in the air."""
    if not contact_TP.any():
        return contact_TP
    fits_TF = np.zeros((len(contact_TP), 2), bool)
    for window, _, _, planted in _planted_windows(motion, contact_TP, eye_3, FITTED, rounds=1):
        for side in range(2):
            fits_TF[window.kept, side] = (_missing(planted, side) < LIFTED_FROM_M)[window.kept_inside]
    return without_short_runs(contact_TP & fits_TF.repeat(2, axis=1), motion_frame_rate(motion))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """A span of a long motion that is solved at once. Only the middle of it is kept.

    Attributes:
        first, last: its first frame, and the frame after its last.
        kept: the frames whose solution is kept.
    """

    first: int
    last: int
    kept: slice

    @property
    def kept_inside(self) -> slice:
        """The kept frames, counted from the window's first."""
        return slice(self.kept.start - self.first, self.kept.stop - self.first)

    def inside(self, contact: Contact) -> Contact | None:
        """The part of a contact in the window, in frames of the window."""
        first, last = max(contact.first, self.first) - self.first, min(contact.last, self.last) - self.first
        return Contact(patch=contact.patch, first=first, last=last) if last > first else None


def _windows(frames: int, fps: float) -> list[_Window]:
    """Windows that together cover all frames; one, if the motion is not much longer than `WINDOW_S`."""
    count = max(1, round(frames / (WINDOW_S * fps)))
    edges = np.linspace(0, frames, count + 1).astype(int).tolist()
    before, after = round(BEFORE_S * fps), round(AFTER_S * fps)
    return [
        _Window(first=max(0, start - before), last=min(frames, end + after), kept=slice(start, end))
        for start, end in pairwise(edges)
    ]


def _planted_windows(
    motion: BodyMotion, contact_TP: Bool, eye_3: Float | None, errors: PathErrors, rounds: int
) -> Iterator[tuple[_Window, BodyMotion, _Posed, _Planted]]:
    """The solutions of all windows, one after the other: each continues the solution of the one before it."""
    contacts, fps = _contacts(contact_TP), motion_frame_rate(motion)
    shift_T3, anchor_of = np.zeros((len(contact_TP), 3)), dict[Contact, F64]()
    for window in _windows(len(contact_TP), fps):
        part = motion.part(slice(window.first, window.last))
        posed, here = _posed(part), {whole: one for whole in contacts if (one := window.inside(whole)) is not None}
        known = {t: shift_T3[window.first + t] for t in range(window.kept_inside.start)}
        known |= {len(part.root_T3) + k: anchor_of[whole] for k, whole in enumerate(here) if whole in anchor_of}
        problem = _Problem(posed=posed, contacts=list(here.values()), eye_3=eye_3, errors=errors, known=known, fps=fps)
        planted = _solved(problem, part, window.kept_inside.start, rounds)
        shift_T3[window.kept] = planted.shift_T3[window.kept_inside]
        for whole, anchor_3 in zip(here, planted.anchor_K3, strict=True):
            if whole.first < window.kept.stop:
                anchor_of.setdefault(whole, anchor_3)
        yield window, part, posed, planted


def _solved(problem: _Problem, part: BodyMotion, first: int, rounds: int) -> _Planted:
    """The solution of a window. Legs that are too short from the frame `first` on become equations of a next round."""
    stretched = list[StretchedLeg]()
    for _ in range(rounds):
        planted = _planted(problem, part, stretched)
        too_far = _stretched_legs(planted, problem.contacts, first) if rounds > 1 else []
        if not too_far:
            break
        stretched += too_far
    return planted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Posed:
    """Orientations and positions of all bones of a motion, and the vertices of its soles."""

    turned_TB33: F64
    placed_TB3: F64
    sole_TPS3: F64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What is given in a window: posed bones, contacts, the camera's position, errors, and what is `known`."""

    posed: _Posed
    contacts: list[Contact]
    eye_3: Float | None
    errors: PathErrors
    known: Mapping[int, F64]
    fps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planted:
    """A solution.

    Attributes:
        placed_TB3: positions of all bones after the root's shift.
        ankles: of each side, positions (T, 3) that the ankle must reach.
        feet: of each side, orientations (T, 3, 3) of the foot.
        shift_T3: shift of the root.
        anchor_K3: position of each contact.
    """

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
    turned_TB33, placed_TB3 = motion_bones(motion, soles().bones)
    sole_TPS3 = soles_over_time(motion.shape_C, turned_TB33, placed_TB3)
    return _Posed(turned_TB33=turned_TB33, placed_TB3=placed_TB3, sole_TPS3=sole_TPS3)


def _planted(problem: _Problem, part: BodyMotion, stretched: list[StretchedLeg]) -> _Planted:
    """Path and contacts by least squares, and the positions of the ankles and feet that follow from them."""
    posed, contacts, fps = problem.posed, problem.contacts, problem.fps
    foot_turn_TF33 = posed.turned_TB33[:, [load_body().bone(f"foot.{side}") for side in SIDES]]
    shift_T3, anchor_K3 = path_and_anchors(
        posed.sole_TPS3.mean(axis=2), *view_axes(posed.placed_TB3[:, 0], problem.eye_3), foot_turn_TF33, part.shape_C,
        contacts, problem.errors, fps, stretched, problem.known,
    )
    placed_TB3, sole_TPS3 = posed.placed_TB3 + shift_T3[:, None], posed.sole_TPS3 + shift_T3[:, None, None]
    ankles_and_feet = [
        _placed_foot(fps, side, posed.turned_TB33, placed_TB3, sole_TPS3, contacts, anchor_K3) for side in range(2)
    ]
    return _Planted(
        placed_TB3=placed_TB3, ankles=[ankle_T3 for ankle_T3, _ in ankles_and_feet],
        feet=[foot_T33 for _, foot_T33 in ankles_and_feet],
        shift_T3=shift_T3, anchor_K3=anchor_K3,
    )


def _missing(planted: _Planted, side: int) -> F64:
    """The length (T,), in metres, that a leg lacks to reach its ankle; negative where it is long enough."""
    hip_T3, longest = _leg(planted.placed_TB3, SIDES[side])
    return np.asarray(np.linalg.norm(planted.ankles[side] - hip_T3, axis=1) - longest)


def _anchors_at(contacts: list[Contact], frames: int) -> Index:
    """The index of the contact of each part of the soles in each frame (T, P); −1 without one."""
    anchor_TP = np.full((frames, 2 * len(SIDES)), -1, np.intp)
    for k, contact in enumerate(contacts):
        anchor_TP[contact.first : contact.last, contact.patch] = k
    return anchor_TP


def _stretched_legs(planted: _Planted, contacts: list[Contact], first: int) -> list[StretchedLeg]:
    """Legs that are too short while their foot is in contact, from the frame `first` on."""
    found, anchor_TP = [], _anchors_at(contacts, len(planted.shift_T3))
    for side in range(2):
        hip_T3, missing_T = _leg(planted.placed_TB3, SIDES[side])[0], _missing(planted, side)
        direction_T3 = planted.ankles[side] - hip_T3
        missing_T[:first] = 0
        anchor_TF = anchor_TP[:, 2 * side : 2 * side + 2]
        late_N = np.flatnonzero((missing_T > REACH_TOLERANCE_M) & (anchor_TF >= 0).any(axis=1))
        held_N21 = (anchor_TF[late_N] >= 0)[..., None]
        mean_N3 = (planted.anchor_K3[np.maximum(anchor_TF[late_N], 0)] * held_N21).sum(axis=1) / held_N21.sum(axis=1)
        unit_N3 = direction_T3[late_N] / np.linalg.norm(direction_T3[late_N], axis=1, keepdims=True)
        limit_N = ((mean_N3 - planted.shift_T3[late_N]) * unit_N3).sum(axis=1) - missing_T[late_N]
        for t, unit_3, limit in zip(late_N.tolist(), unit_N3, limit_N.tolist(), strict=True):
            anchors = [k for k in anchor_TF[t].tolist() if k >= 0]
            found.append(StretchedLeg(frame=t, anchors=anchors, direction_3=unit_3, max_along=limit))
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
    """Positions of one ankle (T, 3) and orientations of its foot (T, 3, 3)."""
    foot, fade = load_body().bone(f"foot.{SIDES[side]}"), max(1, round(FADE_S * fps))
    ankle_T3, turned_T33 = placed_TB3[:, foot], turned_TB33[:, foot]
    relative_TPS3 = sole_TPS3[:, 2 * side : 2 * side + 2] - ankle_T3[:, None, None]
    anchor_TP = _anchors_at(contacts, len(ankle_T3))[:, 2 * side : 2 * side + 2]
    anchor_TP3 = np.where(anchor_TP[..., None] >= 0, anchor_K3[np.maximum(anchor_TP, 0)], np.nan)
    stands_TP: Bool = anchor_TP >= 0
    flat_T, any_T = np.asarray(stands_TP.all(axis=1), bool), np.asarray(stands_TP.any(axis=1), bool)
    turn = Rotation.from_rotvec(_faded(_flattening(turned_T33, flat_T), flat_T, fade))
    turned_sole_TPS3 = relative_TPS3 @ turn.as_matrix()[:, None].swapaxes(2, 3)
    error_TP3 = np.nan_to_num(anchor_TP3 - turned_sole_TPS3.mean(axis=2) - ankle_T3[:, None])
    move_T3 = error_TP3.sum(axis=1) / np.maximum(stands_TP.sum(axis=1), 1)[:, None]
    lowest_T = ankle_T3[:, 1] + turned_sole_TPS3[..., 1].min(axis=(1, 2))
    move_T3[any_T, 1] = -lowest_T[any_T]
    move_T3 = _faded(move_T3, any_T, fade)
    move_T3[:, 1] += np.maximum(0, -(lowest_T + move_T3[:, 1]))
    return ankle_T3 + move_T3, turn.as_matrix() @ turned_T33


def _flattening(turned_T33: F64, flat_T: Bool) -> F64:
    """Rotation vectors (T, 3) that make a foot flat in the contacts of both heel and ball; 0 in other frames."""
    vector_T3, level_T33 = np.zeros((len(turned_T33), 3)), turned_T33.copy()
    for first, last in contact_runs(flat_T):
        level_T33[first:last] = heading_rotation(turned_T33[first:last].mean(axis=0))
    if flat_T.any():
        turn_T33 = level_T33[flat_T] @ np.swapaxes(turned_T33[flat_T], 1, 2)
        vector_T3[flat_T] = Rotation.from_quat(unit_quaternions(turn_T33)).as_rotvec()
    return vector_T3


def _faded(value_TC: F64, held_T: Bool, fade: int) -> F64:
    """The values in the frames `held_T`. In the `fade` frames before and after they fade to 0, or into each other."""
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
    """Distance (T,), in metres, by which the root is lowered so that both legs reach their ankles."""
    lower_T = np.zeros(len(placed_TB3))
    for side, ankle_T3 in zip(SIDES, ankles, strict=True):
        hip_T3, longest = _leg(placed_TB3, side)
        aside_T = np.minimum(np.hypot(*(ankle_T3 - hip_T3)[:, [0, 2]].T), 0.9 * longest)
        reach_T = np.sqrt(longest**2 - aside_T**2)
        lower_T = np.maximum(lower_T, hip_T3[:, 1] - ankle_T3[:, 1] - reach_T - ALLOWED_FLOAT_M)
    spread = LOWERING_S * fps
    return np.maximum(
        lower_T, gaussian_filter1d(maximum_filter1d(lower_T, max(1, round(2 * spread))), spread / 2, mode="nearest")
    )


def _leg(placed_TB3: F64, side: str) -> tuple[F64, float]:
    """Positions of a hip (T, 3), and the maximum distance of the ankle from it, metres."""
    thigh_3, knee_3, ankle_3 = (
        placed_TB3[0, load_body().bone(f"{name}.{side}")] for name in ("upperleg01", "lowerleg01", "foot")
    )
    longest = LONGEST * float(np.linalg.norm(knee_3 - thigh_3) + np.linalg.norm(ankle_3 - knee_3))
    return placed_TB3[:, load_body().bone(f"upperleg01.{side}")], longest
