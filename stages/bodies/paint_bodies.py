"""Painting through bodies: charts, U and V of each person from the fitted body, for textures without tears."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from models.body.fitted_body import FittedBody
from models.fitting.track_fit import TrackFitSettings
from models.painting.body_paint import PaintMemory, PointFlowSearch, body_paint
from models.time_steps import FRAME_S, FrameTime
from pipeline.stage import Stage
from stages.bodies.body_paints import BodyPaints, PersonPaint
from stages.bodies.carried_points import CarriedPoints, StatedMotion
from stages.bodies.fit import FitBodies
from stages.bodies.largest_people import largest_people
from stages.bodies.things_before import FORGET_S, ThingsBefore
from stages.bodies.waiting_people import WaitingPeople, waiting_from_arrays, waiting_to_arrays
from stages.payloads import Bodies, FrameChunk, People, PersonSurface, Surfaces
from stages.people.point_flow import SmallFrame
from stages.people.surface_arrays import NamedArrays, arrays_from_bytes, arrays_to_bytes

REMEMBERED = ("network_Q", "vertex_K", "pixel_K2")
"""The arrays of a person's memory."""
FIT_PERIOD_S = 0.05
"""Seconds between two fits of a person for painting alone. Between them the warp follows the person."""
TRACKING = TrackFitSettings(check_seconds=math.inf)
"""A limb that points to the wrong side in depth is painted all the same, so it is not looked for."""


class PaintBodies(Stage):
    """Surfaces and fitted bodies in; out comes where a texture belongs on each person who has a body.

    Surfaces themselves stay as they are: only textures are drawn by the result. Where nothing else in the run needs
    fitted bodies, they are fitted here, as `fit` does but less often. Nobody else sees them: exports do not change.
    """

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Who is painted through the body.

        Attributes:
            least_height: smaller people are painted by their surface, pixels.
            most_people: in frames with more people the largest are painted through the body.
            fit: the `fit:` section, for bodies that are fitted here.
        """

        least_height: int = 60
        most_people: int = 8
        fit: FitBodies.Config = field(default_factory=FitBodies.Config)

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
        self._things = ThingsBefore()
        self.now = FrameTime()
        self.before: SmallFrame | None = None
        self.waiting: deque[WaitingPeople] = deque()
        most = min(config.fit.most_people, config.most_people)
        fit = replace(config.fit, most_people=most)
        self._fit = FitBodies(
            fit, threads=threads, least_height=config.least_height, period_s=FIT_PERIOD_S, settings=TRACKING
        )

    def __call__(
        self, frames: FrameChunk, people: People, surfaces: Surfaces, bodies: Bodies | None = None
    ) -> Iterator[BodyPaints]:
        """The paints of all chunks whose bodies are known by now.

        Raises StageError for a focal length that is impossible for these frames.
        """
        things = self._things(frames, people, surfaces, self.config.least_height)
        seen = WaitingPeople.of(frames, people, surfaces, things)
        if bodies is not None:
            yield self._paints(seen, bodies)
            return
        self.waiting.append(seen)
        yield from map(self._paints_of_oldest, self._fit(frames, people, surfaces))

    def flush(self) -> Iterator[BodyPaints]:
        """The chunks whose bodies still wait for later frames."""
        yield from map(self._paints_of_oldest, self._fit.flush())

    def _paints_of_oldest(self, bodies: Bodies) -> BodyPaints:
        return self._paints(self.waiting.popleft(), bodies)

    def _paints(self, seen: WaitingPeople, bodies: Bodies) -> BodyPaints:
        """The paints of a chunk's people, in order."""
        surfaces = seen.surfaces.people
        painted: list[PersonPaint | None] = [None] * len(surfaces)
        for t, second in enumerate(seen.second_T):
            now = seen.image_T[t] if seen.image_T else None
            here = np.flatnonzero(seen.frame_N == t).tolist()
            self._begin_frame(second)
            flow = None if self.before is None or now is None else CarriedPoints(before=self.before, now=now)
            self.before = now
            fitted = dict(zip(here, bodies.of_people(t, len(here)), strict=True))
            known = [n for n in here if seen.still or seen.id_N[n] >= 0]
            large = largest_people([surfaces[n] for n in known], self.config.least_height)
            for n in sorted(known[index] for index in large[: self.config.most_people]):
                body = fitted[n]
                if body is None:
                    continue
                identity = -1 if seen.still else int(seen.id_N[n])
                paint = self._painted(identity, surfaces[n], body, flow)
                painted[n] = None if paint is None else paint.without(seen.thing_N[n])
        return BodyPaints(people=tuple(painted))

    def blank(
        self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None, bodies: Bodies | None = None
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

    def _begin_frame(self, second: float) -> None:
        """Advance the time, and drop what is known of people who have not been painted for long."""
        self.now = self.now.next(second)
        self.memory = {key: one for key, one in self.memory.items() if self.now.within(one[0], FORGET_S)}

    def state(self) -> bytes:
        """What is remembered of each person, the last frame as a small image, the state of the fit, and the people who
        wait for it, exactly."""
        known = self.memory
        arrays: NamedArrays = {
            "whole": np.array([(key, one.by_surface) for key, (_, one) in known.items()], np.int64).reshape(-1, 2),
            "seen_s": np.array([second for second, _ in known.values()]),
            "clock": np.array([self.now.second, self.now.before]),
            "fit": np.frombuffer(self._fit.state(), np.uint8),
            **self._things.to_arrays(),
            **waiting_to_arrays(self.waiting),
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
        self._fit.restore(arrays["fit"].tobytes())
        self._things.restore(arrays)
        self.waiting = deque(waiting_from_arrays(arrays))
        second, before = arrays["clock"].tolist()
        self.now, self.before = FrameTime(second=second, before=before), None
        if "before" in arrays:
            self.before = SmallFrame(grey_hw=arrays["before"], step=int(arrays["step"]))
