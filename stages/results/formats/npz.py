"""The numbers themselves, one npz a frame: `instances` as the network gave them, `surfaces` as they are drawn."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from models.files.image_size import require_size
from models.files.json_file import read_json
from models.files.npz_file import read_arrays
from pipeline.stage import StageError
from stages.payloads import F32, Surface, VideoInfo
from stages.results.formats.frame_file import Arrays, checked, corners_of, finite, surface_at, whole
from stages.results.formats.moment import Moment
from stages.results.formats.writer import FileAFrame, Target, Writer, put_whole
from stages.video.encoding.resume_info import LARGEST_INTEGER, video_info_from_json, video_info_to_json

INDEX = "stream.json"
"""Beside the npz files of `surfaces`: what they belong to; it is written last, so where it stands they are whole."""


def instances(moment: Moment) -> bytes:
    """`boxes_N4`, `scores_N`, and of each person i `labels_i`, `uv_i` on the grid that begins at int(x0), int(y0).

    What of a surface reaches beyond the box to the left, or above it, is left out.
    """
    placed = [_placed(surface, box_4) for surface, box_4 in zip(moment.surfaces, moment.box_N4, strict=True)]
    return _npz(_people(replace(moment, surfaces=tuple(placed))))


def surfaces(moment: Moment) -> bytes:
    """The same after tracking and smoothing, and besides:

    `ids_N` int32, −1 = none; `corners_N2` int32, the frame's column and row under each grid's first cell; `frame`, the
    number of the frame in its source; `pts`; `bridged_N`, True for whom the network missed here, and who stands where
    flow carried them; `near_N` float32 where people were tracked, larger is nearer, NaN = nobody was near; and
    `confidence_i` (h, w) where the network has one.
    """
    corners = [(surface.x0, surface.y0) for surface in moment.surfaces]
    arrays = _people(moment) | {
        "ids_N": moment.id_N,
        "corners_N2": np.array(corners, np.int32).reshape(-1, 2),
        "frame": np.int64(moment.index),
        "pts": np.int64(moment.pts),
        "bridged_N": np.array([moment.is_bridged(i) for i in range(len(moment.surfaces))], bool),
    }
    if moment.near_N is not None:
        arrays["near_N"] = moment.near_N
    for i, surface in enumerate(moment.surfaces):
        if surface.confidence_hw is not None:
            arrays[f"confidence_{i}"] = surface.confidence_hw
    return _npz(arrays)


def _people(moment: Moment) -> dict[str, Any]:
    arrays: dict[str, Any] = {"boxes_N4": moment.box_N4, "scores_N": moment.score_N}
    for i, surface in enumerate(moment.surfaces):
        arrays[f"labels_{i}"] = surface.labels_hw
        arrays[f"uv_{i}"] = surface.uv_2hw.astype(np.float32, copy=False)
    return arrays


def _placed(surface: Surface, box_4: F32) -> Surface:
    """A surface without what lies left of its box's first pixel or above it, by which readers place the grid."""
    left, top = max(int(box_4[0]) - surface.x0, 0), max(int(box_4[1]) - surface.y0, 0)
    return replace(
        surface,
        x0=surface.x0 + left,
        y0=surface.y0 + top,
        labels_hw=surface.labels_hw[top:, left:],
        uv_2hw=surface.uv_2hw[:, top:, left:],
        confidence_hw=None if surface.confidence_hw is None else surface.confidence_hw[top:, left:],
    )


def _npz(arrays: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def begin_instances(target: Target) -> Writer:
    """One file a frame."""
    return FileAFrame(target, ".npz", instances)


class SurfaceFolder(FileAFrame):
    """`surfaces`, with `stream.json` beside: enough to show them again without the network (`-c render`)."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, ".npz", surfaces)
        self._video: VideoInfo | None = None

    def add(self, moment: Moment) -> None:
        """Write the frame's file."""
        if self._video is None:
            (self.folder / INDEX).unlink(missing_ok=True)  # an older export's, which is no longer whole
        self._video = moment.video
        super().add(moment)

    def finish(self) -> list[str]:
        """All frames are there: say so, and what they belong to."""
        if self._video is not None:
            content = {**video_info_to_json(self._video), "exported": self.frames}
            put_whole(self.folder / INDEX, json.dumps(content, indent=1).encode())
        return super().finish()

    def interrupt(self) -> None:
        """The frames so far can be shown too."""
        self.finish()

    def state(self) -> dict[str, Any]:
        """Number of frames, and what they belong to."""
        return {**super().state(), "video": self._video and video_info_to_json(self._video)}

    def restore(self, state: dict[str, Any]) -> None:
        """Frames that come again replace their files by the same."""
        super().restore(state)
        self._video = video_info_from_json(state["video"]) if state["video"] else None


def read_stream(folder: Path) -> VideoInfo:
    """The stream that a folder of `surfaces` belongs to. Raises StageError where there is none, or it is damaged."""
    path = folder / INDEX
    remedy = "name a folder that --export surfaces=FOLDER has written to its end"
    try:
        fields = read_json(path)
    except OSError as error:
        raise StageError("is no export of surfaces", str(folder), remedy) from error
    except ValueError as error:
        raise StageError("is damaged", str(path), remedy) from error
    try:
        video = video_info_from_json(fields)
        require_size(video.width, video.height, str(path))
        return video
    except (KeyError, TypeError, ValueError) as error:
        raise StageError("says too little of its stream, or what cannot be", str(path), remedy) from error


def frame_files(folder: Path) -> list[Path]:
    """The frames of an export of `surfaces`, in order; at least one.

    Raises StageError where the folder holds another number than was exported: frames are gone, or an older export's lie
    among them.
    """
    files = sorted(folder.glob("*.npz"))
    exported = read_json(folder / INDEX).get("exported")
    if not files or len(files) != exported:
        what = f"holds {len(files)} frames, of which {exported} were exported last"
        raise StageError(what, str(folder), "export again, into an empty folder")
    return files


def read_moment(path: Path, video: VideoInfo) -> Moment:
    """One frame of an export of `surfaces`, on black. Raises StageError for a file that is none."""
    try:
        return _moment(path.stem, read_arrays(path), video)
    except (OSError, ValueError) as error:
        what = f"is no frame of an export of surfaces ({error})"
        raise StageError(what, str(path), "export it again") from error


def _moment(stem: str, arrays: Arrays, video: VideoInfo) -> Moment:
    """Raises ValueError for arrays that are not a frame's."""
    corners = corners_of(arrays)
    count = len(corners)
    return Moment(
        stem=stem,
        index=whole(arrays, "frame", 0, LARGEST_INTEGER),
        pts=whole(arrays, "pts", -LARGEST_INTEGER, LARGEST_INTEGER),
        video=video,
        rgb_HW3=np.zeros((video.height, video.width, 3), np.uint8),
        box_N4=finite(arrays, "boxes_N4", (count, 4)),
        score_N=finite(arrays, "scores_N", (count,)),
        id_N=checked(arrays, "ids_N", "i", (count,)),
        surfaces=tuple(surface_at(arrays, i, corner) for i, corner in enumerate(corners)),
        bridged_N=checked(arrays, "bridged_N", "b", (count,)) if "bridged_N" in arrays else None,
        near_N=checked(arrays, "near_N", "f", (count,)) if "near_N" in arrays else None,
    )
