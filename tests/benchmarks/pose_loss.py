"""What poses cost: `far` in given boxes with everybody in one activity, or in one kind of the other worlds' poses.

    python -m tests.benchmarks.pose_loss --scenes 45 [--weights FILE] [--seed 0] [--poses NAME ...]

Bodies, clothes, places and cameras come from `far`'s generators in every row, but not the same ones: a pose takes as
many random numbers as it asks for, and a camera goes where the pose is seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference.light_network import LightNetwork
from models.network import NetworkConfig
from models.surface.geometry import open_body_geometry
from stages.evaluation.synthetic_truth import Worlds
from stages.world import far_world
from stages.world.bodies import far_poses
from stages.world.bodies.poses import BodyPose
from stages.world.bodies.random_poses import RANDOM_POSES
from tests.benchmarks.camera_loss import Patch, patched, scored

Rng = np.random.Generator


def posed(name: str) -> Callable[[Rng], BodyPose]:
    """One kind of the other worlds' poses, after the numbers that one of `far`'s takes."""

    def pose(rng: Rng) -> BodyPose:
        far_poses.far_pose(rng)
        return RANDOM_POSES[name](rng)

    return pose


def ways() -> dict[str, tuple[Patch, ...]]:
    """What to patch, by name: nothing, an activity of `far` alone, a kind of the other worlds' poses alone."""
    alone = {f"far: {name}": ((far_poses, "ACTIVITIES", {name: one}),) for name, one in far_poses.ACTIVITIES.items()}
    others = {name: ((far_world, "far_pose", posed(name)),) for name in RANDOM_POSES}
    return {"as it is": (), **alone, **others}


def main() -> None:
    """Print a row for each kind of pose."""
    rows = ways()
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--weights", type=Path, default=BUILT_IN, help="of the light network")
    asked.add_argument("--scenes", type=int, default=45, help="of each kind of pose")
    asked.add_argument("--seed", type=int, default=0, help="of the world")
    asked.add_argument("--poses", nargs="*", default=list(rows), help="the rows to print", metavar="NAME")
    given = asked.parse_args()
    if unknown := set(given.poses) - set(rows):
        asked.error(f"--poses: {', '.join(sorted(unknown))} unknown; there are {', '.join(rows)}")
    net = LightNetwork(NetworkConfig(weights="light", precision="fp32", tta="adaptive"), 1, given.weights)
    geometry = open_body_geometry()
    print("| pose | people | AUC10 | AUC30 |\n|---|---|---|---|")
    for name in given.poses:
        with patched(rows[name]):
            found = scored(net, geometry, "far", Worlds(seed=given.seed, scenes=given.scenes, frames=0))
        print(f"| {name} | {found} |", flush=True)


if __name__ == "__main__":
    main()
