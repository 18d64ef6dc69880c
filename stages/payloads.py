"""Payloads: the data that travels between stages. Frozen and NumPy only, so that processes can share it by reference.

Letters of the shape suffixes are listed in docs/shapes.md: T frames of a chunk, H W pixels of a frame, N people of all
frames of the chunk, h w pixels of one person's grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from models.arrays import F32, I32, I64, U8, Bool, Float
from models.body.fitted_body import FittedBody
from models.structures import EmbeddedSurface, PersonMotion, SurfaceMap
from pipeline.stage import StageError

TICKS_PER_S = 90_000  # of time stamps made here; times of frames at all usual rates are whole numbers of them


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoInfo:
    """Properties of a stream after decoding.

    Attributes:
        path: the input.
        width, height: pixels of the upright frames.
        still: True for a single image.
        rate: nominal frames per second; None if the container does not state it.
        time_base: seconds per tick of the time stamps.
        sample_aspect: width of a pixel over its height.
        frames: number of frames, if the container states it.
        color_primaries, color_trc, colorspace: ITU-T H.273 numbers of the frames as decoded (2 = unspecified).
        full_range: True if the source used the full 0..255 range.
        cut_start, cut_end: seconds on the input's own clock between which frames are processed; None = all.
    """

    path: str
    width: int
    height: int
    still: bool
    rate: Fraction | None
    time_base: Fraction
    sample_aspect: Fraction = Fraction(1)
    frames: int | None = None
    color_primaries: int = 2
    color_trc: int = 2
    colorspace: int = 2
    full_range: bool = False
    cut_start: Fraction | None = None
    cut_end: Fraction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChunk:
    """Consecutive frames of one stream; chunks are cut by frame index.

    Attributes:
        rgb_THW3: uint8 frames, upright.
        pts_T: time stamps in ticks of `video.time_base`, strictly increasing.
        first: index of the first frame among the processed frames of the stream.
        video: the stream.
        index_T: index of each frame in the whole input, from 0, even if only a part is processed; None = from
            `first`.
        starts_shot_T: True for a frame that does not continue the one before it: after a scene cut, or where another
            input begins. The source finds them. None = no frame.

    >>> chunk = FrameChunk.of_image(np.zeros((4, 6, 3), np.uint8))
    >>> len(chunk), chunk.video.width, chunk.second(0), chunk.source_index(0)
    (1, 6, 0.0, 0)
    """

    rgb_THW3: U8
    pts_T: I64
    first: int
    video: VideoInfo
    index_T: I64 | None = None
    starts_shot_T: Bool | None = None

    def __len__(self) -> int:
        return len(self.pts_T)

    def frame(self, t: int) -> FrameChunk:
        """The chunk's frame `t` as a chunk of its own."""
        parts = {name: getattr(self, name) for name in ("rgb_THW3", "pts_T", "index_T", "starts_shot_T")}
        known = {name: array[t : t + 1] for name, array in parts.items() if array is not None}
        return replace(self, first=self.first + t, **known)

    def second(self, t: int) -> float:
        """Time of the chunk's frame `t` on the source's own clock, seconds."""
        return float(self.pts_T[t] * self.video.time_base)

    def source_index(self, t: int) -> int:
        """Index of the chunk's frame `t` in the whole input."""
        return self.first + t if self.index_T is None else int(self.index_T[t])

    def starts_shot(self, t: int) -> bool:
        """Whether the chunk's frame `t` does not continue the frame before it."""
        return self.starts_shot_T is not None and bool(self.starts_shot_T[t])

    @classmethod
    def of_image(cls, rgb_HW3: U8) -> FrameChunk:
        """A single image as a chunk of one frame. Raises StageError for anything but (H, W, 3) uint8."""
        rgb = np.asarray(rgb_HW3)
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or 0 in rgb.shape:
            raise StageError(f"expected an (H, W, 3) uint8 image, got {rgb.shape} {rgb.dtype}", "", "convert it first")
        height, width = rgb.shape[:2]
        video = VideoInfo(path="", width=width, height=height, still=True, rate=None, time_base=Fraction(1))
        return cls(rgb_THW3=rgb[None], pts_T=np.zeros(1, np.int64), first=0, video=video)


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The people in a chunk, grouped by frame, by falling score within a frame.

    Attributes:
        frame_N: index of the frame in the chunk, ascending.
        box_N4: x0, y0, x1, y1 in pixels of the upright original.
        score_N: 0..1.
        id_N: identity through the stream, or −1 before tracking.
        bridged_N: True for people that the network missed in this frame and `bridge` propagated; None = none.
        near_N: nearness to the camera, smoothed over time: larger is nearer, NaN = unknown; None = unknown for all.
        thing_N: True for those whose track `verify` takes for a thing; None = none.

    >>> box_N4 = np.array([[0, 0, 10, 20], [30, 0, 40, 20], [1, 0, 11, 20]], np.float32)
    >>> people = People(frame_N=np.array([0, 0, 1]), box_N4=box_N4, score_N=np.ones(3), id_N=np.array([1, 2, 1]))
    >>> len(people), people.some(people.id_N == 1).box_N4[:, 0].tolist(), people.bridged().any()
    (3, [0.0, 1.0], np.False_)
    """

    frame_N: I32
    box_N4: F32
    score_N: F32
    id_N: I32
    bridged_N: Bool | None = None
    near_N: F32 | None = None
    thing_N: Bool | None = None

    def __len__(self) -> int:
        return len(self.frame_N)

    def bridged(self) -> Bool:
        """`bridged_N` as an array in any case."""
        return np.zeros(len(self), bool) if self.bridged_N is None else self.bridged_N

    def nearness(self) -> F32:
        """`near_N` as an array in any case."""
        return np.full(len(self), np.nan, np.float32) if self.near_N is None else self.near_N

    def some(self, chosen_N: I64) -> People:
        """The people of the given indices, in that order."""
        arrays = {spec.name: getattr(self, spec.name) for spec in fields(self)}
        return replace(self, **{name: array[chosen_N] for name, array in arrays.items() if array is not None})

    @classmethod
    def joined(cls, parts: Sequence[People]) -> People:
        """The people of a chunk from those of its frames, in order."""
        with_bridged = any(one.bridged_N is not None for one in parts)
        with_nearness = any(one.near_N is not None for one in parts)
        return cls(
            frame_N=np.concatenate([np.full(len(one), t, np.int32) for t, one in enumerate(parts)]),
            box_N4=np.concatenate([one.box_N4 for one in parts]),
            score_N=np.concatenate([one.score_N for one in parts]),
            id_N=np.concatenate([one.id_N for one in parts]),
            bridged_N=np.concatenate([one.bridged() for one in parts]) if with_bridged else None,
            near_N=np.concatenate([one.nearness() for one in parts]) if with_nearness else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the network computed on whole frames and needs again for each person. It never leaves its lane."""

    content: Any
    stays_in_lane: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonSurface:
    """The body surface of one person on the grid of the person's box, or on one that reaches beyond it.

    Attributes:
        x0, y0: upper left pixel of the grid in the frame (may lie outside of it).
        labels_hw: 0 = background, 1..24 = chart.
        uv_2hw: chart coordinates, float16 or float32, not clipped to 0..1; 0 where the label is 0.
        confidence_hw: 0..1, or None if unknown (replayed IUV images).
        keypoint_K3: (17, 3) in COCO's order: x, y in pixels of the frame, score 0..1; zeros where a joint is unknown.
            None if the network has no keypoint head.
        mask_hw: the person's mask from a mask head of its own; None if the network has none.
        motion: since the frame before, from temporal smoothing; None where it knows none.
        embedded: of networks that predict embeddings, as they predict it: for exports before tracking.

    >>> surface = PersonSurface(x0=-1, y0=2, labels_hw=np.full((3, 4), 2, np.uint8), uv_2hw=np.zeros((2, 3, 4)))
    >>> surface.silhouette_hw.sum(), surface.windows(height=4, width=10)
    (np.int64(12), ((slice(2, 4, None), slice(0, 3, None)), (slice(0, 2, None), slice(1, 4, None))))
    """

    x0: int
    y0: int
    labels_hw: U8
    uv_2hw: Float
    confidence_hw: Float | None = None
    keypoint_K3: F32 | None = None
    mask_hw: Bool | None = None
    motion: PersonMotion | None = None
    embedded: EmbeddedSurface | None = None

    @classmethod
    def predicted(cls, one: SurfaceMap) -> PersonSurface:
        """What a network predicted, as a payload; the raw maps of uncertainty are left out."""
        return cls(
            x0=one.x0,
            y0=one.y0,
            labels_hw=one.labels_hw,
            uv_2hw=one.uv_2hw,
            confidence_hw=one.confidence_hw,
            keypoint_K3=one.keypoint_K3,
            mask_hw=one.mask_hw,
            embedded=one.embedded,
        )

    @property
    def silhouette_hw(self) -> Bool:
        """Whether a pixel is the person's: by the mask head where the network has one, else by the surface."""
        return self.labels_hw > 0 if self.mask_hw is None else self.mask_hw

    def windows(self, height: int, width: int) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """The overlap of a frame and the grid: rows and columns of the frame, and of the grid; None without overlap."""
        grid_height, grid_width = self.labels_hw.shape
        top, left = max(self.y0, 0), max(self.x0, 0)
        bottom, right = min(self.y0 + grid_height, height), min(self.x0 + grid_width, width)
        if top >= bottom or left >= right:
            return None
        grid = (slice(top - self.y0, bottom - self.y0), slice(left - self.x0, right - self.x0))
        return (slice(top, bottom), slice(left, right)), grid


@dataclass(frozen=True, slots=True, kw_only=True)
class Surfaces:
    """One `PersonSurface` per person of the chunk's `People`, in the same order."""

    people: tuple[PersonSurface, ...]

    def __len__(self) -> int:
        return len(self.people)

    @classmethod
    def joined(cls, parts: Sequence[Surfaces]) -> Surfaces:
        """The surfaces of a chunk from those of its frames, in order."""
        return cls(people=tuple(surface for one in parts for surface in one.people))


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """The fitted bodies of a chunk, grouped by frame, in the order of `People`; some people may have none.

    Attributes:
        frame_N: index of the frame in the chunk, ascending.
        id_N: identity through the stream, or −1.
        body_N: pose, shape and place of each in its camera's frame.
        person_N: index of each among the people of its frame.
    """

    frame_N: I32
    id_N: I32
    body_N: tuple[FittedBody, ...]
    person_N: I32

    def __len__(self) -> int:
        return len(self.frame_N)

    def in_frame(self, t: int) -> list[tuple[int, FittedBody]]:
        """Identity and body of each person in the chunk's frame `t`."""
        return [(int(self.id_N[n]), self.body_N[n]) for n in np.flatnonzero(self.frame_N == t)]

    def of_people(self, t: int, count: int) -> tuple[FittedBody | None, ...]:
        """The body of each of the `count` people in the chunk's frame `t`; None for those without one."""
        found: list[FittedBody | None] = [None] * count
        for n in np.flatnonzero(self.frame_N == t):
            found[int(self.person_N[n])] = self.body_N[n]
        return tuple(found)

    @classmethod
    def of_frame(cls, people: Sequence[tuple[int, FittedBody]], persons: Sequence[int] | None = None) -> Bodies:
        """The bodies of one frame.

        Args:
            people: identity and body of each person who has one.
            persons: index of each among the people of the frame; None = everybody has a body.
        """
        return cls(
            frame_N=np.zeros(len(people), np.int32),
            id_N=np.array([identity for identity, _ in people], np.int32),
            body_N=tuple(body for _, body in people),
            person_N=np.array(range(len(people)) if persons is None else persons, np.int32),
        )

    @classmethod
    def joined(cls, parts: Sequence[Bodies]) -> Bodies:
        """The bodies of a chunk from those of its frames, in order."""
        return cls(
            frame_N=np.array([t for t, one in enumerate(parts) for _ in range(len(one))], np.int32),
            id_N=np.array([identity for one in parts for identity in one.id_N.tolist()], np.int32),
            body_N=tuple(body for one in parts for body in one.body_N),
            person_N=np.array([person for one in parts for person in one.person_N.tolist()], np.int32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """The rendered frames of a chunk: rgb_THW3 uint8; alpha_THW uint8 if the result is transparent."""

    rgb_THW3: U8
    alpha_THW: U8 | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A complete file under its final name.

    Attributes:
        path: the file.
        frames: number of frames in it.
        facts: further entries of the report (`audio`, `warnings` …).
    """

    path: str
    frames: int
    facts: dict[str, Any] = field(default_factory=dict)
    is_receipt: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentWritten:
    """A complete segment of the result in `OUT.partial/`.

    Attributes:
        path: the segment's file.
        first: index of its first frame in the output.
        frames: number of frames in it.
    """

    path: str
    first: int
    frames: int
    is_receipt: ClassVar[bool] = True
    commits: ClassVar[bool] = True
