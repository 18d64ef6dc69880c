"""Experiments on the training of the light surface network, each with one change, paired over people.

    python -m tests.benchmarks.training.surface_experiments FOLDER --data LSP/lsp.json COCO IUV
    python -m tests.benchmarks.training.surface_experiments FOLDER --data … --only base,again,no_rotation

FOLDER is that of a run of `-c train_light_scratch`: its labelled photos and scenes are used. Each experiment of
`surface_experiments.yaml` trains the surface network for `--steps` from the built-in weights (or `--start FILE`), and
predicts people in given boxes. An experiment with a record (FOLDER/ways/NAME.json) is not trained again. The table
gives the difference of each to `base` (`--base NAME`) over the same people, with its bootstrap interval of 95 %.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from models.light.architecture.preprocessing import CROP
from models.light.architecture.sizes import LightSizes
from models.light.architecture.weight_files import read_sizes
from models.metrics.bootstrap import ratio
from models.network import NetworkConfig
from pipeline.configuration.conversion import to_dataclass
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.evaluate import Evaluate
from stages.evaluation.person_scores import PersonScore
from stages.evaluation.set_lookup import sets_named
from stages.evaluation.synthetic_truth import Worlds
from stages.training.light.export_light import averaged
from stages.training.light.train_surface import TrainSurface
from stages.training.payloads import Round
from tests.benchmarks.training.experiment_runs import (
    Experiment,
    arguments,
    changes,
    recorded,
    shards,
    usual_fit,
    with_start,
)

EXPERIMENTS = Path(__file__).with_name("surface_experiments.yaml")
BASE_MIX = {
    "real": 0.5,
    "rotated_any": 0.12,
    "roll_aligned": 0.0,
    "occluded_by_person": 0.0,
    "occluded_by_object": 0.0,
    "background": 0.0,
    "distant": 0.0,
    "video_degraded": 0.0,
}
"""The crop mix of `base`; each experiment on the mix changes one share."""
BASE_LOSSES = {"metric_uv": False, "as_points": False, "extremities": 1.0}
Counts = dict[str, list[tuple[int, int]]]
"""By set and measure: right and scored counts for each person."""


def trained(name: str, experiment: Experiment, chosen: argparse.Namespace) -> Path:
    """Train an experiment, or continue it; returns its weights. `experiment`: changes to train_surface, and photos."""
    folder = chosen.folder / "ways" / name
    changed, before = changes(experiment), read_sizes(chosen.start)
    settings = {
        "folder": str(folder),
        "start": str(chosen.start),
        "sides": [changed.get("sizes", {}).get("crop", CROP)],
        "seed": 33,
        **changed,
        "imagenet": str(chosen.imagenet) if changed.get("imagenet") else "",
        "mix": {**BASE_MIX, **changed.get("mix", {})},
        "losses": {**BASE_LOSSES, **changed.get("losses", {})},
        "sizes": {**asdict(before.surface), **changed.get("sizes", {})},
        "fit": {**usual_fit(chosen), **changed.get("fit", {})},
    }
    place = ".".join
    config = to_dataclass(TrainSurface.Config, settings, (name,), lambda path: f"{EXPERIMENTS}: {place(path)}")
    stage = TrainSurface(config)
    (made,) = stage(Round(index=0, count=1), *shards(chosen.folder, experiment))
    stage.close()
    sizes = LightSizes(detector=before.detector, surface=stage.sizes)
    return with_start(folder, {"surface": averaged(made.checkpoint)}, sizes, chosen.start)


def scored(weights: Path, chosen: argparse.Namespace) -> Counts:
    """Counts of the weights on every set, in given boxes."""
    network = NetworkConfig(weights=str(weights), precision="fp32", flip=False, roll_align=False)
    stage = Evaluate(Evaluate.Config(network=network, boxes="given"))
    reading = FileOptions(images="", annotators=(), damage=refused)
    found: Counts = {}
    for one in sets_named(tuple(chosen.data), Worlds(seed=0, scenes=chosen.scenes, frames=1), reading):
        for image in one.images:
            for person in next(stage(image))[0].people:
                for measure, right, total in counted(person):
                    found.setdefault(f"{one.name} {measure}", []).append((right, total))
    return found


def refused(error: Exception) -> None:
    """Damaged records end the run."""
    raise error


def counted(person: PersonScore) -> Iterator[tuple[str, int, int]]:
    """Right and scored counts: joints of a person, and pixels of the true mask."""
    result = person.results["given"]
    if result.joint_17 is not None and person.visible_17 is not None and person.visible_17.any():
        yield "part_of_joint", int(result.joint_17.sum()), int(person.visible_17.sum())
    if result.chart_2525 is not None:
        yield "part_accuracy", int(np.trace(result.chart_2525)), int(result.chart_2525.sum())


def gain(base: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> str:
    """The difference in the right share, and its bootstrap interval of 95 % over people."""
    before_P2, after_P2 = np.array(base, float), np.array(other, float)
    more = ratio(after_P2[:, 0] - before_P2[:, 0], before_P2[:, 1])
    return f"{more.value:+.3f} [{more.low:+.3f}, {more.high:+.3f}]"


def table(found: Mapping[str, Counts], against: str) -> list[str]:
    """The table as lines of Markdown: the scores of `against`, and the others' differences to it."""
    if against not in found:
        return [f"{against}, the base of the comparison, has no scores yet"]
    base = found[against]
    lines = ["| experiment | " + " | ".join(base) + " |", "|" + "---|" * (len(base) + 1)]
    totals = [f"{sum(right for right, _ in one) / sum(total for _, total in one):.3f}" for one in base.values()]
    lines.append(f"| {against} | " + " | ".join(totals) + " |")
    for name, counts in found.items():
        if name != against:
            cells = [gain(base[key], counts[key]) for key in base]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main(given: Sequence[str] | None = None) -> int:
    """Train and score missing experiments, and print the table of all records."""
    parser = arguments(__doc__, scenes=150, steps=1500)
    parser.add_argument("--base", default="base", metavar="NAME", help="the experiment that others are compared with")
    parser.add_argument("--imagenet", type=Path, default="", help="ImageNet weights, for experiments with an encoder")
    chosen = parser.parse_args(given)

    def score(name: str, experiment: Experiment | None) -> Counts:
        return scored(chosen.start if experiment is None else trained(name, experiment, chosen), chosen)

    print("\n".join(table(recorded(EXPERIMENTS, chosen.folder / "ways", chosen.only, score), chosen.base)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
