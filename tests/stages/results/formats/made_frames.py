"""People and frames made by hand, for tests of formats, and exports run to their end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.stage import Job
from stages.payloads import FrameChunk, Overlay, People, PersonSurface, Surfaces, VideoInfo
from stages.results.export import Export, Exporter, ExportRaw

WIDTH, HEIGHT = 64, 48
VIDEO = VideoInfo(
    path="walk.mp4", width=WIDTH, height=HEIGHT, still=False, rate=Fraction(25), time_base=Fraction(1, 25)
)


def surface_of(seed: int, x0: int, y0: int, height: int, width: int) -> PersonSurface:
    """Random charts next to each other, UV beyond 0..1."""
    rng = np.random.default_rng(seed)
    labels_hw = rng.integers(0, 25, (height, width), dtype=np.uint8)
    uv_2hw = rng.normal(0.5, 0.6, (2, height, width)) * (labels_hw > 0)
    return PersonSurface(x0=x0, y0=y0, labels_hw=labels_hw, uv_2hw=uv_2hw.astype(np.float32))


def with_heads(surface: PersonSurface, seed: int) -> PersonSurface:
    """The surface with keypoints and a mask of its own, as of a network with these heads; two joints are unsure."""
    rng = np.random.default_rng(seed)
    height, width = surface.labels_hw.shape
    place_172 = rng.uniform((surface.x0, surface.y0), (surface.x0 + width, surface.y0 + height), (17, 2))
    keypoint_173 = np.column_stack([place_172, rng.uniform(0.3, 1, 17)]).astype(np.float32)
    keypoint_173[[4, 9], 2] = 0.02
    return replace(surface, keypoint_K3=keypoint_173, mask_hw=rng.random((height, width)) < 0.5)


def people_of(frames: list[int], boxes: list[list[float]], ids: list[int]) -> People:
    """People with falling scores."""
    return People(
        frame_N=np.array(frames, np.int32),
        box_N4=np.array(boxes, np.float32).reshape(-1, 4),
        score_N=np.linspace(0.99, 0.31, len(frames)).astype(np.float32),
        id_N=np.array(ids, np.int32),
    )


PEOPLE = people_of([0, 0, 2], [[-2.7, 3.9, 20.2, 30.1], [10.4, 5, 40.5, 44.2], [30, 20, 63.9, 47.9]], [7, 3, 7])
SURFACES = Surfaces(people=(surface_of(1, -2, 3, 27, 22), surface_of(2, 10, 5, 39, 30), surface_of(3, 30, 20, 28, 34)))
"""Three frames: two overlapping people, of whom one reaches out of the frame; no person; one person."""


def frames_of(count: int, *, first: int = 0, index: list[int] | None = None, video: VideoInfo = VIDEO) -> FrameChunk:
    """Noise, 25 frames per second."""
    rgb = np.random.default_rng(first).integers(0, 256, (count, video.height, video.width, 3), dtype=np.uint8)
    return FrameChunk(
        rgb_THW3=rgb,
        pts_T=np.arange(first, first + count, dtype=np.int64),
        first=first,
        video=video,
        index_T=None if index is None else np.array(index, np.int64),
    )


def job_of(*, several: bool = False, overwrite: bool = False) -> Job:
    return Job(index=0, input="walk.mp4", output="out.mp4", stem="walk", several=several, overwrite=overwrite)


def export(
    to: Mapping[str, Path | str],
    frames: FrameChunk | None = None,
    people: People = PEOPLE,
    surfaces: Surfaces = SURFACES,
    *,
    job: Job | None = None,
    overlay: Overlay | None = None,
    stage: type[Any] = Export,
    **settings: Any,
) -> Exporter:
    """Run one packet through an export stage to the end of its input."""
    made: Exporter = stage(stage.Config(to={kind: str(path) for kind, path in to.items()}, **settings))
    given = (job or job_of(), frames_of(3) if frames is None else frames, people, surfaces)
    try:
        made(*given) if stage is ExportRaw else made(*given, overlay)  # type: ignore[operator]
        list(made.flush())
    finally:
        made.close()
    return made


def in_frame(surface: PersonSurface, height: int = HEIGHT, width: int = WIDTH) -> list[tuple[int, int, int, int]]:
    """(row, column of the frame, row, column of the grid) of every charted cell inside the frame, by plain loops."""
    return [
        (y + surface.y0, x + surface.x0, y, x)
        for y in range(surface.labels_hw.shape[0])
        for x in range(surface.labels_hw.shape[1])
        if surface.labels_hw[y, x] and 0 <= y + surface.y0 < height and 0 <= x + surface.x0 < width
    ]
