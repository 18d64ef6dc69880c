"""Sink: the table of scores, their JSON, and images of curves, errors and worst cases."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.cache import user_path
from models.errors import ModelError
from models.files.png_image import png_of
from models.metrics.gps import gps_paper
from models.surface.geometry import Geometry, SurfaceGeometry
from pipeline.stage import Stage, StageError
from stages.evaluation.body_errors import error_views
from stages.evaluation.body_geometry import geometry_of
from stages.evaluation.body_measures import BODY_COLUMNS, body_samples, body_table
from stages.evaluation.breakdown import breakdowns
from stages.evaluation.error_curves import curves_image, errors_of
from stages.evaluation.measures import Measures, Samples, estimates, samples, without_missing
from stages.evaluation.person_scores import ImageScore
from stages.evaluation.saved_samples import FILE_NAME, Columns, differences, read_samples, write_samples
from stages.evaluation.score_tables import row_table, score_table
from stages.evaluation.true_images import TrueImage
from stages.evaluation.video_scores import VideoScores
from stages.evaluation.worst_cases import WorstCases
from stages.payloads import People, Surfaces, Written

VIDEO_COLUMN = "films"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetScores:
    """Scores of one set so far."""

    videos: VideoScores
    worst: WorstCases = field(default_factory=WorstCases)
    images: list[ImageScore] = field(default_factory=list)


class WriteScores(Stage):
    """Collects the scores of all images; at the end prints tables and writes all results to a folder."""

    ordered = True

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Folder and measures.

        Attributes:
            folder: for `scores.json`, `scores.txt`, `samples.npz`, and the images of each set.
            against: folder of an earlier evaluation of the same sets, with another network or other settings; the
                differences to it follow the table, with intervals of the paired bootstrap. Empty: none.
            body, min_height: as in `evaluate`.
        """

        folder: str = "runs/evaluate"
        against: str = ""
        body: str = ""
        min_height: float = 100.0

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Start without scores. Raises: StageError if `against` has no samples."""
        super().__init__(config, threads=threads)
        self._before = read_samples(user_path(config.against)) if config.against else {}
        self._sets: dict[str, SetScores] = {}
        self._samples: Columns = {}
        self._columns: dict[tuple[str, str], Measures] = {}
        self._warnings: list[str] = []

    def __call__(self, image: TrueImage, score: ImageScore, people: People, surfaces: Surfaces) -> Iterator[Written]:
        """Add one image."""
        if score.set_name not in self._sets:
            self._sets[score.set_name] = SetScores(videos=VideoScores(geometry_of(self.config.body)))
        scores = self._sets[score.set_name]
        scores.videos.add(image, people, surfaces, track_similarities(score))
        scores.worst.add(image, score)
        scores.images.append(replace(score, surface_G=()))
        return iter(())

    def flush(self) -> Iterator[Written]:
        """Write all scores to standard output and to the folder."""
        text: list[str] = []
        for name, scores in self._sets.items():
            self._samples |= {(name, column): found for column, found in self._measured(name, scores).items()}
        self._columns = {key: estimates(found) for key, found in self._samples.items()}
        if self._sets and not self._columns:
            self._warnings.append("its annotations are only boxes: with given boxes there is nothing to score")
        text += score_table({key: found for key, found in self._columns.items() if key[1] not in BODY_COLUMNS})
        for name, scores in self._sets.items():
            text += body_table(name, scores.images, self._columns)
        if self._before:
            text += ["", f"difference to {self.config.against}", *score_table(self._differences(), signed=True)]
        images_of = {name: scores.images for name, scores in self._sets.items()}
        with_people = {name: images for name, images in images_of.items() if any(image.people for image in images)}
        tables = {name: breakdowns(images) for name, images in with_people.items()}
        for name, by_title in tables.items():
            for title, rows in by_title.items():
                text += ["", *row_table(f"{name} {title}", rows)]
        sys.stdout.write("\n".join(text) + "\n")
        yield self._write("\n".join(text) + "\n", tables)

    def _differences(self) -> dict[tuple[str, str], Measures]:
        """The differences to the earlier evaluation. Adds a warning for each set without an earlier score."""
        missing = {name for name, _ in self._samples} - {name for name, _ in self._before}
        self._warnings += [f"{name}: {self.config.against} has no scores of this set" for name in sorted(missing)]
        return differences(self._before, self._samples)

    def _measured(self, name: str, scores: SetScores) -> dict[str, Samples]:
        """The columns of one set; videos have a further column."""
        columns = samples(scores.images, self.config.min_height) | body_samples(scores.images)
        stability = without_missing(scores.videos.stability() | scores.videos.presence())
        try:
            stability |= scores.videos.identities()
        except ModelError as error:
            self._warnings.append(f"{name}: {error}")
        return columns | ({VIDEO_COLUMN: stability} if stability else {})

    def _write(self, text: str, tables: Mapping[str, Any]) -> Written:
        folder = Path(self.config.folder)
        document = {"metrics": self.flat(), "sets": by_set(self._columns), "breakdowns": tables}
        if self._before:
            document["differences"] = by_set(self._differences())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "scores.txt").write_text(text, encoding="utf-8")
            (folder / "scores.json").write_text(json.dumps(json_value(document), indent=1) + "\n", encoding="utf-8")
            write_samples(folder / FILE_NAME, self._samples)
            for name, scores in self._sets.items():
                write_set_images(folder, name, scores, geometry_of(self.config.body))
        except OSError as error:
            reason = error.strerror or str(error)
            what = f"the scores cannot be written ({reason})"
            raise StageError(what, str(folder), "set write_scores.folder") from error
        frames = sum(len(scores.images) for scores in self._sets.values())
        return Written(path=str(folder / "scores.json"), frames=frames, facts={"warnings": self._warnings})

    def flat(self) -> dict[str, float]:
        """The measures of the first set by name; those of further protocols have the protocol as a suffix."""
        first = next(iter(self._sets), None)
        of_set = {column: found for (name, column), found in self._columns.items() if name == first}
        main = next(iter(of_set), None)  # None: annotations are only boxes, and boxes were given
        return {
            measure if column in (main, VIDEO_COLUMN) else f"{measure}_{column}": estimate.value
            for column, found in of_set.items()
            for measure, estimate in found.items()
        }

    def summary(self) -> Mapping[str, Any]:
        """`metrics`: of the first set; `sets`: of all, with intervals; `people`: how many were scored."""
        if not self._columns:
            return {}
        people = sum(len(image.people) for scores in self._sets.values() for image in scores.images)
        return {"people": people, "metrics": json_value(self.flat()), "sets": json_value(by_set(self._columns))}


def by_set(columns: Mapping[tuple[str, str], Measures]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Values and intervals by set, column and measure."""
    found: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for (name, column), estimates_of in columns.items():
        found.setdefault(name, {})[column] = {measure: asdict(estimate) for measure, estimate in estimates_of.items()}
    return found


def write_set_images(folder: Path, name: str, scores: SetScores, body: Geometry) -> None:
    """Write those images of one set for which it has data: curves, errors on the body, worst cases."""
    errors = errors_of(scores.images)
    views = error_views(body, scores.images) if isinstance(body, SurfaceGeometry) else None
    found = {"curves": curves_image(errors) if errors else None, "body": views, "worst": scores.worst.sheet()}
    for kind, image in found.items():
        if image is not None:
            (folder / f"{name}_{kind}.png").write_bytes(png_of(image))


def json_value(value: Any) -> Any:
    """The value without NaN (null) and NumPy types, for JSON."""
    if isinstance(value, Mapping):
        return {str(key): json_value(entry) for key, entry in value.items()}
    if isinstance(value, (float, np.floating)):
        return None if np.isnan(value) else float(value)
    return value


def track_similarities(score: ImageScore) -> list[float | None]:
    """The paper's geodesic point similarity of each person of a frame; None without annotated points."""
    errors = [next(iter(one.results.values())).error_M if one.results else None for one in score.people]
    return [None if error_M is None else float(gps_paper(error_M)) for error_M in errors]
