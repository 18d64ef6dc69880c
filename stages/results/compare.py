"""Two performers compared: how far their joints and parts are apart over time, as a table, a summary and a picture."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from models.surface.charts import CHART_NAMES
from pipeline.stage import Job, Stage, StageError, without_secrets
from stages.payloads import FrameChunk, People, Surfaces, Written
from stages.results.comparison.difference import Difference, best_shift, difference_at
from stages.results.comparison.picture import comparison_picture
from stages.results.comparison.poses import Performance, Pose, mean_where_seen, mirrored, performance_of, pose_of
from stages.results.formats.angles import ANGLE_NAMES
from stages.results.formats.pictures import png
from stages.results.formats.writer import put_whole
from stages.video.decode_pair import GAP

PARTS = tuple(name.replace(" ", "_") for name in CHART_NAMES[1:])


class Compare(Stage):
    """The main person of each of two inputs, against each other; `OUT.csv`, `OUT.json` and `OUT.png`.

    The main person is the one who fills most of the picture over all frames.
    """

    ordered = True
    memory_frames = None

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How the two are laid beside each other.

        Attributes:
            align: `start`: from the first frame in which each is seen; `shift`: moved so that the angles fit best.
            max_shift: seconds that `shift` may move the second, either way.
            mirror: the second faces the first as in a mirror: left is compared with right.
        """

        align: Literal["start", "shift"] = "start"
        max_shift: float = 2.0
        mirror: bool = False

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if not 0 <= self.max_shift <= 60:
                raise ValueError(f"max_shift is {self.max_shift}, must be from 0 to 60")

    @classmethod
    def check(cls, config: Config, job: Job) -> None:
        """Raises StageError for an output that is no table, or where one of the files may not be replaced."""
        _check_free(job)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Nothing was seen yet."""
        super().__init__(config, threads=threads)
        self._seen: dict[int, dict[int, list[tuple[float, int, Pose]]]] = {}
        self._job: Job | None = None

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> Iterator[Written]:
        """Take the poses of a chunk; yields nothing before the end."""
        if self._job is None:
            self._job = job
            _check_free(job)
        mine = self._seen.setdefault(frames.first // GAP, {})
        for t in range(len(frames)):
            here = np.flatnonzero(people.frame_N == t)
            poses = {int(people.id_N[i]): pose_of(surfaces.people[i]) for i in here[::-1]}
            second = float(frames.pts_T[t] * frames.video.time_base)
            for identity, pose in poses.items():
                if pose.area:
                    mine.setdefault(identity, []).append((second, frames.source_index(t), pose))
        yield from ()

    def flush(self) -> Iterator[Written]:
        """Compare, and write the three files. Raises StageError where nobody was seen in one of the two."""
        job = self._job
        if job is None or job.partner is None or job.output is None:
            return
        a = self._main_person(0, job.input)
        b = self._main_person(1, job.partner)
        b = mirrored(b) if self.config.mirror else b
        shift = best_shift(a, b, self.config.max_shift) if self.config.align == "shift" else 0.0
        difference = difference_at(a, b, shift)
        if not len(difference.row_T2):
            raise StageError("the two have no moment in common", job.partner, "set compare.align to shift")
        title = f"{Path(job.name).name} and {Path(without_secrets(job.partner)).name}"
        second_T = a.second_T[difference.row_T2[:, 0]]
        contents = {
            ".csv": table(a, b, difference).encode(),
            ".json": json.dumps(summary(job, a, b, difference), indent=1).encode(),
            ".png": png(comparison_picture(difference, second_T, title)),
        }
        for suffix, content in contents.items():
            path = Path(job.output).with_suffix(suffix)
            put_whole(path, content)
            yield Written(path=str(path), frames=len(second_T))

    def _main_person(self, number: int, path: str) -> Performance:
        everyone = self._seen.get(number, {})
        if not everyone:
            raise StageError("nobody was seen in this input", path, "check what the network finds with -c video")
        return performance_of(max(everyone.values(), key=lambda poses: sum(pose.area for _, _, pose in poses)))


def _check_free(job: Job) -> None:
    """Raise where one of the three files is there already and may not be replaced, or cannot be named."""
    output = Path(job.output or "")
    if output.suffix.lower() != ".csv":
        raise StageError("a comparison is written as a table", str(output), "name a .csv file or a folder with -o")
    for suffix in (".csv", ".json", ".png"):
        path = output.with_suffix(suffix)
        if path.exists() and not job.overwrite:
            raise StageError("the output exists already", str(path), "add --overwrite or name another with -o")


def table(a: Performance, b: Performance, difference: Difference) -> str:
    """CSV: a row a moment: its second, both frames, of each angle A's, B's and B − A in degrees, each part's distance
    in torso lengths; empty where one is not seen."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    angles = [f"{name}_{what}" for name in ANGLE_NAMES for what in ("a", "b", "difference")]
    rows.writerow(["seconds", "frame_a", "frame_b", *angles, *(f"{name}_distance" for name in PARTS)])
    for moment, (i, j) in enumerate(difference.row_T2.tolist()):
        three = np.stack([a.angle_T9[i], b.angle_T9[j], difference.angle_T9[moment]], axis=1).ravel()
        cells = [f"{a.second_T[i]:.4f}", a.index_T[i], b.index_T[j]]
        cells += [_cell(value, 1) for value in three]
        rows.writerow(cells + [_cell(value, 3) for value in difference.distance_TP[moment]])
    return text.getvalue()


def summary(job: Job, a: Performance, b: Performance, difference: Difference) -> dict[str, Any]:
    """What is in the JSON file: both inputs, the shift, mean and largest difference of each joint and part."""
    second_T = a.second_T[difference.row_T2[:, 0]]
    angles = {name: _of_one(np.abs(difference.angle_T9[:, k]), second_T) for k, name in enumerate(ANGLE_NAMES)}
    parts = {name: _of_one(difference.distance_TP[:, k], second_T) for k, name in enumerate(PARTS)}
    return {
        "a": job.name,
        "b": without_secrets(job.partner or ""),
        "frames": {"a": len(a), "b": len(b), "compared": len(second_T)},
        "shift_s": round(difference.shift, 3),
        "mean_angle_difference_deg": _rounded(mean_where_seen(np.abs(difference.angle_T9))),
        "mean_part_distance_torsos": _rounded(mean_where_seen(difference.distance_TP)),
        "angles_deg": angles,
        "parts_torsos": parts,
    }


def _of_one(value_T: np.ndarray, second_T: np.ndarray) -> dict[str, Any]:
    """Mean, largest and where it is; null where never seen in both."""
    if not np.isfinite(value_T).any():
        return {"mean": None, "largest": None, "at_s": None, "seen": 0.0}
    at = int(np.nanargmax(value_T))
    return {
        "mean": _rounded(mean_where_seen(value_T)),
        "largest": _rounded(float(value_T[at])),
        "at_s": round(float(second_T[at]), 3),
        "seen": round(float(np.isfinite(value_T).mean()), 3),
    }


def _rounded(value: float) -> float | None:
    return round(value, 3) if np.isfinite(value) else None


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else ""
