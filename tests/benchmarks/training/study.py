"""Runs the study row by row: trains and scores what `study_rows.yaml` lists and the record does not hold yet.

    nice -n 5 python -m tests.benchmarks.training.study                       all rows; a stopped study continues
    python -m tests.benchmarks.training.study --only person,rcnn --seeds 0    some rows
    python -m tests.benchmarks.training.study_tables                          the tables of docs/study.md
    python -m tests.benchmarks.training.study --of trainings --seeds 0        the trainings that ship

Every row is one run of the product (`run_pipeline.py -c CONFIG --set …`, printed before it starts).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pipeline.command.cli import main as run
from stages.evaluation.body_geometry import geometry_of
from stages.evaluation.measures import ANNOTATORS, annotator_measures, estimates
from stages.evaluation.person_scores import person_score
from stages.evaluation.synthetic_truth import Worlds, world_set
from stages.training.rcnn.score_training import ScoreTraining, rounded_estimate

OF = ("study", "trainings")
FOLDER = Path("runs/study/rows")
SCORED = ScoreTraining.Config()
DONE = 0


def rows_listed(of: str = "study") -> dict[str, dict[str, Any]]:
    """The rows by name, in training order; `of`: the study or the trainings."""
    path = Path(__file__).with_name(f"{of}_rows.yaml")
    listed: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return listed


def record_of(of: str) -> Path:
    """The record that is committed."""
    return Path(f"docs/benchmarks/{of}.jsonl")


def scored(record: Path) -> set[tuple[str, int]]:
    """Rows and seeds that a record holds."""
    if not record.is_file():
        return set()
    lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
    return {(line["row"], line["seed"]) for line in lines}


def words_of(name: str, row: Mapping[str, Any], seed: int, folder: Path, record: Path) -> list[str]:
    """The command line that trains and scores a row."""
    own = folder / f"{name}-{seed}"
    settings: dict[str, Any] = {
        "row": name,
        "seed": seed,
        "train_network.folder": str(own),
        "train_network.quiet": True,
        "export_network.weights": str(own / "weights.safetensors"),
        "score_training.weights": str(own / "weights.safetensors"),
        "score_training.record": str(record),
        **row.get("set", {}),
    }
    words = ["-c", row["config"]]
    for key, value in settings.items():
        if isinstance(value, str):
            value = value.format(seed=seed, folder=folder)
        words += ["--set", f"{key}={value if isinstance(value, str) else json.dumps(value)}"]
    return words


def missing_runs(
    rows: Mapping[str, Mapping[str, Any]], seeds: Sequence[int], done: set[tuple[str, int]]
) -> Iterator[tuple[str, int]]:
    """Rows and seeds without a record, seed after seed; a row without a network has one seed."""
    for seed in seeds:
        for name, row in rows.items():
            if (name, seed) not in done and ("config" in row or seed == seeds[0]):
                yield name, seed


def needed(row: Mapping[str, Any], seed: int, folder: Path) -> str | None:
    """The row that is the teacher of another, where its weights are missing: the record outlives them."""
    name = row.get("needs")
    return name if name and not (folder / f"{name}-{seed}" / "weights.safetensors").is_file() else None


def human_line(name: str, seed: int, worlds: Sequence[str], scenes: int) -> dict[str, Any]:
    """The record of a row without a network: two simulated annotators against the truth, at scored points."""
    body = geometry_of("")
    scores = {}
    for world in worlds:
        images = world_set(world, Worlds(seed=0, scenes=scenes, frames=scenes)).images
        people = [person_score(one, g, {}, body) for one in images for g in range(len(one.people))]
        measures = estimates(annotator_measures(people))
        scores[world] = {ANNOTATORS: {name: rounded_estimate(value) for name, value in measures.items()}}
    return {"row": name, "seed": seed, "cpu_minutes": 0.0, "scenes": scenes, "scores": scores}


def go(name: str, row: Mapping[str, Any], seed: int, chosen: argparse.Namespace) -> int:
    """Train and score one row; returns its exit code."""
    if "config" not in row:
        chosen.record.parent.mkdir(parents=True, exist_ok=True)
        with chosen.record.open("a", encoding="utf-8") as record:
            record.write(json.dumps(human_line(name, seed, SCORED.worlds, SCORED.scenes)) + "\n")
        return DONE
    words = words_of(name, row, seed, chosen.folder, chosen.record)
    words += [word for change in chosen.set for word in ("--set", change)]
    print("run_pipeline.py", *words, flush=True)
    return run(words)


def main(arguments: Sequence[str] | None = None) -> int:
    """Train row after row; returns the exit code of the first failure, or 0."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--of", choices=OF, default=OF[0], help="which rows: the study's, or the trainings that ship")
    parser.add_argument("--only", default="", metavar="ROW,ROW", help="these rows")
    parser.add_argument("--seeds", default="0,1", metavar="N,N", help="seeds of the first weights and of what is shown")
    parser.add_argument("--record", type=Path, help="JSON lines of what was scored; docs/benchmarks/OF.jsonl")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="gets weights and logs")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting of every row")
    chosen = parser.parse_args(arguments)
    chosen.record = chosen.record or record_of(chosen.of)
    rows = rows_listed(chosen.of)
    names = chosen.only.split(",") if chosen.only else list(rows)
    unknown = [name for name in names if name not in rows]
    if unknown:
        parser.error(f"there is no row {unknown[0]}; choose from {', '.join(rows)}")
    seeds = [int(seed) for seed in chosen.seeds.split(",")]
    for name, seed in missing_runs({name: rows[name] for name in names}, seeds, scored(chosen.record)):
        before = needed(rows[name], seed, chosen.folder)
        for one in (before, name) if before else (name,):
            code = go(one, rows[one], seed, chosen)
            if code != DONE:
                return code
    return DONE


if __name__ == "__main__":
    sys.exit(main())
