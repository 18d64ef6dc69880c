"""Sink for callers from Python: one result per frame instead of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np

from models.files.png_image import png_of
from models.motion.people_states import PeopleStates
from models.motion.postures import StateChange, level_up
from pipeline.stage import Stage, StageError
from stages.payloads import TICKS_PER_S, U8, Bodies, FrameChunk, Overlay, People, Surfaces, VideoInfo
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.iuv import inds_image, iuv_image
from stages.results.formats.masks import mask_image
from stages.results.formats.part_colours import (
    dp_segm_image,
    leffa_image,
    magicanimate_image,
    parula_image,
    vid2densepose_image,
)
from stages.results.formats.writer import WHOLE_PEOPLE, EventSettings
from stages.results.people_with_surfaces import PeopleWithSurfaces

PICTURES: dict[str, Callable[[FrameResult], Any]] = {
    "iuv": iuv_image,
    "inds": inds_image,
    "masks": lambda result: mask_image(result, WHOLE_PEOPLE),
    "dp_segm": dp_segm_image,
    "magicanimate": magicanimate_image,
    "vid2densepose": vid2densepose_image,
    "leffa": leffa_image,
    "parula": parula_image,
    "animatediff": parula_image,
}
"""Kinds of exports that are an image of a frame alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One frame with all its results.

    Attributes:
        path: the input.
        index: its number among the processed frames, from 0.
        seconds: its time in the stream.
        rgb_HW3: the upright original, uint8.
        still: whether it is a single image.
        people: those in this frame, by falling score; `frame_N` is 0. They know their surfaces, for `to_coco` …
        surfaces: one per person, in the same order.
        overlay_HW3: the rendered frame, uint8; None if nothing renders.
        bodies: the fitted bodies of this frame; None if nothing is fitted (`frames.fitted`).
        state_changes: the states that begin or end, each with the person's identity (`frames.states`).
    """

    path: str
    index: int
    seconds: float
    rgb_HW3: U8
    people: PeopleWithSurfaces
    surfaces: Surfaces
    overlay_HW3: U8 | None = None
    bodies: Bodies | None = None
    state_changes: tuple[tuple[int, StateChange], ...] = ()
    still: bool = False
    is_receipt: ClassVar[bool] = True

    def picture(self, kind: str) -> U8:
        """The image that `--export KIND=FOLDER/` writes of this frame: (H, W, 3) RGB, or (H, W) of numbers.

        Args:
            kind: one of `PICTURES`; `masks:PART` is a mask of a part, such as `masks:clothes`.

        Raises StageError for another kind.
        """
        name, _, part = kind.partition(":")
        if name not in PICTURES or (part and name != "masks"):
            raise StageError(f"there is no picture {kind!r}", "", f"known: {', '.join(PICTURES)}")
        result = self.people.result(self.rgb_HW3, still=self.still)
        return mask_image(result, part) if part else PICTURES[name](result)

    def chunk(self) -> FrameChunk:
        """The frame as a chunk of its own at its time, as stages take it with `people` and `surfaces`."""
        one = FrameChunk.of_image(self.rgb_HW3)
        video = replace(one.video, path=self.path, still=self.still, time_base=Fraction(1, TICKS_PER_S))
        return replace(one, pts_T=np.array([round(self.seconds * TICKS_PER_S)]), first=self.index, video=video)

    def _repr_png_(self) -> bytes:
        """The rendered frame, or the original where nothing renders, as notebooks show it."""
        return png_of(self.rgb_HW3 if self.overlay_HW3 is None else self.overlay_HW3)


class Frames(Stage):
    """Chunks in, frames out, in order, to the caller."""

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """What the caller gets beside people and surfaces.

        Attributes:
            fitted: whether bodies are fitted.
            states: whether it is said when people raise their arms, sit, lie or have fallen, as `--export events` does.
            tilt_deg: for `states`: by how much the camera looks down, degrees (−80..80).
        """

        fitted: bool = False
        states: bool = False
        tilt_deg: float = 0.0

        def __post_init__(self) -> None:
            """Raises ValueError for an angle out of range."""
            EventSettings(tilt_deg=self.tilt_deg)

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """`fit` if the caller asks for bodies or states."""
        return ("fit",) if config.fitted or config.states else ()

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """No frames yet."""
        super().__init__(config, threads=threads)
        self._states = PeopleStates(level_up(config.tilt_deg))

    def __call__(
        self,
        frames: FrameChunk,
        people: People | None,
        surfaces: Surfaces | None,
        overlay: Overlay | None,
        bodies: Bodies | None = None,
    ) -> Iterator[Frame]:
        """Split a chunk into its frames; without a stage that finds people, people and surfaces are empty."""
        if not frames.first:
            self._states = PeopleStates(level_up(self.config.tilt_deg))
        for index in range(len(frames)):
            chosen = np.flatnonzero(people.frame_N == index) if people is not None else np.zeros(0, np.int64)
            here = Surfaces(people=tuple(surfaces.people[i] for i in chosen) if surfaces is not None else ())
            yield Frame(
                path=frames.video.path,
                index=frames.first + index,
                seconds=frames.second(index),
                rgb_HW3=frames.rgb_THW3[index],
                people=_people_of_frame(people, chosen, here, frames.video),
                surfaces=here,
                overlay_HW3=None if overlay is None else overlay.rgb_THW3[index],
                bodies=None if bodies is None else _bodies_of(bodies, index),
                state_changes=self._changes(frames.second(index), bodies, index),
                still=frames.video.still,
            )

    def _changes(self, second: float, bodies: Bodies | None, index: int) -> tuple[tuple[int, StateChange], ...]:
        if not self.config.states or bodies is None:
            return ()
        seen = {identity: body for identity, body in bodies.in_frame(index) if identity >= 0}
        return tuple(self._states.next_changes(second, seen))


def _bodies_of(bodies: Bodies, index: int) -> Bodies:
    """The bodies of one frame of a chunk, as those of a single frame."""
    return Bodies.of_frame(bodies.in_frame(index), bodies.person_N[bodies.frame_N == index].tolist())


def _people_of_frame(
    people: People | None, chosen_N: np.ndarray, here: Surfaces, video: VideoInfo
) -> PeopleWithSurfaces:
    """The chosen people, as those of a single frame."""
    if people is None:
        empty = np.zeros(0, np.int32)
        people = People(frame_N=empty, box_N4=np.zeros((0, 4), np.float32), score_N=np.zeros(0, np.float32), id_N=empty)
    frame_N = np.zeros(len(chosen_N), np.int32)
    return PeopleWithSurfaces.of(
        replace(people.some(chosen_N), frame_N=frame_N), here.people, video.height, video.width
    )
