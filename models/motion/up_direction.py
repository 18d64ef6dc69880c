"""Estimates the up direction of a camera from the people whom it shows: a mixture over postures and cameras.

Most people are upright, but some lie, do handstands or turn cartwheels. Most cameras are level, but many look down, and
some are tilted. So each direction gets a probability: that of a camera with this up direction, times that of the
postures that it would give the people, times that of people who rest on a floor across it (see `floor_support`), times
that of vertical lines. A level camera is believed before a lying person, and an upright person before a level camera
that looks down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from models.arrays import F64, Index
from models.body.body_motion import BodyMotion
from models.body.open_body import load_body
from models.motion.floor_support import floor_errors, support_points
from models.motion.soles import motion_bones

UpSource = Literal["auto", "camera", "body"]

PITCHES_DEG, ROLLS_DEG = np.arange(-75.0, 81.0, 3.0), np.arange(-180.0, 180.0, 3.0)
"""Degrees: the tilts of the camera that are tried; a positive pitch looks down."""
PITCH_DEG, ROLL_DEG = (8.0, 15.0), 4.0
"""Mean and standard deviation of a camera's pitch, and standard deviation of its roll, degrees."""
TILT_SHARE, TILT_ROLL_DEG = 0.1, 25.0
"""Share of the cameras that are tilted, and the standard deviation of their roll, degrees."""
STEEP, ANY = 0.005, 1e-4
"""Share of the cameras with any pitch, and probability of any direction relative to that of the most probable one."""

POSTURES = {"upright": 0.8, "supine": 0.05, "prone": 0.05, "side": 0.02, "inverted": 0.04, "level": 0.04,
    "seated": 0.06,
}  # fmt: skip
"""Probability of each posture; `seated`: the trunk is upright, whatever legs do; `level`: the spine is level, whatever
side is down."""
UPRIGHT_DEG, LYING_DEG = 9.0, 14.0
"""Standard deviation, degrees, of the angle between the true up direction and that of a posture."""
UNKNOWN = 0.004
"""Probability of a frame that no posture explains."""
OBSERVATIONS = 1.5
"""A motion counts as this number of independent frames, because a person keeps the posture for a long time."""
AGREEMENT = 10
"""A frame's weight is the length of its sum of directions to this power. In a kick or flip the directions disagree."""
SUPPORT_M, FLOOR_TILT_DEG = 0.05, 18.0
"""Metres that a floor leaves unexplained lower the logarithm of its probability by 1; and the largest tilt, degrees, by
which a floor is compared with others."""
FINE_FLOOR = 0.3
"""The floor counts fully in the choice between postures, and as this part between directions near the chosen one:
errors of limbs move the lowest skin, and somebody who sits up is not at rest."""
LINE_EVIDENCE, LINE_DEG = 3.0, 3.0
"""Vertical lines raise the logarithm of the probability of their direction by the first number, and of directions
within about the second, in degrees."""
NEAR_DEG, SURE = 18.0, 0.85
"""The direction is certain if at least the second share of the probability is within the first angle of it, degrees."""
CAMERA_ONLY_DEG, BODY_PITCH_DEG, BODY_ROLL_DEG = 12.0, 8.0, 5.0
"""Standard deviations, degrees: of the pitch if nobody is upright, and of both angles from an upright person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpEstimate:
    """An up direction in a camera's frame.

    Attributes:
        up_3: the direction.
        spread_2: its standard deviations sideways and towards the camera, radians.
        sure: whether other directions are improbable.
        upright: the share of the frames, by weight, in which people are upright.
    """

    up_3: F64
    spread_2: F64
    sure: bool
    upright: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PostureDirections:
    """Directions of a body over T frames: each posture is upright if its direction is up.

    Attributes:
        direction_TP3: unit directions in the camera's frame, for each of the postures; lying on a side has two.
        weight_T: weight of each frame; the weights sum to 1.
        support: skin and center of mass, as `support_points` gives them.
    """

    direction_TP3: F64
    weight_T: F64
    support: tuple[F64, F64]


def posture_directions(motion: BodyMotion, up_T3: F64, trunk_T3: F64) -> PostureDirections:
    """The directions of a motion.

    Args:
        motion: the motion.
        up_T3: its up vectors if people are upright, from the directions of their parts.
        trunk_T3: the same from the trunk alone.
    """
    chest = load_body().bone("spine02")
    axes_T33 = np.concatenate([motion_bones(part, np.array([chest]))[0][:, chest] for part in motion.parts()])
    length_T1 = np.linalg.norm(up_T3, axis=1, keepdims=True)
    straight_T3 = up_T3 / np.maximum(length_T1, 1e-9)
    front_T3, left_T3 = axes_T33[:, :, 2], axes_T33[:, :, 0]
    seated_T3 = trunk_T3 / np.maximum(np.linalg.norm(trunk_T3, axis=1, keepdims=True), 1e-9)
    directions = [straight_T3, front_T3, -front_T3, left_T3, -left_T3, -straight_T3, seated_T3]
    weight_T = length_T1[:, 0] ** AGREEMENT * motion.shown()
    return PostureDirections(
        direction_TP3=np.stack(directions, axis=1), weight_T=weight_T / max(float(weight_T.sum()), 1e-12),
        support=support_points(motion),
    )


def estimated_up(
    people: Sequence[PostureDirections], size_N: F64, source: UpSource = "auto", line_up_3: F64 | None = None
) -> UpEstimate:
    """The most probable up direction.

    Args:
        people: directions of N people.
        size_N: weight of each person, such as the size in the image.
        source: `camera`: the camera is not rolled; `body`: people are upright; `auto`: neither is certain.
        line_up_3: up direction of vertical lines of the image; None if there are none.
    """
    if source == "body":
        return _from_upright_people(people, size_N)
    tried_G3, camera_G = _tried_cameras()
    score_G = np.where(np.abs(tried_G3[:, 0]) < 1e-6, camera_G, -np.inf) if source == "camera" else camera_G.copy()
    share_N, floor_G = size_N / size_N.max(), np.zeros(len(tried_G3))
    for person, share in zip(people, share_N.tolist(), strict=True):
        score_G += OBSERVATIONS * share * _explained(person, tried_G3)
        floor_G -= OBSERVATIONS * share / SUPPORT_M * floor_errors(person.support, tried_G3, _nearby())
    if line_up_3 is not None:
        angle_G = np.degrees(np.arccos(np.clip(tried_G3 @ line_up_3, -1, 1)))
        score_G += LINE_EVIDENCE * np.exp(-0.5 * (angle_G / LINE_DEG) ** 2)
    best_3 = tried_G3[int((score_G + floor_G).argmax())]
    near_G = tried_G3 @ best_3 > np.cos(np.radians(NEAR_DEG))
    mass_G, fine_G = _masses(score_G + floor_G), _masses((score_G + FINE_FLOOR * floor_G)[near_G])
    mean_3 = fine_G @ tried_G3[near_G]
    sure = float(mass_G[near_G].sum() / mass_G.sum()) > SURE
    return _refined(people, share_N, mean_3 / np.linalg.norm(mean_3), sure)


def _masses(score_G: F64) -> F64:
    """Probabilities relative to that of the most probable direction, from their logarithms."""
    return np.asarray(np.exp(score_G - score_G.max()))


def _from_upright_people(people: Sequence[PostureDirections], size_N: F64) -> UpEstimate:
    up_3 = sum(
        (size * (person.weight_T @ person.direction_TP3[:, 0]) for person, size in zip(people, size_N, strict=True)),
        np.zeros(3),
    )
    spread_2 = np.radians([BODY_ROLL_DEG, BODY_PITCH_DEG])
    return UpEstimate(up_3=up_3 / np.linalg.norm(up_3), spread_2=spread_2, sure=True, upright=1.0)


def _refined(people: Sequence[PostureDirections], share_N: F64, best_3: F64, sure: bool) -> UpEstimate:
    """The mean of the directions of people who are upright if `best_3` is up; the fewer they are, the nearer to it."""
    sum_3, upright, total = np.zeros(3), 0.0, 1e-12
    for person, share in zip(people, share_N.tolist(), strict=True):
        likely_TP = _likelihoods(person.direction_TP3, best_3)
        posterior_TP = likely_TP / (likely_TP.sum(axis=1, keepdims=True) + UNKNOWN)
        weight_T = share * person.weight_T * posterior_TP[:, 0]
        sum_3 += weight_T @ person.direction_TP3[:, 0]
        upright += float(weight_T.sum())
        total += share
    seen = min(1.0, upright / total)
    up_3 = sum_3 + (1 - seen) * total * best_3
    spread_deg = np.array([BODY_ROLL_DEG, seen * BODY_PITCH_DEG + (1 - seen) * CAMERA_ONLY_DEG])
    return UpEstimate(up_3=up_3 / np.linalg.norm(up_3), spread_2=np.radians(spread_deg), sure=sure, upright=seen)


def _explained(person: PostureDirections, tried_G3: F64) -> F64:
    """The weighted mean over the frames of the logarithm of their probability, for each tried direction."""
    frames = np.unique(np.linspace(0, len(person.weight_T) - 1, 300).astype(int))
    weight_T = person.weight_T[frames] / max(float(person.weight_T[frames].sum()), 1e-12)
    likely_TG = np.stack([
        _likelihoods(direction_P3, tried_G3.T).sum(axis=0) for direction_P3 in person.direction_TP3[frames]
    ])  # fmt: skip
    return np.asarray(weight_T @ np.log(likely_TG + UNKNOWN))


def _likelihoods(direction_XP3: F64, up: F64) -> F64:
    """Probability of each posture if a direction is up: (…, P), or (P, G) for G directions."""
    probability_P, spread_P = _postures()
    angle = np.degrees(np.arccos(np.clip(direction_XP3 @ up, -1, 1)))
    places = (slice(None), None) if up.ndim == 2 else (slice(None),)
    named = probability_P[places] * np.exp(-0.5 * (angle / spread_P[places]) ** 2)
    spine = angle[0] if up.ndim == 2 else angle[..., 0]
    level = POSTURES["level"] * np.exp(-0.5 * ((spine - 90) / LYING_DEG) ** 2)
    return np.concatenate([named, level[None] if up.ndim == 2 else level[..., None]], axis=0 if up.ndim == 2 else -1)


@cache
def _postures() -> tuple[F64, F64]:
    """Probability and standard deviation, degrees, of each direction of `PostureDirections`."""
    side = POSTURES["side"] / 2
    probability = [POSTURES["upright"], POSTURES["supine"], POSTURES["prone"], side, side, POSTURES["inverted"]]
    probability.append(POSTURES["seated"])
    return np.array(probability), np.array([UPRIGHT_DEG, *[LYING_DEG] * 4, UPRIGHT_DEG, LYING_DEG])


@cache
def _tried_cameras() -> tuple[F64, F64]:
    """Up directions (G, 3) in the frames of tilted cameras, and the logarithm of their probability."""
    pitch, roll = (part.ravel() for part in np.meshgrid(np.radians(PITCHES_DEG), np.radians(ROLLS_DEG)))
    up_G3 = np.stack([np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), -np.sin(pitch)], axis=1)
    roll_deg = np.degrees(roll)
    of_roll = (1 - TILT_SHARE) * _normal(roll_deg, ROLL_DEG) + TILT_SHARE * _normal(roll_deg, TILT_ROLL_DEG)
    most = (1 - TILT_SHARE) * _normal(0.0, ROLL_DEG) + TILT_SHARE * _normal(0.0, TILT_ROLL_DEG)
    of_pitch = np.exp(-0.5 * ((np.degrees(pitch) - PITCH_DEG[0]) / PITCH_DEG[1]) ** 2)
    return up_G3, np.log(of_roll / most * ((1 - STEEP) * of_pitch + STEEP) + ANY)


@cache
def _nearby() -> Index:
    """For each tried direction (G, N) itself and others at up to `FLOOR_TILT_DEG` in all ways."""
    tried_G3 = _tried_cameras()[0]
    side_G3 = np.cross(tried_G3, [0.0, 0.0, 1.0])
    side_G3 /= np.linalg.norm(side_G3, axis=1, keepdims=True)
    along_G3 = np.cross(tried_G3, side_G3)
    tree, columns = cKDTree(tried_G3), [np.arange(len(tried_G3))]
    for tilt in np.radians([FLOOR_TILT_DEG / 3, 2 * FLOOR_TILT_DEG / 3, FLOOR_TILT_DEG]).tolist():
        for way in np.arange(0, 2 * np.pi, np.pi / 4).tolist():
            tilted_G3 = np.cos(tilt) * tried_G3 + np.sin(tilt) * (np.cos(way) * side_G3 + np.sin(way) * along_G3)
            columns.append(np.asarray(tree.query(tilted_G3)[1]))
    return np.stack(columns, axis=1)


def _normal(angle_deg: F64 | float, spread_deg: float) -> F64:
    return np.asarray(np.exp(-0.5 * (np.asarray(angle_deg) / spread_deg) ** 2) / spread_deg)
