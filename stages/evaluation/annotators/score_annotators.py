"""Source: scores annotators by the truth of a synthetic task or of gold items; writes tables and a picture."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import U8
from models.files.png_image import png_of
from models.surface.geometry import SurfaceGeometry
from pipeline.stage import Job, Stage, StageError
from stages.annotations.densepose_coco import read_dense_set
from stages.evaluation.annotators.annotator_scores import (
    ALL,
    AnsweredPerson,
    PointErrors,
    agreement_rows,
    annotator_rows,
    answer_errors,
    answered_people,
    drawn_errors,
    drift_rows,
    hint_row,
    part_rows,
    point_distances,
)
from stages.evaluation.annotators.studio_answers import gold_answers, guessed_answers
from stages.evaluation.body_errors import error_pair
from stages.evaluation.body_geometry import geometry_of, prepare_body
from stages.evaluation.breakdown import Row
from stages.evaluation.score_tables import row_table
from stages.evaluation.write_scores import json_value
from stages.payloads import Written
from stages.studio.people_file import BODY
from stages.studio.studio_files import known_journal
from stages.studio.synthetic_task import truth_path
from stages.studio.work.task_list import TaskList
from stages.studio.work.work_journal import journal_tasks
from stages.video.encoding.output_file import check_free

DEFAULT_RESULT, IN_CM = "annotation_errors.json", b' in cm": '
"""The name of the result where the user names none, and what stands in its beginning."""
WORST_CM = 15.0
"""Error with the brightest colour; it is smaller than for networks, as annotators are more exact."""


class ScoreAnnotators(Stage):
    """Scores the annotators of annotation files."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        truth: file of the task's truth; empty: `NAME.truth.json` beside the first file.
        """

        truth: str = ""

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Compute distances on the body, once."""
        prepare_body("", sys.stderr)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError without a file, and for an existing result that is no earlier one."""
        if not job.together:
            raise StageError("no input", "command line", "name the file of a synthetic task, and those of others")
        output = Path(job.output or DEFAULT_RESULT)
        if not (output.is_file() and IN_CM in output.read_bytes()[:40]):
            check_free(str(output), overwrite=job.overwrite)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing is read before the first call."""
        super().__init__(config, threads=threads)
        self._facts: dict[str, Any] = {}

    def __call__(self, job: Job) -> Iterator[Written]:
        """Print the tables, and write them and the picture. Raises: StageError for unusable files."""
        files = [Path(name) for name in job.together]
        journal = known_journal(files[0])
        tasks = None if journal is None else journal_tasks(journal)
        people, truth = self._answers(files, tasks)
        geometry = geometry_of("")
        assert isinstance(geometry, SurfaceGeometry)
        errors = answer_errors(geometry, people, truth)
        tables = {"hints in cm": _hint_rows(geometry, tasks, people, errors)}
        if len(errors.error_M):
            tables = {
                "errors in cm": part_rows(errors), "annotators": annotator_rows(people, errors),
                "drift in cm": drift_rows(people, errors), "agreement in cm": agreement_rows(geometry, people),
                **tables,
            }
            self._facts = dict(tables["errors in cm"][ALL])
        elif not tables["hints in cm"]:
            remedy = "name the file of a synthetic task, or one that was made with annotate.gold"
            raise StageError("no answer is at a pixel whose truth is known", str(files[0]), remedy)
        text = [line for title, rows in tables.items() if rows for line in [*row_table(title, rows), ""]]
        sys.stdout.write("\n".join(text) + "\n")
        pairs = [error_pair(geometry, *seen, WORST_CM) for seen in drawn_errors(errors)] if len(errors.error_M) else []
        yield _written(Path(job.output or DEFAULT_RESULT), tables, np.hstack(pairs) if pairs else None)

    def summary(self) -> Mapping[str, Any]:
        """Number of points, mean and median error in centimetres."""
        return self._facts

    def _answers(
        self, files: list[Path], tasks: TaskList | None
    ) -> tuple[list[AnsweredPerson], list[AnsweredPerson]]:
        """The annotators' answers, and the truth: of a synthetic task, else of the gold items in the journal."""
        truth = Path(self.config.truth) if self.config.truth else truth_path(files[0])
        if tasks is not None and not self.config.truth and not truth.exists():
            return gold_answers(tasks, files[0])
        return [person for file in files for person in self._people(file)], self._people(truth)

    def _people(self, file: Path) -> list[AnsweredPerson]:
        found = read_dense_set(file)
        info = found.rest.get("info")
        body = info.get("body") if isinstance(info, Mapping) else None
        if body != BODY:
            raise StageError(f"its U and V are not on the {BODY}", str(file), "name a file that -c annotate wrote")
        return answered_people(found)


def _hint_rows(
    geometry: SurfaceGeometry, tasks: TaskList | None, people: Sequence[AnsweredPerson], errors: PointErrors
) -> dict[str, Row]:
    """The effect of the network's guess, in tasks where chance decided for which people it was shown."""
    if tasks is None or tasks.hints != "half":
        return {}
    guessed = guessed_answers(tasks)
    distance_M = point_distances(geometry, guessed.answer_M3, guessed.guess_M3)
    rows = {
        "error": hint_row(errors.error_M, errors.person_M, people),
        "to the guess": hint_row(distance_M, guessed.person_M, guessed.people),
    }
    return {name: row for name, row in rows.items() if row is not None}


def _written(output: Path, tables: Mapping[str, Any], body_HW3: U8 | None) -> Written:
    """Write the tables as JSON, and the picture of the body, if there is one, as PNG. Raises: StageError."""
    try:
        output.write_text(json.dumps(json_value(tables), indent=1) + "\n", encoding="utf-8")
        if body_HW3 is not None:
            output.with_name(f"{output.stem}_body.png").write_bytes(png_of(body_HW3))
    except OSError as error:
        what = f"the errors cannot be written ({error.strerror or error})"
        raise StageError(what, str(output), "name another file with -o") from error
    return Written(path=str(output), frames=0)
