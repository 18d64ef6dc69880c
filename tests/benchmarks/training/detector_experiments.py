"""Experiments on the training of the light detector, each with one change.

    python -m tests.benchmarks.training.detector_experiments FOLDER --box-teacher YOLOX.onnx --data COCO HUMAN_V2 val
    python -m tests.benchmarks.training.detector_experiments FOLDER --box-teacher YOLOX.onnx --data … --only base,again

FOLDER is that of a run of `-c train_light_scratch`: its labelled photos and scenes are used. Each experiment of
`detector_experiments.yaml` trains the detector for `--steps` from the built-in weights. `-c evaluate` scores it in
float32, on people and detections of at least 100 pixels, at the built-in threshold. An experiment with a record
(FOLDER/detector_ways/NAME.json) is not trained again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from models.light.architecture.sizes import LightSizes
from models.light.architecture.weight_files import read_sizes
from pipeline.configuration.conversion import to_dataclass
from stages.training.light.export_light import averaged
from stages.training.light.train_detector import TrainDetector
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

EXPERIMENTS = Path(__file__).with_name("detector_experiments.yaml")
ROOT = Path(__file__).resolve().parents[3]
MEASURES = ("box_AP50", "recall", "precision")

Scores = dict[str, dict[str, float]]
"""Scores by set and measure."""


def trained(name: str, experiment: Experiment, chosen: argparse.Namespace) -> Path:
    """Train an experiment, or continue it; returns its weights. `experiment`: changes to train_detector, and photos."""
    folder = chosen.folder / "detector_ways" / name
    changed = changes(experiment)
    settings = {
        "folder": str(folder),
        "start": str(chosen.start),
        "seed": 43,
        "sizes": {"blocks": list(read_sizes(chosen.start).detector.blocks)},
        "box_teacher": chosen.box_teacher,
        **changed,
        "fit": {**usual_fit(chosen), **changed.get("fit", {})},
    }
    place = ".".join
    config = to_dataclass(TrainDetector.Config, settings, (name,), lambda path: f"{EXPERIMENTS}: {place(path)}")
    stage = TrainDetector(config)
    (made,) = stage(Round(index=0, count=1), *shards(chosen.folder, experiment))
    stage.close()
    sizes = LightSizes(detector=stage.sizes, surface=read_sizes(chosen.start).surface)
    return with_start(folder, {"detector": averaged(made.checkpoint)}, sizes, chosen.start)


def scored(weights: Path, name: str, chosen: argparse.Namespace) -> Scores:
    """Scores of the weights by `-c evaluate`."""
    report = chosen.folder / "detector_ways" / f"{name}_report.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(ROOT / "run_pipeline.py"), "-c", "evaluate", "--weights", str(weights.resolve())]
    data = ", ".join(f"'{one}'" for one in chosen.data)
    network = ("network.precision=fp32", *(f"network.{more}=false" for more in ("flip", "refine_boxes", "roll_align")))
    settings = ("boxes=detected", f"scenes={chosen.scenes}", f"data=[{data}]")
    for change in (*network, *settings, f"write_scores.folder={report.parent.resolve() / name}"):
        command += ["--set", change]
    subprocess.run([*command, "--report", str(report)], check=True, stdout=subprocess.DEVNULL)
    sets = json.loads(report.read_text(encoding="utf-8"))["inputs"][0]["sets"]
    return {
        one: {measure: found["detected"][measure]["value"] for measure in MEASURES if measure in found["detected"]}
        for one, found in sets.items()
    }


def table(found: Mapping[str, Scores]) -> list[str]:
    """The table of experiments as lines of Markdown."""
    columns = [(one, measure) for one, scores in next(iter(found.values())).items() for measure in scores]
    lines = ["| experiment | " + " | ".join(f"{one} {measure}" for one, measure in columns) + " |"]
    lines.append("|" + "---|" * (len(columns) + 1))
    for name, scores in found.items():
        lines.append(f"| {name} | " + " | ".join(f"{scores[one][measure]:.3f}" for one, measure in columns) + " |")
    return lines


def main(given: Sequence[str] | None = None) -> int:
    """Train and score missing experiments, and print the table of all records."""
    parser = arguments(__doc__, scenes=100, steps=1000)
    parser.add_argument("--box-teacher", default="", metavar="YOLOX.onnx")
    chosen = parser.parse_args(given)

    def score(name: str, experiment: Experiment | None) -> Scores:
        return scored(chosen.start if experiment is None else trained(name, experiment, chosen), name, chosen)

    print("\n".join(table(recorded(EXPERIMENTS, chosen.folder / "detector_ways", chosen.only, score))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
