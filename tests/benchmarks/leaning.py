"""What reading people upright is worth, step by step: worlds in given boxes, with the reader's constants changed.

    python -m tests.benchmarks.leaning --scenes 100 [--worlds far val stress_lying] [--weights FILE] [--seed 0]

Beside AUC10 and AUC30 stands how often the surface network was asked a person.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from models.light.architecture.weight_paths import BUILT_IN
from models.light.inference import tta
from models.light.inference.light_network import LightNetwork
from models.network import NetworkConfig
from models.surface.geometry import open_body_geometry
from stages.evaluation.synthetic_truth import Worlds
from tests.benchmarks.camera_loss import Patch, patched, scored

NOBODY, EVERYBODY = 360.0, 0.0
FOUR = (tta, "MIN_CONFIDENCE", 0.0)
"""Four answers at most."""
WAYS: dict[str, tuple[Patch, ...]] = {
    "as built in": (),
    "two answers": ((tta, "LARGE_ROLL", NOBODY),),
    "two more from 30°": (FOUR, (tta, "LARGE_ROLL", 30.0)),
    "two more from 20°": (FOUR,),
    "two more from 12°": (FOUR, (tta, "LARGE_ROLL", 12.0)),
    "two more of everybody": (FOUR, (tta, "LARGE_ROLL", EVERYBODY)),
    "tilted by 15°": ((tta, "ROTATION_LARGE_ROLL", 15.0),),
    "tilted by 35°": ((tta, "ROTATION_LARGE_ROLL", 35.0),),
    "tilted below .8": ((tta, "MIN_CONFIDENCE", 0.8),),
}
"""What to change, by name."""


class Counted:
    """What a reader sees of crops, and of how many it was asked."""

    def __init__(self, seen: Callable[[Sequence[np.ndarray]], list[np.ndarray]]) -> None:
        self.seen, self.crops = seen, 0

    def __call__(self, crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.crops += len(crops)
        return self.seen(crops)


def row(net: LightNetwork, worlds: list[str], seed: int, scenes: int) -> str:
    """Cells of a row: of each world people, AUC10, AUC30, and answers a person."""
    geometry, cells = open_body_geometry(), []
    for world in worlds:
        counted = Counted(net.predictor.surface_network)
        with patched([(net.predictor, "surface_network", counted)]):
            found = scored(net, geometry, world, Worlds(seed=seed, scenes=scenes, frames=0))
        cells.append(f"{found} | {counted.crops / int(found.split(' | ')[0]):.2f}")
    return " | ".join(cells)


def main() -> None:
    """Print a row for each way, and one for people who are not turned at all."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--weights", type=Path, default=BUILT_IN, help="of the light network")
    asked.add_argument("--scenes", type=int, default=100, help="of each world")
    asked.add_argument("--seed", type=int, default=0, help="of the worlds")
    asked.add_argument("--worlds", nargs="*", default=["far", "val", "stress_lying"], metavar="WORLD")
    given = asked.parse_args()
    print("| way |" + "".join(f" `{world}`: people | AUC10 | AUC30 | answers |" for world in given.worlds))
    print("|---|" + "---|---|---|---|" * len(given.worlds))
    straight = LightNetwork(NetworkConfig(weights="light", tta="adaptive", roll_align=False), 1, given.weights)
    print(f"| not turned | {row(straight, given.worlds, given.seed, given.scenes)} |", flush=True)
    net = LightNetwork(NetworkConfig(weights="light", tta="adaptive"), 1, given.weights)
    for name, patches in WAYS.items():
        with patched(patches):
            print(f"| {name} | {row(net, given.worlds, given.seed, given.scenes)} |", flush=True)


if __name__ == "__main__":
    main()
