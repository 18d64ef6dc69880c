"""Simple states of a person, such as sitting or lying, as events in time.

Postures are measured on the joints of a fitted body. A state begins when its conditions hold for some time, and ends
when weaker ones fail for some time, so that it does not flicker at a threshold. This is no medical device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.arrays import F64, Float
from models.body.open_body import KEYPOINT_NAMES

LEAST_SURE = 0.03
"""A joint of a lower confidence is not known."""
FALL_S = 1.5
"""Somebody who lies within this time after standing has fallen, seconds."""
LOST_S = 1.5
"""All states of a person end who is missing from frames for a longer time, seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Posture:
    """Measures of a posture; NaN where its joints are not known. Lengths are shares of the body's height.

    Attributes:
        hands: height of the lower hand above its shoulder, as a share of the arm's length, −1..1.
        trunk: angle between the trunk and the vertical, degrees.
        thigh: mean angle between the thighs and the vertical, degrees; 0 for somebody who stands.
        height: from the lowest to the highest of the joints, without arms.
        hip: height of the hips above the lowest joint of the legs.
        overhang: horizontal distance between the middle of the trunk and that of the ankles.
    """

    hands: float
    trunk: float
    thigh: float
    height: float
    hip: float
    overhang: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a state begins and ends.

    Attributes:
        begins, ends: lowest and highest value of measures: the state begins in the first ranges and ends outside of
            the second ones.
        begin_s, end_s: how long that must last, seconds.
    """

    begins: Mapping[str, tuple[float, float]]
    ends: Mapping[str, tuple[float, float]]
    begin_s: float
    end_s: float


ANY = float("inf")
RULES = {
    "arms_raised": Rule(begins={"hands": (0.4, ANY)}, ends={"hands": (0.25, ANY)}, begin_s=0.4, end_s=0.4),
    "sitting": Rule(
        begins={"trunk": (0, 45), "thigh": (55, 130), "overhang": (0.13, ANY)},
        ends={"trunk": (0, 55), "thigh": (45, 140), "overhang": (0.08, ANY)}, begin_s=1.0, end_s=0.7,
    ),
    "lying": Rule(
        begins={"trunk": (60, 180), "hip": (-ANY, 0.17), "height": (0, 0.5)},
        ends={"trunk": (45, 180), "hip": (-ANY, 0.25), "height": (0, 0.6)}, begin_s=0.7, end_s=0.7,
    ),
}  # fmt: skip
FALLEN = "fallen"
STATES = (*RULES, FALLEN)
"""Names of all states. A person who is `fallen` is also `lying`."""
STANDING = {"trunk": (0.0, 35.0), "height": (0.8, ANY)}


def level_up(tilt_deg: float) -> F64:
    """The up direction in the axes of a camera that looks down by an angle and is not rolled."""
    tilt = np.radians(tilt_deg)
    return np.array([0.0, -np.cos(tilt), -np.sin(tilt)])


def posture_of(joint_J3: Float, confidence_J: Float, up_3: Float) -> Posture:
    """The measures of a body's joints.

    Args:
        joint_J3: places of `KEYPOINT_NAMES`, metres.
        confidence_J: of each of them, 0..1.
        up_3: the up direction, of length 1.
    """
    known_J3 = np.where(confidence_J[:, None] >= LEAST_SURE, joint_J3, np.nan).astype(np.float64)
    nose_3, trunk_43 = known_J3[KEYPOINT_NAMES.index("nose")], known_J3[_both("shoulder", "hip")]
    shoulder_3, hip_3 = trunk_43[:2].mean(axis=0), trunk_43[2:].mean(axis=0)
    knee_23, ankle_23 = known_J3[_both("knee")], known_J3[_both("ankle")]
    elbow_23, wrist_23 = known_J3[_both("elbow")], known_J3[_both("wrist")]
    hand_2 = (wrist_23 - trunk_43[:2]) @ up_3
    arm_2 = _length(elbow_23 - trunk_43[:2]) + _length(wrist_23 - elbow_23)
    thigh_23, shin_23 = knee_23 - trunk_43[2:], ankle_23 - knee_23
    tall = float(_length(nose_3 - shoulder_3) + _length(shoulder_3 - hip_3))
    tall += float((_length(thigh_23) + _length(shin_23)).mean())
    up_N = np.stack([nose_3, *trunk_43, *knee_23, *ankle_23]) @ up_3
    aside_3 = (shoulder_3 + hip_3 - ankle_23.sum(axis=0)) / 2
    return Posture(
        hands=float((hand_2 / arm_2).min()),
        trunk=float(_off(shoulder_3 - hip_3, up_3)),
        thigh=float(np.mean([_off(one_3, -up_3) for one_3 in thigh_23])),
        height=float(up_N.max() - up_N.min()) / tall,
        hip=float(hip_3 @ up_3 - up_N[-4:].min()) / tall,
        overhang=float(_length(aside_3 - aside_3 @ up_3 * up_3)) / tall,
    )


def _both(*joints: str) -> list[int]:
    """Indices of the left and the right one of joints."""
    return [KEYPOINT_NAMES.index(f"{side}_{joint}") for joint in joints for side in ("left", "right")]


def _length(vector_N3: F64) -> F64:
    return np.asarray(np.linalg.norm(vector_N3, axis=-1))


def _off(vector_3: F64, from_3: Float) -> float:
    """The angle between a vector and a direction, degrees."""
    return float(np.degrees(np.arccos(np.clip(vector_3 @ from_3 / max(float(_length(vector_3)), 1e-9), -1, 1))))


def _holds(posture: Posture, ranges: Mapping[str, tuple[float, float]]) -> bool | None:
    """Whether all measures are in their ranges; None if it depends on a measure that is not known."""
    values = [(getattr(posture, name), low, high) for name, (low, high) in ranges.items()]
    if any(value < low or value > high for value, low, high in values):
        return False
    return None if any(np.isnan(value) for value, _, _ in values) else True


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """A state of a person begins or ends.

    Attributes:
        state: one of `STATES`.
        begins: whether it begins.
        second: time of the change, which is known some tenths of a second later.
        since: when the state began, seconds.
    """

    state: str
    begins: bool
    second: float
    since: float


@dataclass(slots=True, kw_only=True)
class PersonStates:
    """The states of one person: what is decided, and the evidence for the next decision.

    Attributes:
        since: when each state that lasts began, seconds.
        waiting: since when the conditions of a state hold that has not begun.
        ending: since when the conditions of a state that lasts fail.
        last_upright: when the person stood last; −inf = never.
        last_seen: when the person was seen last.
    """

    since: dict[str, float] = field(default_factory=dict)
    waiting: dict[str, float] = field(default_factory=dict)
    ending: dict[str, float] = field(default_factory=dict)
    last_upright: float = -ANY
    last_seen: float = -ANY

    def next_changes(self, second: float, posture: Posture, before: float = ANY) -> list[StateChange]:
        """The changes that are known with the posture of the next frame.

        `before`: time of the frame before it, if it is known: who was seen there was not missing, however long ago.
        """
        changes = [] if self.last_seen >= before else self.changes_without(second)
        self.last_seen = second
        for state, rule in RULES.items():
            changes += self._step(second, state, rule, posture)
        if _holds(posture, STANDING):
            self.last_upright = second
        return changes

    def changes_without(self, second: float) -> list[StateChange]:
        """The changes at a time without the person: all states end `LOST_S` after the person was seen."""
        if not self.is_lost(second):
            return []
        self.last_upright = -ANY
        self.waiting.clear()
        self.ending.clear()
        return [self._end(state, self.last_seen) for state in list(self.since)]

    def is_lost(self, second: float) -> bool:
        """Whether the person was not seen for `LOST_S`."""
        return second - self.last_seen > LOST_S

    def _step(self, second: float, state: str, rule: Rule, posture: Posture) -> list[StateChange]:
        if state in self.since:
            if _holds(posture, rule.ends) is not False:
                self.ending.pop(state, None)
                return []
            begun = self.ending.setdefault(state, second)
            if second - begun < rule.end_s:
                return []
            del self.ending[state]
            both = [state, FALLEN] if state == "lying" and FALLEN in self.since else [state]
            return [self._end(one, begun) for one in both]
        if state not in self.waiting:
            if _holds(posture, rule.begins):
                self.waiting[state] = second
        elif _holds(posture, rule.ends) is False:
            del self.waiting[state]
        begun = self.waiting.get(state, ANY)
        if second - begun < rule.begin_s:
            return []
        del self.waiting[state]
        fell = state == "lying" and begun - self.last_upright <= FALL_S
        return [self._begin(one, begun) for one in ([state, FALLEN] if fell else [state])]

    def _begin(self, state: str, second: float) -> StateChange:
        self.since[state] = second
        return StateChange(state=state, begins=True, second=second, since=second)

    def _end(self, state: str, second: float) -> StateChange:
        return StateChange(state=state, begins=False, second=second, since=self.since.pop(state))

    def to_data(self) -> dict[str, Any]:
        """What `from_data` takes, ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> PersonStates:
        """The inverse of `to_data`."""
        return cls(**data)
