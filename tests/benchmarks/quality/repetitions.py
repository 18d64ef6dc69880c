"""How often the number of repetitions is right, on movements with exact truth.

    python -m tests.benchmarks.quality.repetitions [--clips 60] [--seed 78]

Each clip has joint angles with noise, drift, pauses, an uneven tempo, and incomplete repetitions at its start and end.
Printed are the clips that are counted wrong, the number of exact counts, and the mean absolute error.
"""

from __future__ import annotations

import argparse

import numpy as np

from models.motion.repetition_measures import measured_repetitions
from tests.models.motion.made_movements import CURL, JACK, SQUAT, MadeMovement, made_movement


def made_clip(number: int, seed: int) -> MadeMovement:
    """A clip of random difficulty."""
    rng = np.random.default_rng((seed, number))
    cuts = {"begun": float(rng.choice([0, 0.5, 0.9])), "cut": float(rng.choice([0, 0.5, 0.9]))}
    return made_movement(
        int(rng.integers(1, 13)), joints=(SQUAT, JACK, CURL)[number % 3], seconds=rng.uniform(0.8, 4), seed=number,
        pause=float(rng.choice([0, 3])), drift=float(rng.choice([0, 3])), noise=float(rng.choice([2, 7])),
        fps=float(rng.choice([5, 25, 60])), uneven=float(rng.choice([1.1, 1.5])), alternate=False, **cuts,
    )  # fmt: skip


def main() -> None:
    """Count in all clips, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=78)
    options = parser.parse_args()
    errors = []
    for number in range(options.clips):
        clip = made_clip(number, options.seed)
        found = len(measured_repetitions(clip.second_T, clip.angle_TA, clip.width_TA))
        errors.append(found - clip.count)
        if found != clip.count:
            print(f"clip {number}: {clip.count} true, {found} found, {len(clip.second_T)} frames")
    error_N = np.abs(errors)
    print(f"{len(error_N)} clips, {int((error_N == 0).sum())} exact, mean error {error_N.mean():.2f}")


if __name__ == "__main__":
    main()
