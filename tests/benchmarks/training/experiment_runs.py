"""What the training experiments share: each trains one component and is scored once, and its record is kept."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

import torch
import yaml
from safetensors.torch import load_file

from models.light.architecture.sizes import LightSizes
from models.light.architecture.weight_files import write_weights
from models.light.architecture.weight_paths import BUILT_IN
from stages.training.optimizers import Optimizers
from stages.training.payloads import PhotoShards, SceneShards

Experiment = Mapping[str, Any]
"""Changes to the stage that trains the component, and the photos and scenes."""
SHOWN = ("photos", "photos_every", "scenes")


def arguments(description: str | None, *, scenes: int, steps: int) -> argparse.ArgumentParser:
    """The arguments of a benchmark, with their default numbers of scenes and steps."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--start", type=Path, default=BUILT_IN, help="weights to go on from (default: built in)")
    parser.add_argument("--data", nargs="+", required=True, help="sets of real people, and worlds")
    parser.add_argument("--scenes", type=int, default=scenes, help="of worlds among the sets")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--optimizer", choices=get_args(Optimizers), default="adamw")
    parser.add_argument("--only", default="", metavar="NAME,NAME")
    return parser


def usual_fit(chosen: argparse.Namespace) -> dict[str, Any]:
    """Default fit settings of an experiment."""
    return {"steps": chosen.steps, "learning_rate": chosen.rate, "optimizer": chosen.optimizer}


def shards(folder: Path, experiment: Experiment) -> tuple[PhotoShards, SceneShards]:
    """Shards of an experiment: `photos`, `scenes`: their folders; `photos_every`: one shard in so many."""
    photos, scenes = (
        tuple(map(str, sorted((folder / experiment.get(kind, kind)).glob("[0-9]*.npz"))))
        for kind in ("photos", "scenes")
    )
    return PhotoShards(paths=photos[:: experiment.get("photos_every", 1)]), SceneShards(paths=scenes)


def changes(experiment: Experiment) -> dict[str, Any]:
    """An experiment's changes to the stage's settings."""
    return {key: value for key, value in experiment.items() if key not in SHOWN}


def with_start(folder: Path, trained: Mapping[str, dict[str, torch.Tensor]], sizes: LightSizes, start: Path) -> Path:
    """Write the trained component, and the other one of the start weights, into one file."""
    start_weights = load_file(start)
    components = {
        component: {
            key.removeprefix(f"{component}."): value
            for key, value in start_weights.items()
            if key.startswith(f"{component}.")
        }
        for component in ("detector", "surface")
    }
    weights = folder / "weights.safetensors"
    write_weights(weights, **{**components, **trained}, sizes=sizes)
    return weights


def recorded(listing: Path, folder: Path, only: str, score: Callable[[str, Experiment | None], Any]) -> dict[str, Any]:
    """Score the experiments of a list without a record in the folder; returns all records, in the list's order.

    Args:
        only: names, separated by commas; empty: all.
        score: gives the record of a name and its experiment.
    """
    experiments: dict[str, Experiment | None] = yaml.safe_load(listing.read_text(encoding="utf-8"))
    for name in only.split(",") if only else experiments:
        record = folder / f"{name}.json"
        if not record.is_file():
            found = score(name, experiments[name])
            record.write_text(json.dumps(found), encoding="utf-8")
            print(f"{name} is scored", flush=True)
    records = {name: folder / f"{name}.json" for name in experiments}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in records.items() if path.is_file()}
