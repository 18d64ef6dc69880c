"""Arrays as one npz per frame: `instances` as the network predicts them, `surfaces` after tracking and smoothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.body.charts import CHART_NAMES
from models.files.image_size import require_size
from models.files.json_file import read_json
from models.files.npz_file import read_arrays
from pipeline.stage import StageError
from stages.payloads import F32, PersonSurface, VideoInfo
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.writer import ExportTarget, ExportWriter, FilePerFrame, write_whole
from stages.video.encoding.resume_info import LARGEST_INTEGER, video_info_from_json, video_info_to_json

Arrays = Mapping[str, npt.NDArray[Any]]
MOST_OFFSET = 1 << 20
"""Largest offset of a grid from the frame's corner in pixels: more means a damaged file."""
STREAM_FILE = "stream.json"
"""The file beside the npz files of `surfaces` that describes their stream. It is written last: if it exists, the export
is complete."""


def instances(result: FrameResult) -> bytes:
    """`boxes_N4`, `scores_N`, and of each person i `labels_i`, `uv_i` on the grid that begins at int(x0), int(y0).

    Of networks with these heads also `keypoints_i` (17, 3) float32 and `mask_i` (h, w) bool. The part of a surface to
    the left of the box or above it is left out.
    """
    cropped = [_cropped_to_box(surface, box_4) for surface, box_4 in zip(result.surfaces, result.box_N4, strict=True)]
    return _npz(_people(replace(result, surfaces=tuple(cropped))))


def surfaces(result: FrameResult) -> bytes:
    """The same after tracking and smoothing, and these arrays:

    `ids_N` int32, −1 = none; `corners_N2` int32, column and row of the frame under each grid's first cell; `frame`, the
    number of the frame in its source; `pts`; `bridged_N`, True for people that the network missed and `bridge`
    propagated; `near_N` float32, if people were tracked: larger is nearer, NaN = unknown; `confidence_i` (h, w), if the
    network predicts it.
    """
    corners = [(surface.x0, surface.y0) for surface in result.surfaces]
    arrays = _people(result) | {
        "ids_N": result.id_N,
        "corners_N2": np.array(corners, np.int32).reshape(-1, 2),
        "frame": np.int64(result.index),
        "pts": np.int64(result.pts),
        "bridged_N": np.array([result.is_bridged(i) for i in range(len(result.surfaces))], bool),
    }
    if result.near_N is not None:
        arrays["near_N"] = result.near_N
    for i, surface in enumerate(result.surfaces):
        if surface.confidence_hw is not None:
            arrays[f"confidence_{i}"] = surface.confidence_hw
    return _npz(arrays)


def embeddings(result: FrameResult) -> bytes:
    """`boxes_N4`, `scores_N`, and of each person i on the grid that begins at int(x0), int(y0):

    `embedding_i` (16, h, w) float32, not normalised; `coarse_i` (2, h, w) float32, logits of background and person;
    `vertex_i` (h, w) int32, the nearest vertex, −1 where it is not the person.

    Raises StageError for a network that predicts no embeddings.
    """
    from models.inference.embedding_assembly import resized_maps

    arrays: dict[str, Any] = {"boxes_N4": result.box_N4, "scores_N": result.score_N}
    for i, surface in enumerate(result.surfaces):
        if surface.embedded is None:
            what = "this network predicts charts, no embeddings"
            raise StageError(what, "export embeddings", "choose a network of -c zoo_cse_…, or the export instances")
        arrays[f"embedding_{i}"], arrays[f"coarse_{i}"] = resized_maps(surface.embedded)
        arrays[f"vertex_{i}"] = surface.embedded.vertex_hw
    return _npz(arrays)


def _people(result: FrameResult) -> dict[str, Any]:
    arrays: dict[str, Any] = {"boxes_N4": result.box_N4, "scores_N": result.score_N}
    for i, surface in enumerate(result.surfaces):
        arrays[f"labels_{i}"] = surface.labels_hw
        arrays[f"uv_{i}"] = surface.uv_2hw.astype(np.float32, copy=False)
        heads = {f"keypoints_{i}": surface.keypoint_K3, f"mask_{i}": surface.mask_hw}
        arrays |= {name: array for name, array in heads.items() if array is not None}
    return arrays


def _cropped_to_box(surface: PersonSurface, box_4: F32) -> PersonSurface:
    """A surface without the part left of its box's first pixel or above it, because readers place the grid there."""
    left, top = max(int(box_4[0]) - surface.x0, 0), max(int(box_4[1]) - surface.y0, 0)
    return replace(
        surface,
        x0=surface.x0 + left,
        y0=surface.y0 + top,
        labels_hw=surface.labels_hw[top:, left:],
        uv_2hw=surface.uv_2hw[:, top:, left:],
        confidence_hw=None if surface.confidence_hw is None else surface.confidence_hw[top:, left:],
        mask_hw=None if surface.mask_hw is None else surface.mask_hw[top:, left:],
    )


def _npz(arrays: dict[str, Any]) -> bytes:
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def begin_instances(target: ExportTarget) -> ExportWriter:
    """One file per frame."""
    return FilePerFrame(target, ".npz", instances)


def begin_embeddings(target: ExportTarget) -> ExportWriter:
    """One file per frame."""
    return FilePerFrame(target, ".npz", embeddings)


class SurfaceFolder(FilePerFrame):
    """`surfaces` with `stream.json`: enough to draw them again without the network (`-c render`)."""

    beside = (STREAM_FILE,)

    def __init__(self, target: ExportTarget) -> None:
        super().__init__(target, ".npz", surfaces)
        self._video: VideoInfo | None = None

    def add(self, result: FrameResult) -> None:
        """Write the frame's file."""
        if self._video is None:
            (self.folder / STREAM_FILE).unlink(missing_ok=True)  # an older export, which is no longer complete
        self._video = result.video
        super().add(result)

    def finish(self) -> list[str]:
        """All frames are written: write the file that describes their stream."""
        if self._video is not None:
            content = {**video_info_to_json(self._video), "exported": self.frames}
            write_whole(self.folder / STREAM_FILE, json.dumps(content, indent=1).encode())
        return super().finish()

    def interrupt(self) -> None:
        """The frames so far can be replayed, too."""
        self.finish()

    def state(self) -> dict[str, Any]:
        """Number of frames, and their stream."""
        return {**super().state(), "video": self._video and video_info_to_json(self._video)}

    def restore(self, state: dict[str, Any]) -> None:
        """Repeated frames overwrite their files with the same content."""
        super().restore(state)
        self._video = video_info_from_json(state["video"]) if state["video"] else None


def read_stream(folder: Path) -> VideoInfo:
    """The stream of a folder of `surfaces`. Raises StageError if the folder is none, or is damaged."""
    path = folder / STREAM_FILE
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
        raise StageError("lacks or has invalid properties of its stream", str(path), remedy) from error


def frame_files(folder: Path) -> list[Path]:
    """The files of an export of `surfaces`, in order; at least one.

    Raises StageError if the folder holds another number of frames than was exported: frames are missing, or remain from
    an older export.
    """
    files = sorted(folder.glob("*.npz"))
    exported = read_json(folder / STREAM_FILE).get("exported")
    if not files or len(files) != exported:
        what = f"holds {len(files)} frames, but {exported} were exported last"
        raise StageError(what, str(folder), "export again, into an empty folder")
    return files


def read_frame(path: Path, video: VideoInfo) -> FrameResult:
    """One frame of an export of `surfaces`, on black. Raises StageError for any other file.

    A folder that `--export surfaces=FOLDER` wrote is read by

        video = read_stream(folder)
        for path in frame_files(folder):
            frame = read_frame(path, video)  # frame.box_N4, frame.surfaces …
    """
    try:
        return _moment(path.stem, read_arrays(path), video)
    except (OSError, ValueError) as error:
        what = f"is no frame of an export of surfaces ({error})"
        raise StageError(what, str(path), "export it again") from error


def _moment(stem: str, arrays: Arrays, video: VideoInfo) -> FrameResult:
    """Raises ValueError for arrays that are not those of a frame."""
    corners = grid_corners(arrays)
    count = len(corners)
    return FrameResult(
        stem=stem,
        index=whole_number(arrays, "frame", 0, LARGEST_INTEGER),
        pts=whole_number(arrays, "pts", -LARGEST_INTEGER, LARGEST_INTEGER),
        video=video,
        rgb_HW3=np.zeros((video.height, video.width, 3), np.uint8),
        box_N4=finite_array(arrays, "boxes_N4", (count, 4)),
        score_N=finite_array(arrays, "scores_N", (count,)),
        id_N=checked_array(arrays, "ids_N", "i", (count,)),
        surfaces=tuple(surface_at(arrays, i, corner) for i, corner in enumerate(corners)),
        bridged_N=checked_array(arrays, "bridged_N", "b", (count,)) if "bridged_N" in arrays else None,
        near_N=checked_array(arrays, "near_N", "f", (count,)) if "near_N" in arrays else None,
    )


def checked_array(arrays: Arrays, name: str, kinds: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """An array of given dtype kinds (NumPy's letters) and shape (None: any length). Raises ValueError naming it."""
    if name not in arrays:
        raise ValueError(f"it holds no {name}")
    found = arrays[name]
    fits = len(found.shape) == len(shape) and all(
        want in (None, side) for want, side in zip(shape, found.shape, strict=True)
    )
    if found.dtype.kind not in kinds or not fits:
        raise ValueError(f"its {name} is {found.dtype} of {list(found.shape)}")
    return found


def finite_array(arrays: Arrays, name: str, shape: tuple[int | None, ...]) -> npt.NDArray[Any]:
    """An array of finite numbers. Raises ValueError naming it."""
    found = checked_array(arrays, name, "fiu", shape)
    if not np.isfinite(found).all():
        raise ValueError(f"its {name} holds values that are no numbers")
    return found


def whole_number(arrays: Arrays, name: str, low: int, high: int) -> int:
    """An integer from `low` to `high`. Raises ValueError naming it."""
    value = int(checked_array(arrays, name, "iu", ()))
    if not low <= value <= high:
        raise ValueError(f"its {name} is {value}")
    return value


def grid_corners(arrays: Arrays) -> list[list[int]]:
    """Column and row of the frame under each person's grid. Raises ValueError."""
    corner_N2 = checked_array(arrays, "corners_N2", "iu", (None, 2))
    if (np.abs(corner_N2.astype(np.float64)) > MOST_OFFSET).any():
        raise ValueError("its corners_N2 lie far outside of every frame")
    found: list[list[int]] = corner_N2.tolist()
    return found


def surface_at(arrays: Arrays, i: int, corner: list[int]) -> PersonSurface:
    """A person's surface. Raises ValueError naming the wrong array."""
    labels_hw = checked_array(arrays, f"labels_{i}", "u", (None, None))
    if labels_hw.dtype != np.uint8 or labels_hw.max(initial=0) >= len(CHART_NAMES):
        raise ValueError(f"its labels_{i} are no charts")
    confidence, keypoints, mask = f"confidence_{i}", f"keypoints_{i}", f"mask_{i}"
    return PersonSurface(
        x0=corner[0],
        y0=corner[1],
        labels_hw=labels_hw,
        uv_2hw=finite_array(arrays, f"uv_{i}", (2, *labels_hw.shape)),
        confidence_hw=finite_array(arrays, confidence, labels_hw.shape) if confidence in arrays else None,
        keypoint_K3=finite_array(arrays, keypoints, (17, 3)).astype(np.float32) if keypoints in arrays else None,
        mask_hw=checked_array(arrays, mask, "b", labels_hw.shape) if mask in arrays else None,
    )
