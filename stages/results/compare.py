"""Comparison of two performers: differences of joints and parts over time, as a table, a summary and a plot."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.body.charts import CHART_NAMES
from models.files.png_image import png_of
from models.motion.clinical_angles import JOINT_ANGLES, seen_angles
from models.surface.keypoints import shown_keypoints
from pipeline.stage import Job, Stage, StageError, without_secrets
from stages.payloads import F32, Bodies, FrameChunk, People, PersonSurface, Surfaces, Written
from stages.results.comparison.difference import Difference, best_shift, difference_at
from stages.results.comparison.difference_plot import difference_plot
from stages.results.comparison.poses import (
    Performance,
    PersonPose,
    mean_where_seen,
    mirrored_performance,
    performance_of,
    pose_of,
)
from stages.results.formats.image_plane_angles import IMAGE_PLANE_ANGLES, IN_THE_IMAGE_PLANE, image_plane_angles
from stages.results.formats.writer import write_whole
from stages.video.decode_pair import GAP
from stages.video.encoding.output_file import free_path, other_path_note

PARTS = tuple(name.replace(" ", "_") for name in CHART_NAMES[1:])


class Compare(Stage):
    """Compares the main persons of two inputs; writes `OUT.csv`, `OUT.json` and `OUT.png`.

    The main person is the one with the largest area summed over all frames.
    """

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What is compared, and how the two are aligned.

        Attributes:
            angles: `body`: three-dimensional joint angles of the fitted bodies, in clinical terms; they do not depend
                on the camera's position. `image_plane`: angles between the limbs as they appear in the picture.
            align: `start`: the first frame in which one person is visible is compared with the first frame in which the
                other is; `shift`: the second is shifted in time by the amount for which the angles differ least.
            max_shift: largest shift of the second person in time, forward or backward, seconds.
            mirror: the second faces the first as in a mirror: left is compared with right.
        """

        angles: Literal["body", "image_plane"] = "body"
        align: Literal["start", "shift"] = "start"
        max_shift: float = 2.0
        mirror: bool = False

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.max_shift <= 60:
                raise ValueError(f"max_shift is {self.max_shift}, must be from 0 to 60")

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is no table, or if one of the files may not be overwritten."""
        _check_outputs(job)

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
        self._job: Job | None = None

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies | None = None
    ) -> Iterator[Written]:
        """Add the poses of a chunk; yields nothing before the end."""
        if self._job is None:
            self._job = job
            _check_outputs(job)
        poses_by_identity = self._poses.setdefault(frames.first // GAP, {})
        for t in range(len(frames)):
            here = np.flatnonzero(people.frame_N == t)
            angle_NA = self._angles([surfaces.people[i] for i in here], bodies, t)
            poses = {
                int(people.id_N[i]): pose_of(surfaces.people[i], angle_A)
                for i, angle_A in zip(here[::-1], angle_NA[::-1], strict=True)
            }
            second = frames.second(t)
            for identity, pose in poses.items():
                if pose.area:
                    poses_by_identity.setdefault(identity, []).append((second, frames.source_index(t), pose))
        yield from ()

    def flush(self) -> Iterator[Written]:
        """Compare, and write the three files. Raises StageError if one of the inputs has no people."""
        job = self._job
        if job is None or job.partner is None or job.output is None:
            return
        a = self._main_person(0, job.input)
        b = self._main_person(1, job.partner)
        b = mirrored_performance(b) if self.config.mirror else b
        shift = best_shift(a, b, self.config.max_shift) if self.config.align == "shift" else 0.0
        difference = difference_at(a, b, shift)
        if not len(difference.row_T2):
            raise StageError("the two inputs have no time in common", job.partner, "set compare.align to shift")
        title = f"{Path(job.name).name} and {Path(without_secrets(job.partner)).name}"
        second_T = a.second_T[difference.row_T2[:, 0]]
        contents = {
            ".csv": difference_table(a, b, difference).encode(),
            ".json": json.dumps(summary(job, a, b, difference), indent=1).encode(),
            ".png": png_of(difference_plot(difference, second_T, title)),
        }
        for suffix, content in contents.items():
            asked = str(Path(job.output).with_suffix(suffix))
            path = free_path(asked, overwrite=job.overwrite)
            write_whole(Path(path), content)
            warnings = other_path_note(asked, path)
            yield Written(path=path, frames=len(second_T), facts={"warnings": warnings} if warnings else {})

    def _main_person(self, number: int, path: str) -> Performance:
        people = self._poses.get(number, {})
        if not people:
            raise StageError("there are no people in this input", path, "check its detections with -c video")
        main = max(people.values(), key=lambda poses: sum(pose.area for _, _, pose in poses))
        return performance_of(main, JOINT_ANGLES if self.config.angles == "body" else IMAGE_PLANE_ANGLES)

    def _angles(self, surfaces: Sequence[PersonSurface], bodies: Bodies | None, t: int) -> Sequence[F32]:
        """The angles of each person of the chunk's frame `t`."""
        if self.config.angles == "image_plane":
            return [image_plane_angles(shown_keypoints(surface)) for surface in surfaces]
        return list(seen_angles((None,) * len(surfaces) if bodies is None else bodies.of_people(t, len(surfaces))))


def _check_outputs(job: Job) -> None:
    """Raises StageError if the output is no table, or one of the three files exists and may not be overwritten."""
    output = Path(job.output or "")
    if output.suffix.lower() != ".csv":
        raise StageError("a comparison is written as a table", str(output), "name a .csv file or a folder with -o")
    for suffix in (".csv", ".json", ".png"):
        path = output.with_suffix(suffix)
        if path.exists() and not job.overwrite:
            raise StageError("the output exists already", str(path), "add --overwrite or name another with -o")


def difference_table(a: Performance, b: Performance, difference: Difference) -> str:
    """CSV with one row per compared frame: the time in seconds, both frame numbers; for each angle the value of A, that
    of B and B − A, degrees; for each part the distance in torso lengths. A cell is empty where the angle or part is not
    visible in A or B."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    angles = [f"{name}_{what}" for name in difference.angle_names for what in ("a", "b", "difference")]
    rows.writerow(["seconds", "frame_a", "frame_b", *angles, *(f"{name}_distance" for name in PARTS)])
    for row, (i, j) in enumerate(difference.row_T2.tolist()):
        values_A3 = np.stack([a.angle_TA[i], b.angle_TA[j], difference.angle_TA[row]], axis=1).ravel()
        cells = [f"{a.second_T[i]:.4f}", a.index_T[i], b.index_T[j]]
        cells += [_cell(value, 1) for value in values_A3]
        rows.writerow(cells + [_cell(value, 3) for value in difference.distance_TP[row]])
    return text.getvalue()


def summary(job: Job, a: Performance, b: Performance, difference: Difference) -> dict[str, Any]:
    """The content of the JSON file: both inputs, the shift, mean and largest difference of each joint and part."""
    second_T = a.second_T[difference.row_T2[:, 0]]
    apart_TA, names = np.abs(difference.angle_TA), difference.angle_names
    angles = {name: _statistics(apart_TA[:, k], second_T) for k, name in enumerate(names)}
    parts = {name: _statistics(difference.distance_TP[:, k], second_T) for k, name in enumerate(PARTS)}
    return {
        "a": job.name,
        "b": without_secrets(job.partner or ""),
        "frames": {"a": len(a), "b": len(b), "compared": len(second_T)},
        "shift_s": round(difference.shift, 3),
        "mean_angle_difference_deg": _finite_or_none(mean_where_seen(np.abs(difference.angle_TA))),
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
