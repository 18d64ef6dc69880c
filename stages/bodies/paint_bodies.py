"""Painting through bodies: charts, U and V of each person from the fitted body, for textures without tears."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from models.body.fitted_body import FittedBody
from models.painting.body_paint import PaintMemory, PointFlowSearch, body_paint
from models.time_steps import FRAME_S, FrameTime
from pipeline.stage import Stage
from stages.bodies.body_paints import BodyPaints, PersonPaint
from stages.bodies.carried_points import CarriedPoints, StatedMotion
from stages.payloads import Bodies, FrameChunk, People, PersonSurface, Surfaces
from stages.people.point_flow import SmallFrame
from stages.people.surface_arrays import NamedArrays, arrays_from_bytes, arrays_to_bytes

REMEMBERED = ("network_Q", "vertex_K", "pixel_K2")
"""The arrays of a person's memory."""
FORGET_S = 0.98
"""Seconds without a person after which nothing is remembered of the person."""


class PaintBodies(Stage):
    """Surfaces and fitted bodies in; out comes where a texture belongs on each person who has a body.

    Surfaces themselves stay as they are: only textures are drawn by the result.
    """

    ordered = True

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Who is painted through the body.

        Attributes:
            least_height: smaller people are painted by their surface, pixels.
            most_people: in frames with more people the tallest are painted through the body.
        """

        least_height: int = 60
        most_people: int = 8

        def __post_init__(self) -> None:
            """Raises ValueError for a number out of range."""
            if self.least_height < 1:
                raise ValueError(f"least_height is {self.least_height}, must be 1 or more")
            if self.most_people < 1:
                raise ValueError(f"most_people is {self.most_people}, must be 1 or more")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream without people."""
        super().__init__(config, threads=threads)
        self.memory: dict[int, tuple[float, PaintMemory]] = {}
        self.now = FrameTime()
        self.before: SmallFrame | None = None

    def __call__(
        self, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies
    ) -> Iterator[BodyPaints]:
        """The paints of a chunk's people, in order."""
        painted: list[PersonPaint | None] = [None] * len(surfaces)
        for t in range(len(frames)):
            here = np.flatnonzero(people.frame_N == t).tolist()
            self._begin_frame(frames.second(t))
            now = SmallFrame.of(frames.rgb_THW3[t])
            flow = None if self.before is None else CarriedPoints(before=self.before, now=now)
            self.before = None if frames.video.still else now
            fitted = dict(zip(here, bodies.of_people(t, len(here)), strict=True))
            for n in self._tall({n: surfaces.people[n] for n in here if fitted[n] is not None}):
                body = fitted[n]
                assert body is not None
                identity = -1 if frames.video.still else int(people.id_N[n])
                painted[n] = self._painted(identity, surfaces.people[n], body, flow)
        yield BodyPaints(people=tuple(painted))

    def blank(
        self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None, bodies: Bodies | None
    ) -> BodyPaints:
        """No paint for any person."""
        return BodyPaints.of_nobody(surfaces)

    def _painted(
        self, identity: int, surface: PersonSurface, body: FittedBody, flow: CarriedPoints | None
    ) -> PersonPaint | None:
        """One person's paint, which is remembered under the identity, if there is one."""
        seen_s, memory = self.memory.get(identity, (self.now.second - FRAME_S, None))
        carry: PointFlowSearch | None = flow if surface.motion is None else StatedMotion(motion=surface.motion)
        carry = carry if memory and seen_s == self.now.before else None
        grid = surface.labels_hw, surface.uv_2hw, surface.confidence_hw, (surface.x0, surface.y0)
        paint = body_paint(*grid, body, memory, carry, self.now.filter_step(seen_s))
        if paint is None:
            return None
        if identity >= 0:
            self.memory[identity] = self.now.second, paint.memory
        return PersonPaint(
            labels_hw=paint.labels_hw, uv_2hw=paint.uv_2hw, body_share=paint.body_share,
            misfit=paint.memory.by_surface,
        )  # fmt: skip

    def _tall(self, fitted: dict[int, PersonSurface]) -> list[int]:
        """Those of one frame's people who are tall enough, and not too many of them, in order."""
        height = {n: int(np.count_nonzero(surface.labels_hw.any(axis=1))) for n, surface in fitted.items()}
        tall = [n for n in fitted if height[n] >= self.config.least_height]
        return sorted(sorted(tall, key=lambda n: -height[n])[: self.config.most_people])

    def _begin_frame(self, second: float) -> None:
        """Advance the time, and drop what is known of people who have not been painted for long."""
        self.now = self.now.next(second)
        self.memory = {key: one for key, one in self.memory.items() if self.now.within(one[0], FORGET_S)}

    def state(self) -> bytes:
        """What is remembered of each person, and the last frame as a small image, exactly."""
        known = self.memory
        arrays: NamedArrays = {
            "whole": np.array([(key, one.by_surface) for key, (_, one) in known.items()], np.int64).reshape(-1, 2),
            "seen_s": np.array([second for second, _ in known.values()]),
            "clock": np.array([self.now.second, self.now.before]),
        }
        for key, (_, one) in known.items():
            arrays |= {f"{name} {key}": getattr(one, name) for name in REMEMBERED}
        if self.before is not None:
            arrays |= {"before": self.before.grey_hw, "step": np.array(self.before.step)}
        return arrays_to_bytes(arrays)

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        arrays = arrays_from_bytes(state)
        self.memory = {
            key: (
                second,
                PaintMemory(by_surface=bool(by_surface), **{name: arrays[f"{name} {key}"] for name in REMEMBERED}),
            )
            for (key, by_surface), second in zip(arrays["whole"].tolist(), arrays["seen_s"].tolist(), strict=True)
        }
        second, before = arrays["clock"].tolist()
        self.now, self.before = FrameTime(second=second, before=before), None
        if "before" in arrays:
            self.before = SmallFrame(grey_hw=arrays["before"], step=int(arrays["step"]))
