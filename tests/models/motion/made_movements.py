"""Movements with exact truth: joint angles over time with a known number of repetitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.arrays import F32, F64
from models.motion.clinical_angles import JOINT_ANGLES

SQUAT = {"knee_flexion": 95.0, "hip_flexion": 80.0, "shoulder_flexion": 20.0}
JACK = {"shoulder_abduction": 140.0, "hip_abduction": 25.0}
CURL = {"elbow_flexion": 120.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeMovement:
    """Seconds, angles of `JOINT_ANGLES` in degrees, half widths of their intervals, and the true repetitions."""

    second_T: F64
    angle_TA: F32
    width_TA: F32
    count: int


def made_movement(
    count: int, *, joints: dict[str, float] = SQUAT, sides: tuple[str, ...] = ("left", "right"), seconds: float = 2.0,
    pause: float = 0.0, drift: float = 0.0, noise: float = 2.0, fps: float = 25.0, begun: float = 0.0, cut: float = 0.0,
    uneven: float = 1.2, alternate: bool = False, seed: int = 0,
) -> MadeMovement:
    """A movement of `count` repetitions.

    Args:
        begun: share of the height at which the clip begins, on the way back.
        cut: share of a last repetition's way out that the end still shows.
        drift: degrees a second that all joints drift.
        uneven: largest factor by which the tempo changes.
        alternate: the right side moves half a repetition after the left.
    """  # fmt: skip
    rng = np.random.default_rng(seed)

    def bump(length: float, first: float = 0.0, last: float = 1.0) -> F64:
        return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.linspace(first, last, max(2, round(length * fps)))))

    parts = [bump(seconds * begun / 2, 1 - begun / 2, 1.0)] if begun else []
    parts.append(np.zeros(round(fps)))
    for _ in range(count):
        parts += [bump(seconds * rng.uniform(1 / uneven, uneven)), np.zeros(round(pause * rng.uniform(0.5, 1) * fps))]
    parts.append(bump(seconds * cut / 2, 0, cut / 2) if cut else np.zeros(round(fps)))
    moved_T = np.concatenate(parts)
    later_T = np.roll(moved_T, round(seconds * fps / 2)) if alternate else moved_T
    second_T = np.arange(len(moved_T)) / fps
    angle_TA = rng.normal(0, noise, (len(moved_T), len(JOINT_ANGLES))) + drift * second_T[:, None]
    for joint, degrees in joints.items():
        for side in sides:
            angle_TA[:, JOINT_ANGLES.index(f"{side}_{joint}")] += degrees * (later_T if side == "right" else moved_T)
    width_TA = np.full(angle_TA.shape, 18, np.float32)
    return MadeMovement(second_T=second_T, angle_TA=angle_TA.astype(np.float32), width_TA=width_TA, count=count)
