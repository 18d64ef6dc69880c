"""How many repetitions are found where their number is known, and how far depth and times are off.

    python -m tests.benchmarks.quality.repetition_counts [--series 60] [--clips 24] [--seed 78] [--noise 5]

Series: joint angles of a made movement, with noise, drift, pauses, an uneven tempo and incomplete ends. Clips: a body
of the synthetic world squats, lunges, curls or raises its arms, at a random extent, tempo and frame rate, with pauses
and incomplete ends; the angles of the exact poses get the errors of a fit: noise that is correlated over a third of a
second, and a slow drift. Printed are those that are counted wrong, and the sums.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from models.arrays import F32, F64
from models.body.fitted_body import FittedBody
from models.body.open_body import KEYPOINT_NAMES, load_body
from models.motion.clinical_angles import JOINT_ANGLES, body_angles
from models.motion.continuous_angles import unwrapped
from models.motion.repetition_measures import RepetitionMeasures, joint_widths, measured_repetitions
from stages.world.bodies.pose_interpolation import mean_pose
from stages.world.bodies.poses import AnglePose, Arm, Leg, bone_rotations
from tests.models.motion.made_movements import CURL, JACK, SQUAT, MadeMovement, made_movement
from tests.stages.bodies.made_bodies import made_body

REST = AnglePose()
SQUAT_LEG, LUNGE_LEG = Leg(toward=(0.1, -0.35, 1.0), knee=1.9), Leg(toward=(0.05, -0.6, 1.0), knee=1.4)
AHEAD, UP, BENT = Arm(toward=(0.2, 0, 1)), Arm(toward=(0.5, 1.0, 0.1)), Arm(elbow=2.2)
MOVEMENTS = {
    "squat": AnglePose(left_leg=SQUAT_LEG, right_leg=SQUAT_LEG, left_arm=AHEAD, right_arm=AHEAD),
    "lunge": AnglePose(left_leg=LUNGE_LEG, right_leg=Leg(toward=(0.05, -1, -0.3), knee=1.2)),
    "jack": AnglePose(left_arm=UP, right_arm=UP, left_leg=Leg(toward=(0.4, -1, 0)), right_leg=Leg(toward=(0.4, -1, 0))),
    "curl": AnglePose(left_arm=BENT, right_arm=BENT),
}  # fmt: skip
LEVELS = 33
"""Poses between rest and turning point whose angles are computed; others are interpolated."""


def _fitted(pose: AnglePose) -> FittedBody:
    body = made_body()
    return replace(body, pose=replace(body.pose, rotation_B33=bone_rotations(load_body(), pose, 0.0)))


def angles_of_levels(name: str) -> F32:
    """Angles (LEVELS, A) from rest to the turning point."""
    poses = [mean_pose((REST, MOVEMENTS[name]), (1 - share, share)) for share in np.linspace(0, 1, LEVELS)]
    return body_angles([_fitted(pose) for pose in poses])[0]


def extent_over_time(rng: np.random.Generator, count: int, fps: float) -> tuple[F64, list[float]]:
    """How far the movement is from rest, 0..1, in each frame, and the seconds of the turning points."""
    seconds, pause = float(rng.uniform(1.2, 3.5)), float(rng.choice([0.0, 0.0, 1.0, 3.0]))
    height = float(rng.uniform(0.6, 1.0))
    parts, turns, at = [np.zeros(round(rng.uniform(0.4, 1.5) * fps))], [], 0.0
    if rng.random() < 0.3:  # it begins on the way back
        parts.insert(0, height * np.linspace(0.8, 0, round(0.4 * seconds * fps)))
    for _ in range(count):
        at = sum(map(len, parts)) / fps
        length = seconds * float(rng.uniform(0.85, 1.18))
        turns.append(at + length / 2)
        once_L = 0.5 - 0.5 * np.cos(2 * np.pi * np.linspace(0, 1, round(length * fps)))
        parts += [height * float(rng.uniform(0.92, 1.0)) * once_L, np.zeros(round(pause * rng.random() * fps))]
    if rng.random() < 0.3:  # it ends on the way out
        parts.append(height * np.linspace(0, 0.45, round(0.2 * seconds * fps)))
    else:
        parts.append(np.zeros(round(rng.uniform(0.4, 1.5) * fps)))
    return np.concatenate(parts), turns


def made_series(number: int, seed: int) -> MadeMovement:
    """Joint angles of random difficulty."""
    rng = np.random.default_rng((seed, number))
    cuts = {"begun": float(rng.choice([0, 0.5, 0.9])), "cut": float(rng.choice([0, 0.5, 0.9]))}
    return made_movement(
        int(rng.integers(1, 13)), joints=(SQUAT, JACK, CURL)[number % 3], seconds=rng.uniform(0.8, 4), seed=number,
        pause=float(rng.choice([0, 3])), drift=float(rng.choice([0, 3])), noise=float(rng.choice([2, 7])),
        fps=float(rng.choice([5, 25, 60])), uneven=float(rng.choice([1.1, 1.5])), alternate=False, **cuts,
    )  # fmt: skip


def posed_clip(number: int, seed: int, noise: float) -> tuple[MadeMovement, F64, list[float]]:
    """The angles of a posed body with errors, the exact angles (T, A), and the seconds of the turning points."""
    rng = np.random.default_rng([seed, number])
    name, fps = list(MOVEMENTS)[number % len(MOVEMENTS)], float(rng.choice([5, 10, 25, 30, 60]))
    count = int(rng.integers(1, 13))
    extent_T, turns = extent_over_time(rng, count, fps)
    level_LA = unwrapped(angles_of_levels(name), JOINT_ANGLES)
    grid_L = np.linspace(0, 1, LEVELS)
    true_TA = np.stack([np.interp(extent_T, grid_L, level_L) for level_L in level_LA.T], axis=1)
    second_T = np.arange(len(extent_T)) / fps
    noise_TA = gaussian_filter1d(rng.normal(0, 1, true_TA.shape), max(0.15 * fps, 0.3), axis=0)
    noise_TA *= noise / noise_TA.std()
    drift_TA = np.sin(second_T / 9)[:, None] * rng.normal(0, 5, true_TA.shape[1])
    sure_TJ = np.full((len(second_T), len(KEYPOINT_NAMES)), 0.5)
    width_TA = joint_widths(sure_TJ, np.zeros((len(second_T), len(JOINT_ANGLES)), bool))
    angle_TA = (true_TA + noise_TA + drift_TA).astype(np.float32)
    return MadeMovement(second_T=second_T, angle_TA=angle_TA, width_TA=width_TA, count=count), true_TA, turns


def counted(label: str, made: Sequence[MadeMovement]) -> list[list[RepetitionMeasures]]:
    """The repetitions of each; prints those that are counted wrong, and the sums."""
    found = [measured_repetitions(one.second_T, one.angle_TA, one.width_TA) for one in made]
    off = [len(rows) - one.count for one, rows in zip(made, found, strict=True)]
    for number in np.flatnonzero(off):
        print(f"{label} {number}: {made[number].count} true, {len(found[number])} found")
    print(f"{len(made)} {label}: {off.count(0)} exact, mean error {np.abs(off).mean():.2f}")
    return found


def main() -> None:
    """Count in all, and print the errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=60)
    parser.add_argument("--clips", type=int, default=24)
    parser.add_argument("--seed", type=int, default=78)
    parser.add_argument("--noise", type=float, default=5.0)
    options = parser.parse_args()
    counted("series", [made_series(number, options.seed) for number in range(options.series)])
    clips = [posed_clip(number, options.seed, options.noise) for number in range(options.clips)]
    late, off = [], []
    for rows, (made, true_TA, turns) in zip(counted("clips", [made for made, _, _ in clips]), clips, strict=True):
        for one, turn in zip(rows, turns, strict=False) if len(rows) == len(turns) else ():
            late.append(abs(one.repetition.turn_s - turn))
            exact_T = true_TA[:, JOINT_ANGLES.index(one.joint)]
            off.append(abs(one.depth_deg - np.interp(turn, made.second_T, exact_T)))
    print(f"turning points are off by {np.mean(late):.2f} s, depths by {np.mean(off):.1f}° (means)")


if __name__ == "__main__":
    main()
