"""Somebody who raises the arms, sits, lies and falls, and also squats, bends and kneels, at stated times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from models.arrays import F32
from models.body.body_pose import BodyPose, posed_keypoints
from models.body.open_body import load_body
from stages.world.bodies.pose_interpolation import mean_pose
from stages.world.bodies.poses import AnglePose, Arm, Leg, bone_rotations
from stages.world.bodies.random_poses import on_the_back, on_the_floor
from stages.world.bodies.rotations import LEFT, UP, axis_rotation

Rng = np.random.Generator


def _both(arm: Arm, leg: Leg, lean: float = 0.0) -> AnglePose:
    tilt_33 = axis_rotation(LEFT, lean)
    return AnglePose(left_arm=arm, right_arm=arm, left_leg=leg, right_leg=leg, tilt_33=tilt_33)


def _leg(thigh: float, knee: float) -> Leg:
    """A leg whose thigh is raised to the front by an angle from hanging, radians."""
    return Leg(toward=(0.08, -float(np.cos(thigh)), float(np.sin(thigh))), knee=knee, ankle=knee - thigh)


def _near(rng: Rng, value: float, spread: float) -> float:
    return value + float(rng.uniform(-spread, spread))


def _stand(rng: Rng) -> AnglePose:
    return _both(Arm(elbow=_near(rng, 0.4, 0.3)), _leg(0.03, 0.05))


def _raise(rng: Rng) -> AnglePose:
    arm = Arm(toward=(_near(rng, 0.4, 0.3), 1.0, _near(rng, 0.1, 0.2)), elbow=_near(rng, 0.35, 0.3))
    return _both(arm, _leg(0.03, 0.05))


def _raise_one(rng: Rng) -> AnglePose:
    return replace(_stand(rng), left_arm=_raise(rng).left_arm)


def _sit(rng: Rng) -> AnglePose:
    thigh = _near(rng, 1.5, 0.15)
    lap = Arm(toward=(0.25, -1.0, 0.4), elbow=_near(rng, 1.1, 0.4))
    return _both(lap, _leg(thigh, _near(rng, 1.5, 0.2)), lean=_near(rng, 0.1, 0.2))


def _squat(rng: Rng) -> AnglePose:
    lean = _near(rng, 0.6, 0.1)
    return _both(Arm(toward=(0.3, -0.3, 1.0)), _leg(1.45 + lean, 2.1), lean=lean)


def _bend(rng: Rng) -> AnglePose:
    lean = _near(rng, 1.5, 0.2)
    return _both(Arm(toward=(0.2, -0.5, 1.0)), _leg(lean, 0.1), lean=lean)


def _crawl(rng: Rng) -> AnglePose:
    return _both(Arm(toward=(0.1, 0.0, 1.0), elbow=0.1), Leg(toward=(0.1, 0.0, 1.0), knee=1.5), lean=1.5)


def _belly(rng: Rng) -> AnglePose:
    return replace(_stand(rng), tilt_33=axis_rotation(LEFT, np.pi / 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A pose that is reached after `move` seconds and kept for `hold` seconds; `states` are those in it."""

    pose: Callable[[Rng], AnglePose]
    states: tuple[str, ...]
    move: float
    hold: float


STAND = Part(pose=_stand, states=(), move=0.8, hold=1.5)
SIT = Part(pose=_sit, states=("sitting",), move=1.0, hold=3.0)
LIE = Part(pose=on_the_back, states=("lying",), move=2.0, hold=3.0)
FLOOR = Part(pose=on_the_floor, states=("sitting",), move=2.0, hold=3.0)
FALL = Part(pose=_belly, states=("lying", "fallen"), move=0.7, hold=4.0)
PARTS = (
    Part(pose=_raise, states=("arms_raised",), move=0.6, hold=1.6),
    Part(pose=_raise_one, states=(), move=0.6, hold=1.6),
    SIT, FLOOR, LIE, FALL, replace(FALL, pose=on_the_back), Part(pose=_squat, states=(), move=0.8, hold=0.4),
    Part(pose=_bend, states=(), move=0.8, hold=1.5), Part(pose=_crawl, states=(), move=1.8, hold=2.0),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A motion that begins at second 0.

    Attributes:
        pose: of each second.
        yaw: heading, radians; 0 = towards +z.
        seconds: duration.
        spans: state, begin and end of everything that happens; each begins and ends in the middle of a transition.
    """

    pose: Callable[[float], AnglePose]
    yaw: float
    seconds: float
    spans: tuple[tuple[str, float, float], ...]


def random_film(rng: Rng, count: int = 4) -> Film:
    """Some of `PARTS` in random order; between them the person stands."""
    chosen = [PARTS[k] for k in rng.permutation(len(PARTS))[:count]]
    parts = [STAND]
    for part in chosen:
        slow = replace(STAND, move=2.5) if part.pose in (on_the_back, on_the_floor, _belly, _crawl) else STAND
        # Whoever lies down does it by way of the floor.
        before = [replace(FLOOR, hold=2.0)] if part is LIE else []
        parts += [*before, part, slow]
    return film_of(rng, parts)


def film_of(rng: Rng, parts: list[Part]) -> Film:
    """A film of parts."""
    begin_K = np.cumsum([0.0, *(part.move + part.hold for part in parts[:-1])])
    poses = [part.pose(rng) for part in parts]

    def pose(second: float) -> AnglePose:
        k = int(np.clip(np.searchsorted(begin_K, second, side="right") - 1, 0, len(parts) - 1))
        share = float(np.clip((second - begin_K[k]) / parts[k].move, 0, 1)) if k else 1.0
        share = share * share * (3 - 2 * share)
        return mean_pose((poses[max(k - 1, 0)], poses[k]), (1 - share, share))

    ends = [*begin_K[1:], begin_K[-1] + parts[-1].move + parts[-1].hold]
    spans = [
        (state, begin + part.move / 2, end + (after.move / 2 if after else 0))
        for part, begin, end, after in zip(parts, begin_K, ends, [*parts[1:], None], strict=True)
        for state in part.states
    ]
    return Film(pose=pose, yaw=float(rng.uniform(-np.pi, np.pi)), seconds=float(ends[-1]), spans=joined(spans))


def joined(spans: list[tuple[str, float, float]]) -> tuple[tuple[str, float, float], ...]:
    """Spans of which those of one state that touch are one."""
    result: list[tuple[str, float, float]] = []
    for state, begin, end in spans:
        before = next((k for k, one in enumerate(result) if one[0] == state and abs(one[2] - begin) < 1e-6), None)
        if before is None:
            result.append((state, begin, end))
        else:
            result[before] = (state, result[before][1], end)
    return tuple(result)


def joints_at(film: Film, second: float) -> F32:
    """The keypoints (J, 3) of the mean body in upright axes (y up), metres."""
    body = load_body()
    rotation_B33 = bone_rotations(body, film.pose(second), film.yaw).astype(np.float32)
    shape_C = np.zeros(len(body.component_CV3), np.float32)
    return posed_keypoints(BodyPose(rotation_B33=rotation_B33, root_3=np.zeros(3, np.float32), shape_C=shape_C))


def matches(true: list[tuple[str, float, float]], found: list[tuple[str, float, float]]) -> int:
    """How many true spans have a found span of their state that shares at least half of the time of both."""
    return sum(any(_share(one, other) >= 0.5 for other in found if other[0] == one[0]) for one in true)


def _share(one: tuple[str, float, float], other: tuple[str, float, float]) -> float:
    common = min(one[2], other[2]) - max(one[1], other[1])
    return common / (max(one[2], other[2]) - min(one[1], other[1]))


UPRIGHT_3 = UP.astype(np.float64)
