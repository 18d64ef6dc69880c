"""Source: the files of a synthetic task are held against its truth; tables and the errors over the body come out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.surface.geometry import SurfaceGeometry
from pipeline.stage import Job, Stage, StageError
from stages.annotations.densepose_coco import read_dense_set
from stages.evaluation.annotator_scores import (
    ALL,
    AnsweredPerson,
    agreement_rows,
    annotator_rows,
    answer_errors,
    answered_people,
    drawn_errors,
    part_rows,
)
from stages.evaluation.body_errors import error_pair
from stages.evaluation.body_geometry import geometry_of, prepare_body
from stages.evaluation.score_tables import row_table
from stages.evaluation.write_scores import json_value
from stages.payloads import Written
from stages.studio.people_file import BODY
from stages.studio.synthetic_task import truth_path

WORST_CM = 15.0
"""The brightest colour of the body; annotators err less than networks."""


class ScoreAnnotators(Stage):
    """Files of annotators in, their errors out."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        truth: the task's truth; empty: `NAME.truth.json` beside the first file.
        """

        truth: str = ""

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Compute distances on the body, once."""
        prepare_body("", sys.stderr)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError without a file."""
        if not job.together:
            raise StageError("no input", "command line", "name the file of a synthetic task, and those of others")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing is read before the first call."""
        super().__init__(config, threads=threads)
        self._facts: dict[str, Any] = {}

    def __call__(self, job: Job) -> Iterator[Written]:
        """Print the tables, and write them with the picture. Raises: StageError for files that do not fit."""
        files = [Path(name) for name in job.together]
        people = [person for file in files for person in self._people(file)]
        truth = self._people(Path(self.config.truth) if self.config.truth else truth_path(files[0]))
        geometry = geometry_of("")
        assert isinstance(geometry, SurfaceGeometry)
        errors = answer_errors(geometry, people, truth)
        if not len(errors.error_M):
            raise StageError("no answer is at a pixel of the truth", str(files[0]), "name the file of a synthetic task")
        tables = {
            "errors in cm": part_rows(errors), "annotators": annotator_rows(people, errors),
            "agreement in cm": agreement_rows(geometry, people),
        }
        text = [line for title, rows in tables.items() if rows for line in [*row_table(title, rows), ""]]
        sys.stdout.write("\n".join(text) + "\n")
        self._facts = dict(tables["errors in cm"][ALL])
        pairs = [error_pair(geometry, *seen, WORST_CM) for seen in drawn_errors(errors)]
        yield _written(Path(job.output or "annotation_errors.json"), tables, np.hstack(pairs))

    def summary(self) -> Mapping[str, Any]:
        """Number of points, mean and median error in centimetres."""
        return self._facts

    def _people(self, file: Path) -> list[AnsweredPerson]:
        found = read_dense_set(file)
        info = found.rest.get("info")
        body = info.get("body") if isinstance(info, Mapping) else None
        if body != BODY:
            raise StageError(f"its U and V are not on the {BODY}", str(file), "name a file that -c annotate wrote")
        return answered_people(found)


def _written(output: Path, tables: Mapping[str, Any], body_HW3: Any) -> Written:
    """The tables as JSON, and the errors over the body as a PNG beside it. Raises: StageError."""
    _, png = cv2.imencode(".png", body_HW3[..., ::-1])
    try:
        output.write_text(json.dumps(json_value(tables), indent=1) + "\n", encoding="utf-8")
        output.with_name(f"{output.stem}_body.png").write_bytes(png.tobytes())
    except OSError as error:
        what = f"the errors cannot be written ({error.strerror or error})"
        raise StageError(what, str(output), "name another file with -o") from error
    return Written(path=str(output), frames=0)
