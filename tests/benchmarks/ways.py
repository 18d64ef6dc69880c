"""What moves the light network's score on real people: ways of training it, each alone, paired over people.

    python -m tests.benchmarks.ways FOLDER --data LSP/lsp.json COCO IUV
    python -m tests.benchmarks.ways FOLDER --data … --only base,again,hidden

FOLDER is that of a run of `-c train_light_scratch`, whose labelled photos and scenes are taken. For each way of
`ways.yaml` the surface network goes on from the built-in weights (or `--start FILE`) for so many steps, and reads
people in given boxes. A way that has been scored is not trained again (FOLDER/ways/NAME.json); the table then says how
much better each is than `base` (`--base WAY`), over the same people, with the middle 95 % of that difference over
people drawn again.
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
from pipeline.conversion import to_dataclass
from stages.evaluation.coco_truth import FileOptions
from stages.evaluation.evaluate import Evaluate
from stages.evaluation.person_scores import PersonScore
from stages.evaluation.set_lookup import sets_named
from stages.evaluation.synthetic_truth import Worlds
from stages.training.light.export_light import averaged
from stages.training.light.train_surface import TrainSurface
from stages.training.payloads import Round
from tests.benchmarks.way_runs import Way, arguments, changes, recorded, shards, usual_fit, with_start

WAYS = Path(__file__).with_name("ways.yaml")
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
"""The crops of `base`, from which the rows of the mix differ by one share each."""
BASE_LOSSES = {"metric_uv": False, "as_points": False, "extremities": 1.0}
Counts = dict[str, list[tuple[int, int]]]
"""By set and measure, what was right of what was asked, person by person."""


def trained(name: str, way: Way, chosen: argparse.Namespace) -> Path:
    """Train a way, or go on with it; gives its weights. `way`: changes to train_surface, and which photos."""
    folder = chosen.folder / "ways" / name
    changed, before = changes(way), read_sizes(chosen.start)
    settings = {
        "folder": str(folder),
        "start": str(chosen.start),
        "sides": [CROP],
        "seed": 33,
        **changed,
        "mix": {**BASE_MIX, **changed.get("mix", {})},
        "losses": {**BASE_LOSSES, **changed.get("losses", {})},
        "sizes": {**asdict(before.surface), **changed.get("sizes", {})},
        "fit": {**usual_fit(chosen), **changed.get("fit", {})},
    }
    place = ".".join
    stage = TrainSurface(to_dataclass(TrainSurface.Config, settings, (name,), lambda path: f"{WAYS}: {place(path)}"))
    (made,) = stage(Round(index=0, count=1), *shards(chosen.folder, way))
    stage.close()
    sizes = LightSizes(detector=before.detector, surface=stage.sizes)
    return with_start(folder, {"surface": averaged(made.checkpoint)}, sizes, chosen.start)


def scored(weights: Path, chosen: argparse.Namespace) -> Counts:
    """What the weights get right on every set, in given boxes."""
    network = NetworkConfig(weights=str(weights), precision="fp32", flip=False, roll_align=False)
    stage = Evaluate(Evaluate.Config(network=network, boxes="given"))
    reading = FileOptions(images="", annotators=(), damage=refused)
    found: Counts = {}
    for one in sets_named(tuple(chosen.data), Worlds(seed=0, scenes=chosen.scenes, frames=1), reading):
        for picture in one.images:
            for person in next(stage(picture))[0].people:
                for measure, right, asked in counted(person):
                    found.setdefault(f"{one.name} {measure}", []).append((right, asked))
    return found


def refused(error: Exception) -> None:
    """Damaged records end the run."""
    raise error


def counted(person: PersonScore) -> Iterator[tuple[str, int, int]]:
    """Right and asked: joints of a person, and pixels of the true mask."""
    answer = person.results["given"]
    if answer.joint_17 is not None and person.visible_17 is not None and person.visible_17.any():
        yield "part_of_joint", int(answer.joint_17.sum()), int(person.visible_17.sum())
    if answer.chart_2525 is not None:
        yield "part_accuracy", int(np.trace(answer.chart_2525)), int(answer.chart_2525.sum())


def gain(base: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]) -> str:
    """How much more of what was asked is right, and the ends of the middle 95 % with people drawn again."""
    before_P2, after_P2 = np.array(base, float), np.array(other, float)
    more = ratio(after_P2[:, 0] - before_P2[:, 0], before_P2[:, 1])
    return f"{more.value:+.3f} [{more.low:+.3f}, {more.high:+.3f}]"


def table(found: Mapping[str, Counts], against: str) -> list[str]:
    """The ways as lines of Markdown: the one that others are held against, and of these what they gain on it."""
    if against not in found:
        return [f"{against}, which the others are held against, has not been scored yet"]
    base = found[against]
    lines = ["| way | " + " | ".join(base) + " |", "|" + "---|" * (len(base) + 1)]
    totals = [f"{sum(right for right, _ in one) / sum(asked for _, asked in one):.3f}" for one in base.values()]
    lines.append(f"| {against} | " + " | ".join(totals) + " |")
    for name, counts in found.items():
        if name != against:
            cells = [gain(base[key], counts[key]) for key in base]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def main(given: Sequence[str] | None = None) -> int:
    """Train and score what is missing, and print the table of what is there."""
    parser = arguments(__doc__, scenes=150, steps=1500)
    parser.add_argument("--base", default="base", metavar="WAY", help="the way that others are held against")
    chosen = parser.parse_args(given)

    def score(name: str, way: Way | None) -> Counts:
        return scored(chosen.start if way is None else trained(name, way, chosen), chosen)

    print("\n".join(table(recorded(WAYS, chosen.folder / "ways", chosen.only, score), chosen.base)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
