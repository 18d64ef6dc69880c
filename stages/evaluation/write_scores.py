"""Sink: the table of scores, their JSON, and the pictures that show where they come from."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from models.errors import ModelError
from models.surface.geometry import Geometry, SurfaceGeometry
from pipeline.stage import Stage, StageError
from stages.evaluation.answers import PictureScore
from stages.evaluation.bodies import body_of
from stages.evaluation.body_errors import error_views
from stages.evaluation.breakdown import breakdowns
from stages.evaluation.curves import curves_picture, errors_of
from stages.evaluation.films import FilmScores
from stages.evaluation.measures import Measures, measured, measures
from stages.evaluation.text import row_table, score_table
from stages.evaluation.truth import TruePicture
from stages.evaluation.worst import WorstCases
from stages.payloads import People, Surfaces, Written

FILMS = "films"
Columns = dict[tuple[str, str], Measures]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTally:
    """What has come of one set so far."""

    films: FilmScores
    worst: WorstCases = field(default_factory=WorstCases)
    pictures: list[PictureScore] = field(default_factory=list)


class WriteScores(Stage):
    """Gathers the scores of all pictures; at the end prints one table and writes everything into a folder."""

    ordered = True
    memory_frames = None

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Where the scores go.

        Attributes:
            folder: gets `scores.json`, `scores.txt`, and the pictures of each set.
            body, tall: as in `evaluate`.
        """

        folder: str = "runs/evaluate"
        body: str = ""
        tall: float = 100.0

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing has been scored."""
        super().__init__(config, threads=threads)
        self._sets: dict[str, SetTally] = {}
        self._columns: Columns = {}
        self._warnings: list[str] = []

    def __call__(
        self, picture: TruePicture, score: PictureScore, people: People, surfaces: Surfaces
    ) -> Iterator[Written]:
        """Take in one picture."""
        if score.set_name not in self._sets:
            self._sets[score.set_name] = SetTally(films=FilmScores(body_of(self.config.body)))
        tally = self._sets[score.set_name]
        tally.films.add(picture, people, surfaces)
        tally.worst.add(picture, score)
        tally.pictures.append(replace(score, surface_G=()))
        return iter(())

    def flush(self) -> Iterator[Written]:
        """All numbers, to standard output and into the folder."""
        text: list[str] = []
        for name, tally in self._sets.items():
            self._columns |= {(name, column): one for column, one in self._measured(name, tally).items()}
        if self._sets and not self._columns:
            self._warnings.append("its annotations are boxes alone, of which given boxes leave nothing to score")
        text += score_table(self._columns)
        peopled = {name: one.pictures for name, one in self._sets.items() if any(each.people for each in one.pictures)}
        tables = {name: breakdowns(pictures) for name, pictures in peopled.items()}
        for name, found in tables.items():
            for title, rows in found.items():
                text += ["", *row_table(f"{name} {title}", rows)]
        sys.stdout.write("\n".join(text) + "\n")
        yield self._write("\n".join(text) + "\n", tables)

    def _measured(self, name: str, tally: SetTally) -> dict[str, Measures]:
        """The columns of one set; films have one of their own."""
        columns = measures(tally.pictures, self.config.tall)
        steady = measured(tally.films.steadiness())
        try:
            steady |= tally.films.identities()
        except ModelError as error:
            self._warnings.append(f"{name}: {error}")
        return columns | ({FILMS: steady} if steady else {})

    def _write(self, text: str, tables: Mapping[str, Any]) -> Written:
        folder = Path(self.config.folder)
        document = {"metrics": self.flat(), "sets": self._by_set(), "breakdowns": tables}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "scores.txt").write_text(text, encoding="utf-8")
            (folder / "scores.json").write_text(json.dumps(plain(document), indent=1) + "\n", encoding="utf-8")
            for name, tally in self._sets.items():
                draw_set(folder, name, tally, body_of(self.config.body))
        except OSError as error:
            reason = error.strerror or str(error)
            what = f"the scores cannot be written ({reason})"
            raise StageError(what, str(folder), "set write_scores.folder") from error
        frames = sum(len(tally.pictures) for tally in self._sets.values())
        return Written(path=str(folder / "scores.json"), frames=frames, facts={"warnings": self._warnings})

    def flat(self) -> dict[str, float]:
        """The first set's numbers by one name each: those of the first protocol as they are, others with its name."""
        first = next(iter(self._sets), None)
        own = {column: one for (name, column), one in self._columns.items() if name == first}
        main = next(iter(own), None)  # none: boxes alone, where boxes are given, leave nothing to score
        return {
            measure if column in (main, FILMS) else f"{measure}_{column}": estimate.value
            for column, one in own.items()
            for measure, estimate in one.items()
        }

    def _by_set(self) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
        found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
        for (name, column), one in self._columns.items():
            found.setdefault(name, {})[column] = {measure: asdict(estimate) for measure, estimate in one.items()}
        return found

    def summary(self) -> Mapping[str, Any]:
        """`metrics`: the first set's; `sets`: all, with intervals; `people`: how many were scored."""
        if not self._columns:
            return {}
        people = sum(len(one.people) for tally in self._sets.values() for one in tally.pictures)
        return {"people": people, "metrics": plain(self.flat()), "sets": plain(self._by_set())}


def draw_set(folder: Path, name: str, tally: SetTally, body: Geometry) -> None:
    """The pictures of one set: curves, errors over the body, worst cases, as far as it has something to show."""
    errors = errors_of(tally.pictures)
    views = error_views(body, tally.pictures) if isinstance(body, SurfaceGeometry) else None
    found = {"curves": curves_picture(errors) if errors else None, "body": views, "worst": tally.worst.sheet()}
    for kind, picture in found.items():
        if picture is not None:
            _, png = cv2.imencode(".png", picture[..., ::-1])
            (folder / f"{name}_{kind}.png").write_bytes(png.tobytes())


def plain(value: Any) -> Any:
    """The same as JSON can hold it: no numbers that are none, no NumPy."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else float(value)
    return value
