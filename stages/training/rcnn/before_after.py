"""Compare the weights before and after fine-tuning, on held-out images."""

from __future__ import annotations

import dataclasses
import itertools
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from models.files.atomic_file import atomic_write
from models.inference.network_check import check_network
from models.metrics.bootstrap import Estimate
from models.network import NetworkConfig
from pipeline.stage import Stage, StageError
from stages.annotations.densepose_coco import refuse
from stages.annotations.image_collections import held_out
from stages.evaluation.body_geometry import prepare_body
from stages.evaluation.coco_truth import FileOptions, annotated_set
from stages.evaluation.evaluate import Evaluate, scored
from stages.evaluation.score_tables import score_table
from stages.payloads import Written
from stages.training.distributed import is_chief
from stages.training.payloads import AnnotatedSet, AnnotatedSets, Round

Table = dict[tuple[str, str], dict[str, Estimate]]


class BeforeAfter(Stage):
    """After the last round: scores of both networks on the held-out images of the sets, as a table and a JSON file."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is compared.

        Attributes:
            network: the run's shared section: the weights before.
            weights: the file of the weights after.
            report: the JSON file.
            min_height: height in pixels from which recall and joints of people count.
        """

        network: NetworkConfig = field(default_factory=NetworkConfig)
        weights: str = "runs/finetune/finetuned.safetensors"
        report: str = "runs/finetune/before_after.json"
        min_height: float = 60.0

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises ModelError for weights and a device that the network cannot use."""
        check_network(config.network)

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Distances on the body, once. Raises ModelError."""
        prepare_body("", sys.stderr)

    def __call__(self, part: Round, sets: AnnotatedSets) -> Iterator[Written]:
        """Score both. Raises: StageError if no image was held out, or the report cannot be written."""
        if not part.last or not is_chief():
            return
        config = self.config
        kept = [one for one in sets.sets if one.hold_out]
        if not kept:
            remedy = "set annotated_sets.sets.NAME.hold_out: true"
            raise StageError("no set holds images out, so nothing can be compared", "before_after", remedy)
        after = dataclasses.replace(config.network, weights=config.weights)
        rows: Table = {}
        for name, network in (("before", config.network), ("after", after)):
            for protocol, found in self._scores(network, kept).items():
                rows[name, protocol] = found
        sys.stdout.write("\n".join(score_table(rows)) + "\n")
        yield Written(path=self._write(rows), frames=0)

    def _scores(self, network: NetworkConfig, sets: list[AnnotatedSet]) -> dict[str, dict[str, Estimate]]:
        read = [
            annotated_set(Path(one.annotations), FileOptions(images=one.images, annotators=(), damage=refuse))
            for one in sets
        ]
        kept = (one for found in read for one in found.images if held_out(one.name) and one.people)
        first = next(kept, None)
        if first is None:
            raise StageError("none of the sets' images was held out", "before_after", "give more images")
        config = Evaluate.Config(network=network, min_height=self.config.min_height)
        return scored(config, itertools.chain([first], kept), self.threads)

    def _write(self, rows: Table) -> str:
        path = Path(self.config.report)
        document: dict[str, dict[str, dict[str, list[float]]]] = {}
        for (name, protocol), found in rows.items():
            values = {measure: [one.value, one.low, one.high] for measure, one in found.items()}
            document.setdefault(name, {})[protocol] = values
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as draft:
                draft.write_text(json.dumps(document, indent=1))
        except OSError as error:
            what = f"the scores cannot be written ({error.strerror})"
            raise StageError(what, str(path), "set before_after.report") from error
        return str(path)
