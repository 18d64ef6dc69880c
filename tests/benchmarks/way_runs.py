"""What the benchmarks of ways share: ways to train one half, each trained and scored once, its record kept."""

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

Way = Mapping[str, Any]
"""Changes to the stage that trains the half, and which photos and scenes."""
SHOWN = ("photos", "photos_every", "scenes")


def arguments(description: str | None, *, scenes: int, steps: int) -> argparse.ArgumentParser:
    """The arguments that both benchmarks take, and how many scenes and steps there are where nothing is said."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--start", type=Path, default=BUILT_IN, help="weights to go on from (default: built in)")
    parser.add_argument("--data", nargs="+", required=True, help="sets of real people, and worlds")
    parser.add_argument("--scenes", type=int, default=scenes, help="of worlds among the sets")
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--rate", type=float, default=0.001)
    parser.add_argument("--optimizer", choices=get_args(Optimizers), default="adamw")
    parser.add_argument("--only", default="", metavar="WAY,WAY")
    return parser


def usual_fit(chosen: argparse.Namespace) -> dict[str, Any]:
    """How every way is fitted that does not say otherwise."""
    return {"steps": chosen.steps, "learning_rate": chosen.rate, "optimizer": chosen.optimizer}


def shards(folder: Path, way: Way) -> tuple[PhotoShards, SceneShards]:
    """Photos (`photos`: their folder; `photos_every`: so-many-th of their shards) and scenes (`scenes`) of a way."""
    photos, scenes = (
        tuple(map(str, sorted((folder / way.get(kind, kind)).glob("[0-9]*.npz")))) for kind in ("photos", "scenes")
    )
    return PhotoShards(paths=photos[:: way.get("photos_every", 1)]), SceneShards(paths=scenes)


def changes(way: Way) -> dict[str, Any]:
    """What a way changes of the stage's own settings."""
    return {key: value for key, value in way.items() if key not in SHOWN}


def with_start(
    folder: Path, trained: Mapping[str, dict[str, torch.Tensor]], sizes: LightSizes, start: Path
) -> Path:
    """Write a half that was trained, and the other one of the file that it began from, into one file."""
    began = load_file(start)
    halves = {
        half: {key.removeprefix(f"{half}."): value for key, value in began.items() if key.startswith(f"{half}.")}
        for half in ("detector", "surface")
    }
    weights = folder / "weights.safetensors"
    write_weights(weights, **{**halves, **trained}, sizes=sizes)
    return weights


def recorded(listing: Path, folder: Path, only: str, score: Callable[[str, Way | None], Any]) -> dict[str, Any]:
    """Score the ways of a list that have no record in the folder yet; gives all records there are, in its order.

    Args:
        only: names with commas between them; empty: all.
        score: what to record of a name and its way.
    """
    ways: dict[str, Way | None] = yaml.safe_load(listing.read_text(encoding="utf-8"))
    for name in only.split(",") if only else ways:
        record = folder / f"{name}.json"
        if not record.is_file():
            found = score(name, ways[name])
            record.write_text(json.dumps(found), encoding="utf-8")
            print(f"{name} is scored", flush=True)
    records = {name: folder / f"{name}.json" for name in ways}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in records.items() if path.is_file()}
