"""Textures by fitted bodies in live runs: bodies are fitted and painted only while frames come in time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.stage import Stage
from stages.bodies.body_paints import BodyPaints
from stages.bodies.fit import FitBodies
from stages.bodies.paint_bodies import PaintBodies
from stages.live.payloads import Captured
from stages.live.timing import LatencyPause
from stages.payloads import Bodies, FrameChunk, People, Surfaces


class PaintLive(Stage):
    """Fits bodies and computes paints from them, as `paint_bodies` does; while frames come late, it does neither.

    If another stage of the run needs fitted bodies, `fit` runs, too, and its bodies are used here.
    """

    ordered = True
    optional_stages = ("fit",)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """How bodies are fitted and painted.

        Attributes:
            fit: the `fit:` section; its `look_ahead` is ignored, so that live frames do not wait for later ones.
            paint_bodies: the `paint_bodies:` section; its `fit` is that above.
        """

        fit: FitBodies.Config = field(default_factory=FitBodies.Config)
        paint_bodies: PaintBodies.Config = field(default_factory=PaintBodies.Config)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """A new stream without people."""
        super().__init__(config, threads=threads)
        self._pauses = LatencyPause()
        fit = replace(config.fit, look_ahead=0)
        self._paint = PaintBodies(replace(config.paint_bodies, fit=fit), threads=threads)
        self._frames = self._late = 0

    def __call__(
        self, frames: FrameChunk, people: People, surfaces: Surfaces, captured: Captured, bodies: Bodies | None = None
    ) -> Iterator[BodyPaints]:
        """The paints of a chunk's people; None for all of them while frames come late.

        Raises StageError for a focal length that is impossible for these frames.
        """
        self._frames += len(frames)
        if self._pauses(captured.captured_s, captured.received, captured.dropped):
            self._late += len(frames)
            yield BodyPaints.of_nobody(surfaces)
            return
        yield from self._paint(frames, people, surfaces, bodies)

    def blank(self, frames: FrameChunk, people: People | None, surfaces: Surfaces | None, *others: Any) -> BodyPaints:
        """No paint for any person."""
        return BodyPaints.of_nobody(surfaces)

    def state(self) -> bytes:
        """The state of the painting. After a restart, lateness is measured anew."""
        return self._paint.state()

    def restore(self, state: bytes) -> None:
        """Continue from what `state` returned."""
        self._paint.restore(state)

    def summary(self) -> Mapping[str, Any]:
        """`notes`: in how many frames textures were painted by the surface because frames came late."""
        if not self._late:
            return {}
        late = f"in {self._late} of {self._frames} frames textures were painted without fitted bodies"
        remedy = "lower live_decode.max_size, or set render.paint=surface, which fits no bodies"
        return {"notes": [f"{late}, because frames came late; {remedy}"]}
