"""What poses cost: scores on `far` in given boxes with one activity, or one kind of pose, for all people.

    python -m tests.benchmarks.quality.pose_loss --scenes 45 [--weights FILE] [--seed 0] [--poses NAME ...]

Bodies, clothes, places and cameras come from `far`'s generators in every row, but are not the same ones: poses draw
different numbers of random values, and the camera goes where the pose is visible.
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
from stages.world.bodies.poses import AnglePose
from stages.world.bodies.random_poses import RANDOM_POSES
from tests.benchmarks.quality.camera_loss import Patch, patched, scored

Rng = np.random.Generator


def posed(name: str) -> Callable[[Rng], AnglePose]:
    """One kind of the other worlds' poses, after it has drawn the random numbers of one of `far`'s."""

    def pose(rng: Rng) -> AnglePose:
        far_poses.far_pose(rng)
        return RANDOM_POSES[name](rng)

    return pose


def pose_patches() -> dict[str, tuple[Patch, ...]]:
    """What to patch, by name: nothing, an activity of `far` alone, a kind of the other worlds' poses alone."""
    alone = {f"far: {name}": ((far_poses, "ACTIVITIES", {name: one}),) for name, one in far_poses.ACTIVITIES.items()}
    others = {name: ((far_world, "far_pose", posed(name)),) for name in RANDOM_POSES}
    return {"as it is": (), **alone, **others}


def main() -> None:
    """Print a row for each kind of pose."""
    rows = pose_patches()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=BUILT_IN, help="of the light network")
    parser.add_argument("--scenes", type=int, default=45, help="of each kind of pose")
    parser.add_argument("--seed", type=int, default=0, help="of the world")
    parser.add_argument("--poses", nargs="*", default=list(rows), help="the rows to print", metavar="NAME")
    options = parser.parse_args()
    if unknown := set(options.poses) - set(rows):
        parser.error(f"--poses: {', '.join(sorted(unknown))} unknown; there are {', '.join(rows)}")
    net = LightNetwork(NetworkConfig(weights="light", precision="fp32", tta="adaptive"), 1, options.weights)
    geometry = open_body_geometry()
    print("| pose | people | AUC10 | AUC30 |\n|---|---|---|---|")
    for name in options.poses:
        with patched(rows[name]):
            found = scored(net, geometry, "far", Worlds(seed=options.seed, scenes=options.scenes, frames=0))
        print(f"| {name} | {found} |", flush=True)


if __name__ == "__main__":
    main()
