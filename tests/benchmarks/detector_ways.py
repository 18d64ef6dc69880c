"""What moves the light detector: ways of training it, each alone.

    python -m tests.benchmarks.detector_ways FOLDER --box-teacher YOLOX.onnx --data COCO HUMAN_V2 val --scenes 100
    python -m tests.benchmarks.detector_ways FOLDER --box-teacher YOLOX.onnx --data … --only base,again,empty

FOLDER is that of a run of `-c train_light_scratch`, whose labelled photos and scenes are taken. For each way of
`detector_ways.yaml` the detector goes on from the built-in weights for so many steps and is scored by `-c evaluate` in
float32, people and detections from 100 pixels and from the score that is shown. A way that has been scored is not
trained again (FOLDER/detector_ways/NAME.json).
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
from pipeline.conversion import to_dataclass
from stages.training.light.export_light import averaged
from stages.training.light.train_detector import TrainDetector
from stages.training.payloads import Round
from tests.benchmarks.way_runs import Way, arguments, changes, recorded, shards, usual_fit, with_start

WAYS = Path(__file__).with_name("detector_ways.yaml")
ROOT = Path(__file__).resolve().parents[2]
MEASURES = ("box_AP50", "recall", "precision")

Scores = dict[str, dict[str, float]]
"""By set, by measure."""


def trained(name: str, way: Way, chosen: argparse.Namespace) -> Path:
    """Train a way, or go on with it; gives its weights. `way`: changes to train_detector, and which photos."""
    folder = chosen.folder / "detector_ways" / name
    changed = changes(way)
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
    config = to_dataclass(TrainDetector.Config, settings, (name,), lambda path: f"{WAYS}: {place(path)}")
    stage = TrainDetector(config)
    (made,) = stage(Round(index=0, count=1), *shards(chosen.folder, way))
    stage.close()
    sizes = LightSizes(detector=stage.sizes, surface=read_sizes(chosen.start).surface)
    return with_start(folder, {"detector": averaged(made.checkpoint)}, sizes, chosen.start)


def scored(weights: Path, name: str, chosen: argparse.Namespace) -> Scores:
    """What `-c evaluate` says of the weights."""
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
    """The ways as lines of Markdown."""
    columns = [(one, measure) for one, scores in next(iter(found.values())).items() for measure in scores]
    lines = ["| way | " + " | ".join(f"{one} {measure}" for one, measure in columns) + " |"]
    lines.append("|" + "---|" * (len(columns) + 1))
    for name, scores in found.items():
        lines.append(f"| {name} | " + " | ".join(f"{scores[one][measure]:.3f}" for one, measure in columns) + " |")
    return lines


def main(given: Sequence[str] | None = None) -> int:
    """Train and score what is missing, and print the table of what is there."""
    parser = arguments(__doc__, scenes=100, steps=1000)
    parser.add_argument("--box-teacher", default="", metavar="YOLOX.onnx")
    chosen = parser.parse_args(given)

    def score(name: str, way: Way | None) -> Scores:
        return scored(chosen.start if way is None else trained(name, way, chosen), name, chosen)

    print("\n".join(table(recorded(WAYS, chosen.folder / "detector_ways", chosen.only, score))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
