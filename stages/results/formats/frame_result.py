"""One frame with its people and what was drawn: the input of every export format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from models.body.body_pose import posed_vertices
from models.body.fitted_body import FittedBody
from pipeline.stage import Job
from stages.payloads import (
    F32,
    I32,
    U8,
    Bodies,
    Bool,
    Float,
    FrameChunk,
    Overlay,
    People,
    PersonSurface,
    Surfaces,
    VideoInfo,
)
from stages.people.depth_order import painters_order


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrameResult:
    """One frame, its N people in the order of `People`, and what was drawn.

    Attributes:
        stem: the input's name without folder and suffix.
        index: number of the frame in the source, from 0, even if only a part is processed.
        pts: time stamp in ticks of `video.time_base`.
        video: the stream.
        rgb_HW3: the upright original.
        box_N4, score_N, id_N: as in `People`.
        surfaces: one per person.
        bridged_N, near_N: as in `People`.
        bodies: the fitted body of each person, None for those without one; empty if nothing is fitted.
        drawn_HW3: the rendered frame; None if nothing renders.
        alpha_HW: its alpha; None if it has none.
    """

    stem: str
    index: int
    pts: int
    video: VideoInfo
    rgb_HW3: U8
    box_N4: F32
    score_N: F32
    id_N: I32
    surfaces: tuple[PersonSurface, ...]
    drawn_HW3: U8 | None = None
    alpha_HW: U8 | None = None
    bridged_N: Bool | None = None
    near_N: F32 | None = None
    bodies: tuple[FittedBody | None, ...] = ()

    @property
    def fitted(self) -> list[tuple[int, FittedBody]]:
        """Index and body of each person that has one."""
        return [(i, body) for i, body in enumerate(self.bodies) if body is not None]

    def is_bridged(self, i: int) -> bool:
        """Whether the network missed the person in this frame and `bridge` propagated the surface."""
        return self.bridged_N is not None and bool(self.bridged_N[i])

    @property
    def seconds(self) -> float:
        """The frame's time on the source's own clock."""
        return float(self.pts * self.video.time_base)

    @property
    def name(self) -> str:
        """Name of this frame's file, without suffix."""
        return self.stem if self.video.still else f"frame_{self.index:06d}"

    def painting_order(self) -> list[int]:
        """Indices of the people in painting order: the nearest is last."""
        return painters_order(self.box_N4, self.score_N, self.surfaces, self.video.height, self.id_N, self.near_N)


def frame_results(
    job: Job,
    frames: FrameChunk,
    people: People,
    surfaces: Surfaces,
    overlay: Overlay | None,
    bodies: Bodies | None = None,
) -> Iterator[FrameResult]:
    """The frames of a chunk, one by one."""
    for t in range(len(frames)):
        here_N = np.flatnonzero(people.frame_N == t)
        yield FrameResult(
            stem=job.stem,
            index=frames.source_index(t),
            pts=int(frames.pts_T[t]),
            video=frames.video,
            rgb_HW3=frames.rgb_THW3[t],
            box_N4=people.box_N4[here_N].astype(np.float32, copy=False),
            score_N=people.score_N[here_N].astype(np.float32, copy=False),
            id_N=people.id_N[here_N].astype(np.int32, copy=False),
            surfaces=tuple(surfaces.people[i] for i in here_N),
            drawn_HW3=None if overlay is None else overlay.rgb_THW3[t],
            alpha_HW=None if overlay is None or overlay.alpha_THW is None else overlay.alpha_THW[t],
            bridged_N=None if people.bridged_N is None else people.bridged_N[here_N],
            near_N=None if people.near_N is None else people.near_N[here_N],
            bodies=() if bodies is None else bodies.of_people(t, len(here_N)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenedPeople:
    """The people of a frame in one image; nearer people occlude farther ones.

    Attributes:
        iuv_HW3: chart 0..24 (0 = background), U, V as bytes.
        person_HW: 1 + index of the person in the frame, 0 = background; int32.
    """

    iuv_HW3: U8
    person_HW: I32


@lru_cache(maxsize=1)
def vertices_of_bodies(result: FrameResult) -> tuple[F32, ...]:
    """The vertices (V, 3) of each of the frame's bodies, metres in the camera's frame; cached, as `flattened`."""
    return tuple(posed_vertices(body.pose) for _, body in result.fitted)


@lru_cache(maxsize=1)
def flattened(result: FrameResult) -> FlattenedPeople:
    """Paint all surfaces into one image; cached, because several formats read the same frame."""
    height, width = result.rgb_HW3.shape[:2]
    iuv_HW3 = np.zeros((height, width, 3), np.uint8)
    person_HW = np.zeros((height, width), np.int32)
    for i in result.painting_order():
        surface = result.surfaces[i]
        if windows := surface.windows(height, width):
            frame, grid = windows
            byte_hw3 = quantised(surface.labels_hw[grid], surface.uv_2hw[:, *grid])
            visible_hw = byte_hw3[..., 0] > 0
            iuv_HW3[frame][visible_hw] = byte_hw3[visible_hw]
            person_HW[frame][visible_hw] = i + 1
    return FlattenedPeople(iuv_HW3=iuv_HW3, person_HW=person_HW)


def quantised(labels_hw: U8, uv_2hw: Float) -> U8:
    """Chart, U and V as the reference's bytes (facts §7), (h, w, 3): 255·u clipped and truncated, not rounded."""
    byte_2hw = np.clip(uv_2hw.astype(np.float32) * np.float32(255), 0, 255).astype(np.uint8)
    return np.dstack([labels_hw, *np.where(labels_hw > 0, byte_2hw, 0).astype(np.uint8)])
