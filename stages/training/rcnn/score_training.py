"""Score the weights of a training on synthetic worlds: one line of JSON a training."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from models.checkpoints.checkpoint import load_checkpoint
from models.checkpoints.trained_info import read_trained_info
from models.checkpoints.trained_weights import write_trained
from models.files.json_file import parsed_json
from models.metrics.bootstrap import Estimate
from models.network import NetworkConfig
from pipeline.stage import Stage, StageError
from stages.evaluation.body_geometry import prepare_body
from stages.evaluation.evaluate import Boxes, Evaluate, scored
from stages.evaluation.synthetic_truth import Worlds, world_set
from stages.payloads import Written
from stages.training.distributed import is_chief
from stages.training.payloads import BatchSource, NetworkTrained, Round

Scores = dict[str, dict[str, dict[str, list[float]]]]
NO_LOSSES = frozenset({"step", "rate", "waiting", "images_s", "cpu_s", "time", "left"})
"""Keys of a row of the log that are no losses."""
SCORE, MIN_SCORE = 0.18, 0.02
"""Scores from which a detection counts as found, and from which it is read (`evaluate.score`, `.min_score`)."""


class ScoreTraining(Stage):
    """After the last round: scores by world and protocol, how many images and people were shown, and the cost."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Settings of the scoring and of its output.

        Attributes:
            row, seed: name of the line.
            weights: the file that the training wrote, beside its `log.jsonl`, from which the cost is read.
            record: file to which the line is added.
            worlds: synthetic worlds by name.
            scenes: of each world, the first ones.
            boxes: `detected`, `given` or `both`, as in `evaluate`.
            oracle_masks: predict once more with the background removed by the true masks.
            read_at: of networks for single people: further sets of scales at which people are predicted and averaged;
                their columns end in `_at_` and the scales.
        """

        row: str = ""
        seed: int = 0
        weights: str = "runs/study/rcnn/rcnn.safetensors"
        record: str = "runs/study/study.jsonl"
        worlds: tuple[str, ...] = ("val", "far")
        scenes: int = 200
        boxes: Boxes = "both"
        oracle_masks: bool = False
        read_at: tuple[tuple[float, ...], ...] = ()

        def __post_init__(self) -> None:
            """Raises ValueError for no scenes."""
            if self.scenes < 1:
                raise ValueError("scenes must be at least 1")

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Distances on the body, once. Raises ModelError."""
        prepare_body("", sys.stderr)

    def __call__(self, part: Round, batches: BatchSource, trained: NetworkTrained) -> Iterator[Written]:
        """Score and write. Raises: StageError if the line cannot be written."""
        if not part.last or not is_chief():
            return
        config = self.config
        weights = Path(config.weights)
        log = rows_of(weights.with_name("log.jsonl"))
        steps = int(log[-1]["step"]) + int(log[-1]["left"])
        line = {
            "row": config.row,
            "seed": config.seed,
            "kind": batches.kind,
            "steps": steps,
            "pictures": steps * batches.size,
            "people": sum(map(batches.people, range(steps))),
            "cpu_minutes": round(sum(row["cpu_s"] for row in log) / 60, 4),
            "losses": losses_of(log[0], log[-1]),
            "parameters": sum(value.numel() for value in load_checkpoint(weights).weights.values()),
            "scenes": config.scenes,
            "scores": {world: self._scores(world, weights) for world in config.worlds},
        }
        yield Written(path=self._write(line), frames=0)

    def _scores(self, world: str, weights: Path) -> dict[str, dict[str, list[float]]]:
        columns = self._scored(world, weights)
        for scales in self.config.read_at:
            ending = "_at_" + "_".join(f"{scale:g}" for scale in scales)
            other = weights.with_suffix(f".{ending[1:]}.safetensors")
            write_trained(other, load_checkpoint(weights).weights, replace(read_trained_info(weights), scales=scales))
            columns |= {f"{name}{ending}": one for name, one in self._scored(world, other).items()}
            other.unlink()
        return columns

    def _scored(self, world: str, weights: Path) -> dict[str, dict[str, list[float]]]:
        config = self.config
        network = NetworkConfig(kind="trained", weights=str(weights))
        asking = Evaluate.Config(
            network=network, boxes=config.boxes, oracle_masks=config.oracle_masks, score=SCORE, min_score=MIN_SCORE,
        )
        images = world_set(world, Worlds(seed=0, scenes=config.scenes, frames=config.scenes)).images
        found = scored(asking, (one for one in images if one.people), self.threads)
        return {
            name: {measure: rounded_estimate(one) for measure, one in column.items()} for name, column in found.items()
        }

    def _write(self, line: Mapping[str, Any]) -> str:
        path = Path(self.config.record)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as record:
                record.write(json.dumps(line) + "\n")
        except OSError as error:
            what = f"the scores cannot be written ({error.strerror})"
            raise StageError(what, str(path), "set score_training.record") from error
        return str(path)


def rounded_estimate(one: Estimate) -> list[float]:
    """A measure and the ends of its interval, rounded; a missing interval is the value itself."""
    ends = [one.value if end != end else end for end in (one.low, one.high)]
    return [round(float(value), 4) for value in (one.value, *ends)]


def rows_of(log: Path) -> list[dict[str, Any]]:
    """The rows of a training's log in the order of their steps; of steps that were taken twice the later ones.

    Raises: StageError for a log that cannot be read or is empty.
    """
    try:
        rows = [parsed_json(line) for line in log.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        remedy = "set score_training.weights to the file that the training wrote beside it"
        raise StageError("the training's log cannot be read", str(log), remedy) from error
    if not rows:
        raise StageError("the training's log is empty", str(log), "train first")
    latest = {row["step"]: row for row in rows}
    return [latest[step] for step in sorted(latest)]


def losses_of(first: Mapping[str, Any], last: Mapping[str, Any]) -> dict[str, list[float]]:
    """Every loss that both rows of a log have."""
    return {name: [first[name], last[name]] for name in last if name in first and name not in NO_LOSSES}
