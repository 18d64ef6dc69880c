"""Comparison of two performers: differences of joints and parts over time, as a table, a summary and a plot."""

from __future__ import annotations

import csv
import glob
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.body.charts import CHART_NAMES
from models.files.png_image import png_of
from models.motion.clinical_angles import JOINT_ANGLES, body_angles
from models.motion.repetition_measures import joint_widths
from models.surface.keypoints import shown_keypoints
from pipeline.stage import ExportFiles, Job, Stage, StageError, without_secrets
from stages.bodies.largest_people import largest_people
from stages.payloads import Bodies, FrameChunk, People, PersonSurface, Surfaces, Written
from stages.results.comparison.difference import Difference, best_shift, difference_along, difference_at
from stages.results.comparison.difference_plot import difference_plot
from stages.results.comparison.phases import Phases, phases_of, repetitions_of
from stages.results.comparison.poses import (
    Performance,
    PersonPose,
    mean_where_seen,
    mirrored_performance,
    performance_of,
    pose_of,
)
from stages.results.comparison.report_page import (
    pose_sentence,
    repetition_sentences,
    report_page,
    worst_rows,
)
from stages.results.comparison.side_by_side import StoredFrames, pair_picture, pair_pictures, write_pair_film
from stages.results.count import repetition_table
from stages.results.formats.image_plane_angles import IMAGE_PLANE_ANGLES, IN_THE_IMAGE_PLANE, image_plane_angles
from stages.results.formats.writer import write_whole
from stages.video.decode_pair import GAP
from stages.video.encoding.atomic_writes import reported_write_errors
from stages.video.encoding.output_file import check_table, free_path, other_path_note

PARTS = tuple(name.replace(" ", "_") for name in CHART_NAMES[1:])
ENDINGS, FILM_ENDINGS = (".csv", ".repetitions.csv", ".json", ".png"), (".mp4", ".html")
"""Of the files, which are beside each other; the second are those of the film and the report."""
EMBEDDED_BYTES = 30_000_000
"""A page has no larger film in it: the film stands beside it."""


class Compare(Stage):
    """Compares the main persons of two inputs; writes tables, a plot, a film and a report beside each other.

    The main person is the one with the largest area summed over all frames; in a photo, the largest one.
    """

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is compared, and how the two are aligned.

        Attributes:
            angles: `body`: three-dimensional joint angles of the fitted bodies, in clinical terms; they do not depend
                on the camera's position. `image_plane`: angles between the limbs as they appear in the picture.
            align: `phases`: repetitions are paired in order, and time is warped so that the same phases meet, at any
                tempo; `start`: the first frame in which one person is visible is compared with the first frame in which
                the other is; `shift`: the second is shifted in time by the amount for which the angles differ least.
            max_shift: largest shift of the second person in time, forward or backward, seconds; with `phases`, how far
                a phase may be from where the repetitions, or the same speed throughout, would place it.
            mirror: the second faces the first as in a mirror: left is compared with right.
            film: whether a film and a report are written.
            motion: what a repetition is called in the report.
        """

        angles: Literal["body", "image_plane"] = "body"
        align: Literal["phases", "start", "shift"] = "phases"
        max_shift: float = 2.0
        mirror: bool = False
        film: bool = True
        motion: str = "repetition"

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.max_shift <= 60:
                raise ValueError(f"max_shift is {self.max_shift}, must be from 0 to 60")

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is no table, or if one of the files may not be overwritten."""
        check_table(job.output, overwrite=job.overwrite, endings=_endings(config))

    @classmethod
    def export_files(cls, config: Config, job: Job) -> Sequence[ExportFiles]:
        """The files beside the table: one with the name of an input would replace it."""
        output = Path(job.output or "")
        if output.suffix.lower() != ".csv":  # which `check` refuses
            return ()
        names = tuple(glob.escape(output.with_suffix(ending).name) for ending in _endings(config)[1:])
        return [ExportFiles(option=f"-o {job.output}", folder=str(output.parent), names=names)]

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`fit` for the angles of bodies."""
        return ("fit",) if config.angles == "body" else ()

    @classmethod
    def announce(cls, config: Config) -> Sequence[str]:
        """A note that angles in the image plane are not joint angles."""
        remedy = "omit compare.angles to compare joint angles"
        return [f"compare: {IN_THE_IMAGE_PLANE}; {remedy}"] if config.angles == "image_plane" else []

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """No poses yet."""
        super().__init__(config, threads=threads)
        self._poses: dict[int, dict[int, list[tuple[float, int, PersonPose]]]] = {}
        self._frames = StoredFrames()
        self._job: Job | None = None

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies | None = None
    ) -> Iterator[Written]:
        """Add the poses of a chunk; yields nothing before the end."""
        if self._job is None:
            self._job = job
            self.check(self.config, job)
        poses_by_identity = self._poses.setdefault(frames.first // GAP, {})
        for t in range(len(frames)):
            here = np.flatnonzero(people.frame_N == t)
            shown = [surfaces.people[i] for i in here]
            posed = self._posed(shown, bodies, t, float(frames.video.sample_aspect))
            poses = {int(people.id_N[here[k]]): posed[k] for k in _smallest_first(shown)}
            if self.config.film:
                self._frames.add(frames.first // GAP, frames.source_index(t), frames.rgb_THW3[t])
            second = frames.second(t)
            for identity, pose in poses.items():
                if pose.area:
                    poses_by_identity.setdefault(identity, []).append((second, frames.source_index(t), pose))
        yield from ()

    def flush(self) -> Iterator[Written]:
        """Compare, and write the files. Raises StageError if one of the inputs has no people."""
        job = self._job
        if job is None or job.partner is None or job.output is None:
            return
        a = self._main_person(0, job.input)
        b = self._main_person(1, job.partner)
        b = mirrored_performance(b) if self.config.mirror else b
        phases = self._phases(a, b)
        if self.config.align == "phases":
            difference = difference_along(a, b, phases.second_T)
        else:
            shift = best_shift(a, b, self.config.max_shift) if self.config.align == "shift" else 0.0
            difference = difference_at(a, b, shift)
        if not len(difference.row_T2):
            raise StageError("the two inputs have no time in common", job.partner, "set compare.align to phases")
        names = _drawable(job.name), _drawable(without_secrets(job.partner))
        second_T = a.second_T[difference.row_T2[:, 0]]
        plot_png = png_of(difference_plot(difference, second_T, " and ".join(names)))
        rows = repetition_table([("a", phases.of_a), ("b", phases.of_b)], a.angle_names)
        contents = {
            ".csv": difference_table(a, b, difference).encode(),
            ".repetitions.csv": rows.encode(),
            ".json": json.dumps(summary(job, a, b, difference), indent=1).encode(),
            ".png": plot_png,
        }
        written = {suffix: self._written(job, suffix, content) for suffix, content in contents.items()}
        if self.config.film:
            film = Path(free_path(str(Path(job.output).with_suffix(".mp4")), overwrite=job.overwrite))
            with reported_write_errors(str(film)):
                pictures = pair_pictures(self._frames, a, b, difference)
                write_pair_film(film, pictures, second_T, provenance=job.provenance)
            written[".mp4"] = str(film)
            page = self._page(names, a, b, difference, phases, rows, film, plot_png)
            written[".html"] = self._written(job, ".html", page.encode())
        for suffix, path in written.items():
            warnings = other_path_note(str(Path(job.output).with_suffix(suffix)), path)
            yield Written(path=path, frames=len(second_T), facts={"warnings": warnings} if warnings else {})

    def _written(self, job: Job, suffix: str, content: bytes) -> str:
        path = free_path(str(Path(job.output or "").with_suffix(suffix)), overwrite=job.overwrite)
        write_whole(Path(path), content)
        return path

    def _phases(self, a: Performance, b: Performance) -> Phases:
        if self.config.align == "phases":
            return phases_of(a, b, self.config.max_shift)
        return Phases(second_T=a.second_T, of_a=repetitions_of(a), of_b=repetitions_of(b))

    def _page(
        self, names: tuple[str, str], a: Performance, b: Performance, difference: Difference, phases: Phases, rows: str,
        film: Path, plot_png: bytes,
    ) -> str:  # fmt: skip
        second_T = a.second_T[difference.row_T2[:, 0]]
        moments = [
            (f"{second_T[row]:.1f} s: {pose_sentence(difference, row)}",
             pair_picture(self._frames, a, b, difference, row))
            for row in worst_rows(difference, second_T)
        ]  # fmt: skip
        sentences = repetition_sentences(phases.of_a, phases.of_b, a.angle_names, self.config.motion)
        content = film.read_bytes() if film.stat().st_size <= EMBEDDED_BYTES else None
        return report_page(names, sentences, [("Repetitions", rows)], content, moments, plot_png)

    def close(self) -> None:
        """Remove the stored frames."""
        self._frames.close()

    def _main_person(self, number: int, path: str) -> Performance:
        people = self._poses.get(number, {})
        if not people:
            raise StageError("there are no people in this input", path, "check its detections with -c video")
        followed = {identity: poses for identity, poses in people.items() if identity >= 0} or people
        main = max(followed.values(), key=lambda poses: sum(pose.area for _, _, pose in poses))
        return performance_of(main, JOINT_ANGLES if self.config.angles == "body" else IMAGE_PLANE_ANGLES)

    def _posed(
        self, surfaces: Sequence[PersonSurface], bodies: Bodies | None, t: int, aspect: float
    ) -> list[PersonPose]:
        """The pose of each person of the chunk's frame `t`."""
        if self.config.angles == "image_plane":
            return [pose_of(one, image_plane_angles(shown_keypoints(one), aspect), aspect) for one in surfaces]
        fitted = (None,) * len(surfaces) if bodies is None else bodies.of_people(t, len(surfaces))
        angle_NA, seen_NA = body_angles(fitted)
        poses = []
        for surface, body, angle_A, seen_A in zip(surfaces, fitted, angle_NA, seen_NA, strict=True):
            unknown_A = np.full(len(JOINT_ANGLES), 180, np.float32)
            width_A = unknown_A if body is None else joint_widths(body.confidence_J[None], ~seen_A[None])[0]
            pose = pose_of(surface, angle_A, aspect)
            poses.append(replace(pose, width_A=width_A.astype(np.float32), seen_A=seen_A))
        return poses


def _drawable(path: str) -> str:
    """The name of a file; bytes that are no UTF-8 are escaped: OpenCV, which draws it, crashes at them."""
    return Path(path).name.encode(errors="backslashreplace").decode()


def _smallest_first(surfaces: Sequence[PersonSurface]) -> list[int]:
    """Indices of a frame's people, the largest last: of those without identity, as in photos, the last one counts."""
    large = largest_people(surfaces)
    return [*(k for k in range(len(surfaces)) if k not in large), *reversed(large)]


def _endings(config: Compare.Config) -> tuple[str, ...]:
    return (*ENDINGS, *(FILM_ENDINGS if config.film else ()))


def difference_table(a: Performance, b: Performance, difference: Difference) -> str:
    """CSV with one row per compared frame: the time in seconds, both frame numbers; for each angle the value of A, that
    of B, B − A, and half of the width of its interval, degrees; for each part the distance in torso lengths. Angles of
    hidden limbs have wide intervals; a cell is empty where nothing is known."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    angles = [f"{name}_{what}" for name in difference.angle_names for what in ("a", "b", "difference", "interval")]
    rows.writerow(["seconds", "frame_a", "frame_b", *angles, *(f"{name}_distance" for name in PARTS)])
    for row, (i, j) in enumerate(difference.row_T2.tolist()):
        angle_A, change_A = a.angle_TA[i], difference.angle_TA[row]
        values = np.stack([angle_A, angle_A + change_A, change_A, difference.interval_TA[row]], axis=1).ravel()
        cells = [f"{a.second_T[i]:.4f}", a.index_T[i], b.index_T[j]]
        cells += [_cell(value, 1) for value in values]
        rows.writerow(cells + [_cell(value, 3) for value in difference.distance_TP[row]])
    return text.getvalue()


def summary(job: Job, a: Performance, b: Performance, difference: Difference) -> dict[str, Any]:
    """The content of the JSON file: both inputs, the shift, mean and largest difference of each joint and part."""
    second_T = a.second_T[difference.row_T2[:, 0]]
    apart_TA = np.where(difference.seen_TA, np.abs(difference.angle_TA), np.nan)
    names = difference.angle_names
    angles = {name: _statistics(apart_TA[:, k], second_T) for k, name in enumerate(names)}
    parts = {name: _statistics(difference.distance_TP[:, k], second_T) for k, name in enumerate(PARTS)}
    return {
        "a": job.name,
        "b": without_secrets(job.partner or ""),
        "frames": {"a": len(a), "b": len(b), "compared": len(second_T)},
        "shift_s": round(difference.shift, 3),
        "mean_angle_difference_deg": _finite_or_none(mean_where_seen(apart_TA)),
        "mean_part_distance_torsos": _finite_or_none(mean_where_seen(difference.distance_TP)),
        "angles_deg": angles,
        "parts_torsos": parts,
    }


def _statistics(value_T: np.ndarray, second_T: np.ndarray) -> dict[str, Any]:
    """Mean, largest and its time; null if never visible in both."""
    if not np.isfinite(value_T).any():
        return {"mean": None, "largest": None, "at_s": None, "seen": 0.0}
    at = int(np.nanargmax(value_T))
    return {
        "mean": _finite_or_none(mean_where_seen(value_T)),
        "largest": _finite_or_none(float(value_T[at])),
        "at_s": round(float(second_T[at]), 3),
        "seen": round(float(np.isfinite(value_T).mean()), 3),
    }


def _finite_or_none(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else ""
