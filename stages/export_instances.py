"""Write the network's own result, before tracking and smoothing: one npz a frame."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.stage import Job, Stage, StageError
from stages.payloads import FrameChunk, People, Surfaces


class ExportInstances(Stage):
    """`frame_000123.npz` for every frame, empty ones included (for an image `STEM.npz`); nothing without a folder.

    Each file holds `boxes_N4` (float32 x0, y0, x1, y1 in pixels of the upright original), `scores_N` (float32) and for
    each person i `labels_i` ((h, w) uint8, 0 = background, 1..24) and `uv_i` ((2, h, w) float32, not clamped) on the
    person's box grid, whose first cell is the pixel (int(x0), int(y0)).
    """

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`folder`: where the files go (`folder/STEM/` when a run has several inputs); None = no export."""

        folder: str | None = None

    def __call__(self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces) -> None:
        """Write one file a frame; raises StageError when the folder cannot be written to."""
        if self.config.folder is None:
            return
        folder = Path(self.config.folder) / job.stem if job.several else Path(self.config.folder)
        for t in range(len(frames)):
            name = f"{job.stem}.npz" if frames.video.still else f"frame_{frames.first + t:06d}.npz"
            try:
                folder.mkdir(parents=True, exist_ok=True)
                _write_whole(folder / name, instances_of_frame(t, people, surfaces))
            except OSError as error:
                reason = error.strerror or str(error)
                remedy = "give a folder that can be written to, with room for the files"
                raise StageError(f"the export cannot be written ({reason})", str(folder / name), remedy) from error


def instances_of_frame(t: int, people: People, surfaces: Surfaces) -> dict[str, Any]:
    """The arrays of one frame's file, people in the order of `People`."""
    here_N = np.flatnonzero(people.frame_N == t)
    arrays: dict[str, Any] = {
        "boxes_N4": people.box_N4[here_N].astype(np.float32, copy=False),
        "scores_N": people.score_N[here_N].astype(np.float32, copy=False),
    }
    for i, person in enumerate(here_N):
        surface = surfaces.people[person]
        arrays[f"labels_{i}"] = surface.labels_hw
        arrays[f"uv_{i}"] = surface.uv_2hw.astype(np.float32, copy=False)
    return arrays


def _write_whole(path: Path, arrays: dict[str, Any]) -> None:
    """A reader sees the whole file or none: written beside it under another name, then renamed."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
