"""What roll-aligned passes gain, step by step: worlds in given boxes, with constants of `tta.py` changed.

    python -m tests.benchmarks.quality.roll_alignment --scenes 100 [--worlds far val stress_lying] [--weights FILE]

Each row also gives the surface network's passes a person.
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
from tests.benchmarks.quality.camera_loss import Patch, patched, scored

NO_PERSON, ALL_PEOPLE = 360.0, 0.0
FOUR_PASSES = (tta, "MIN_CONFIDENCE", 0.0)
"""At most four passes."""
SETTINGS: dict[str, tuple[Patch, ...]] = {
    "as built in": (),
    "two passes": ((tta, "LARGE_ROLL", NO_PERSON),),
    "two more from 30°": (FOUR_PASSES, (tta, "LARGE_ROLL", 30.0)),
    "two more from 20°": (FOUR_PASSES,),
    "two more from 12°": (FOUR_PASSES, (tta, "LARGE_ROLL", 12.0)),
    "two more of all people": (FOUR_PASSES, (tta, "LARGE_ROLL", ALL_PEOPLE)),
    "rotated by 15°": ((tta, "ROTATION_LARGE_ROLL", 15.0),),
    "rotated by 35°": ((tta, "ROTATION_LARGE_ROLL", 35.0),),
    "rotated below .8": ((tta, "MIN_CONFIDENCE", 0.8),),
}
"""Attributes to replace, by row."""


class CountedNetwork:
    """Wraps the surface network and counts its crops."""

    def __init__(self, network: Callable[[Sequence[np.ndarray]], list[np.ndarray]]) -> None:
        self.network, self.crops = network, 0

    def __call__(self, crops: Sequence[np.ndarray]) -> list[np.ndarray]:
        self.crops += len(crops)
        return self.network(crops)


def row(net: LightNetwork, worlds: list[str], seed: int, scenes: int) -> str:
    """Cells of a row: for each world people, AUC10, AUC30, and passes a person."""
    geometry, cells = open_body_geometry(), []
    for world in worlds:
        counted = CountedNetwork(net.predictor.surface_network)
        with patched([(net.predictor, "surface_network", counted)]):
            found = scored(net, geometry, world, Worlds(seed=seed, scenes=scenes, frames=0))
        cells.append(f"{found} | {counted.crops / int(found.split(' | ')[0]):.2f}")
    return " | ".join(cells)


def main() -> None:
    """Print a row for each setting, and one without roll alignment."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, default=BUILT_IN, help="of the light network")
    parser.add_argument("--scenes", type=int, default=100, help="of each world")
    parser.add_argument("--seed", type=int, default=0, help="of the worlds")
    parser.add_argument("--worlds", nargs="*", default=["far", "val", "stress_lying"], metavar="WORLD")
    options = parser.parse_args()
    print("| setting |" + "".join(f" `{world}`: people | AUC10 | AUC30 | passes |" for world in options.worlds))
    print("|---|" + "---|---|---|---|" * len(options.worlds))
    not_aligned = LightNetwork(NetworkConfig(weights="light", tta="adaptive", roll_align=False), 1, options.weights)
    print(f"| no roll alignment | {row(not_aligned, options.worlds, options.seed, options.scenes)} |", flush=True)
    net = LightNetwork(NetworkConfig(weights="light", tta="adaptive"), 1, options.weights)
    for name, patches in SETTINGS.items():
        with patched(patches):
            print(f"| {name} | {row(net, options.worlds, options.seed, options.scenes)} |", flush=True)


if __name__ == "__main__":
    main()
