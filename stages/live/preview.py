"""Draws as `render` does, and shows the result on a web page whose viewers can change the style."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.stage import Job, Stage
from stages.bodies.body_paints import BodyPaints
from stages.drawing.render import Render
from stages.live.latest_frame import LatestFrame
from stages.live.page import Page
from stages.live.page_access import token_for
from stages.live.payloads import Captured
from stages.live.view_style import StyleSwitcher
from stages.payloads import Bodies, FrameChunk, Overlay, People, Surfaces


class Preview(Stage):
    """Draws people into the frames in the configured style, or in the one that a viewer of the page has chosen."""

    optional_stages = (*Render.optional_stages, "paint_live")

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        render: the style at the start: the `render:` section.
        host: the address that the page is bound to; any other than a loopback address requires a token.
        port: of the page; None = no page.
        token: viewers must give it; None = no token for a loopback address, a random one otherwise.
        quality: of the JPEG images sent, 1..100.
        max_size: longest side of the images sent, in pixels; the recorded result keeps its size.
        """

        render: Render.Config = field(default_factory=Render.Config)
        host: str = "127.0.0.1"
        port: int | None = 8765
        token: str | None = None
        quality: int = 80
        max_size: int | None = 1280

        def __post_init__(self) -> None:
            """Makes a token where one is required. Raises ValueError for a number out of range."""
            if not self.host:
                raise ValueError("host is empty, must be an address of this machine, or 0.0.0.0 for all it has")
            if self.port is not None and not 1 <= self.port <= 65535:
                raise ValueError(f"port is {self.port}, must be from 1 to 65535")
            if not 1 <= self.quality <= 100:
                raise ValueError(f"quality is {self.quality}, must be from 1 to 100")
            if self.max_size is not None and self.max_size < 16:
                raise ValueError("max_size must be 16 or more")
            object.__setattr__(self, "token", token_for(self.host, self.token))

    @classmethod
    def needs(cls, config: Config) -> Sequence[str]:
        """As `render`, for the style at the start; with `auto` bodies are painted while frames come in time."""
        painted = "paint_live" if config.render.paint == "auto" else "paint_bodies"
        return tuple(painted if name == "paint_bodies" else name for name in Render.needs(config.render))

    @classmethod
    def result_settings(cls, config: Config) -> dict[str, Any]:
        """The style alone: the page, whose token may be a new one at each start, changes no frame."""
        return Render.result_settings(config.render)

    @classmethod
    def check_settings(cls, config: Config) -> None:
        """Raises StageError for an atlas or a logo that cannot be used."""
        Render.check_settings(config.render)

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Start the page. Raises StageError for an atlas that cannot be used, or a port that is in use."""
        super().__init__(config, threads=threads)
        self._latest = LatestFrame(quality=config.quality, max_size=config.max_size)
        self._switcher = StyleSwitcher(config.render, threads)
        self._page: Page | None = None
        if config.port is not None:
            self._page = Page(config.host, config.port, config.token, self._latest, self._switcher)

    def addresses(self) -> Sequence[str]:
        """The address of the page."""
        return () if self._page is None else (f"preview: {self._page.address('/', self.config.token)}",)

    def __call__(
        self,
        job: Job,
        frames: FrameChunk,
        people: People,
        surfaces: Surfaces,
        captured: Captured,
        bodies: Bodies | None = None,
        paints: BodyPaints | None = None,
    ) -> Iterator[Overlay]:
        """Draw the chunk's people and show its last frame."""
        overlay = self._switcher.draw(frames, people, surfaces, bodies, paints)
        self._latest.put(overlay.rgb_THW3[-1], captured, int((people.frame_N == len(frames) - 1).sum()))
        yield overlay

    def blank(self, job: Job, frames: FrameChunk, *others: Any) -> Overlay:
        """The frames without a drawing."""
        return Overlay(rgb_THW3=frames.rgb_THW3)

    def summary(self) -> Mapping[str, Any]:
        """`painted_by_body`, as of `render`."""
        return self._switcher.painted.shares()

    def close(self) -> None:
        """Stop the page."""
        if self._page is not None:
            self._page.close()
        self._switcher.close()
