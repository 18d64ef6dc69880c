"""Counts the repetitions of a movement, such as squats, and measures each."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from models.motion.clinical_angles import JOINT_ANGLES, body_angles
from models.motion.repetition_measures import RepetitionMeasures, joint_widths, main_columns, measured_repetitions
from models.motion.repetitions import LEAST_S
from pipeline.stage import Job, Stage, StageError
from stages.payloads import F32, Bodies, FrameChunk, Written
from stages.results.formats.writer import write_whole
from stages.video.encoding.output_file import check_table, free_path, other_path_note

MEASURES = (
    *("start_s", "turn_s", "end_s", "duration_s", "out_s", "back_s", "per_minute", "complete", "joint"),
    *("depth_deg", "depth_interval_deg", "symmetry_deg", "smoothness"),
)
"""Columns of a table of repetitions; the range of each main angle follows."""


@dataclass(slots=True)
class AnglesOfPerson:
    """The angles of one identity: seconds, angles and half widths of their intervals, by frame."""

    seconds: list[float] = field(default_factory=list)
    angles: list[F32] = field(default_factory=list)
    widths: list[F32] = field(default_factory=list)


class Count(Stage):
    """Counts the repetitions of each identity; writes a CSV with a row for each of them at the end of an input."""

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Whose repetitions are counted.

        Attributes:
            person: identity of the person, as the style `boxes` shows it; None = everybody.
        """

        person: int | None = None

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`fit`, for joint angles."""
        return ("fit",)

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is no table, or that may not be overwritten."""
        check_table(job.output, overwrite=job.overwrite)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """No angles yet."""
        super().__init__(config, threads=threads)
        self._people: dict[int, AnglesOfPerson] = {}
        self._job: Job | None = None
        self._counts: dict[int, int] = {}
        self._span: list[float] = []

    def __call__(self, job: Job, frames: FrameChunk, bodies: Bodies | None = None) -> Iterator[Written]:
        """Add the angles of a chunk; yields nothing before the end."""
        self._job = job
        for t in range(len(frames)):
            second = frames.second(t)
            self._span = [*self._span[:1], second]
            found = [] if bodies is None else [one for one in bodies.in_frame(t) if one[0] >= 0]
            if not found:
                continue
            angle_NA, seen_NA = body_angles([body for _, body in found])
            width_NA = joint_widths(np.stack([body.confidence_J for _, body in found]), ~seen_NA)
            for (identity, _), angle_A, width_A in zip(found, angle_NA, width_NA.astype(np.float32), strict=True):
                person = self._people.setdefault(identity, AnglesOfPerson())
                person.seconds.append(second)
                person.angles.append(angle_A)
                person.widths.append(width_A)
        yield from ()

    def flush(self) -> Iterator[Written]:
        """Count, and write the table. Raises StageError if nobody is seen, or no repetition is found."""
        job = self._job
        if job is None or job.output is None:
            return
        found = {identity: _repetitions_of(self._people[identity]) for identity in self._chosen(job)}
        self._counts = {identity: len(rows) for identity, rows in found.items() if rows}
        if not self._counts:
            whole = "is too short to hold a repetition" if self._is_short() else "no repetition was found"
            remedy = "film the whole person, from rest to rest; -c video --style boxes shows who is followed"
            raise StageError(whole, job.name, remedy)
        path = free_path(job.output, overwrite=job.overwrite)
        write_whole(Path(path), repetition_table([(str(who), rows) for who, rows in sorted(found.items())]).encode())
        warnings = other_path_note(job.output, path)
        facts = {"warnings": warnings} if warnings else {}
        yield Written(path=path, frames=max(len(one.seconds) for one in self._people.values()), facts=facts)

    def _chosen(self, job: Job) -> list[int]:
        if not self._people:
            raise StageError("there are no people in this input", job.name, "check its detections with -c video")
        if self.config.person is None:
            return list(self._people)
        if self.config.person not in self._people:
            seen = ", ".join(str(identity) for identity in sorted(self._people)[:10])
            raise StageError(f"person {self.config.person} is not seen", job.name, f"choose one of {seen}")
        return [self.config.person]

    def _is_short(self) -> bool:
        return self._span[-1] - self._span[0] < LEAST_S

    def summary(self) -> Mapping[str, Any]:
        """`repetitions`: their number by identity, and a sentence for each."""
        notes = [f"person {identity}: {_counted(count)}" for identity, count in sorted(self._counts.items())]
        return {"repetitions": {str(identity): count for identity, count in self._counts.items()}, "notes": notes}


def _counted(count: int) -> str:
    return f"{count} repetition{'s' if count != 1 else ''}"


def _repetitions_of(person: AnglesOfPerson) -> list[RepetitionMeasures]:
    return measured_repetitions(np.array(person.seconds), np.stack(person.angles), np.stack(person.widths))


def repetition_table(
    people: Sequence[tuple[str, Sequence[RepetitionMeasures]]], names: Sequence[str] = JOINT_ANGLES
) -> str:
    """CSV with a row for each repetition of each person: `MEASURES`, then the range of each main angle, degrees."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["person", "repetition", *MEASURES, *(f"{names[k]}_range" for k in main_columns(names))])
    for person, found in people:
        for number, one in enumerate(found, 1):
            times = (one.repetition.start_s, one.repetition.turn_s, one.repetition.end_s)
            seconds = [f"{value:.2f}" for value in (*times, one.duration_s, one.out_s, one.back_s)]
            degrees = (one.depth_deg, one.depth_interval_deg, one.symmetry_deg, one.smoothness, *one.range_F)
            cells = [f"{value:.1f}" if np.isfinite(value) else "" for value in degrees]
            done = "yes" if one.repetition.complete else "no"
            rows.writerow([person, number, *seconds, f"{one.tempo:.1f}", done, one.joint, *cells])
    return text.getvalue()
