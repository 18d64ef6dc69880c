"""Writes synthetic scenes as files: every image, and all of its ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from models.files.atomic_file import atomic_write
from models.files.png_image import png_of
from pipeline.stage import Job, Stage, StageError, fitting_name
from stages.payloads import FrameChunk
from stages.world.scene import Scene

NOT_ARRAYS = ("rgb_HW3", "moving", "pose_N", "camera")
"""Fields of a scene that its file of arrays leaves out."""


class ExportTruth(Stage):
    """Writes `frame_000123.png` and `frame_000123.npz` for every scene into a folder, if one is configured.

    The arrays of a file are those of `Scene` without its image: `label_HW`, `uv_2HW`, `instance_HW`, `box_N4`,
    `keypoint_N173`, `depth_HW`; in videos also those of `Moving`: `track_N`, `next_2HW`, `previous_2HW`,
    `next_seen_HW`, `previous_seen_HW`. The mask of person n (from 1) is `instance_HW == n`.
    """

    exports: ClassVar[Mapping[str, str]] = {"truth": "folder"}

    writes_to = "folder"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """`folder`: where the files are written; None = no export."""

        folder: str | None = None

    def __call__(self, job: Job, frames: FrameChunk, scene: Scene) -> None:
        """Write one image and one file of arrays. Raises StageError if the folder cannot be written to."""
        if self.config.folder is None:
            return
        folder = Path(self.config.folder) / fitting_name(job.stem, "") if job.several else Path(self.config.folder)
        stem = folder / f"frame_{frames.first:06d}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(stem.with_suffix(".png")) as draft:
                draft.write_bytes(png_of(scene.rgb_HW3))
            with atomic_write(stem.with_suffix(".npz")) as draft, draft.open("wb") as file:
                np.savez_compressed(file, **ground_truth_arrays(scene))
        except OSError as error:
            reason = error.strerror or str(error)
            remedy = "give a folder that can be written to, with room for the files"
            raise StageError(f"the scene cannot be written ({reason})", str(stem), remedy) from error


def ground_truth_arrays(scene: Scene) -> dict[str, Any]:
    """All arrays of a scene except its image, by name."""
    names = [field.name for field in fields(scene) if field.name not in NOT_ARRAYS]
    arrays = {name: getattr(scene, name) for name in names}
    if scene.moving is not None:
        arrays |= {field.name: getattr(scene.moving, field.name) for field in fields(scene.moving)}
    return arrays
