"""Draws as `render` does, and shows it on a web page whose viewers may change how."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pipeline.stage import Job, Stage
from stages.drawing.render import Render
from stages.live.access import is_loopback
from stages.live.looks import Looks
from stages.live.page import Page
from stages.live.payloads import Captured
from stages.live.showing import Showing
from stages.payloads import FrameChunk, Overlay, People, Surfaces


class Preview(Stage):
    """Frames with everyone drawn, as the configuration or a viewer of the page wants it."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Config:
        """Attributes:
        render: how it begins: the `render:` section.
        host: the address the page is bound to; anything but this machine itself needs a token.
        port: of the page; None serves none.
        token: who opens the page from elsewhere must know it; None makes one up where one is needed.
        quality: of the pictures sent, 1..100 (JPEG).
        max_size: longest side of the pictures sent, in pixels; the result itself keeps its size.
        """

        render: Render.Config = field(default_factory=Render.Config)
        host: str = "127.0.0.1"
        port: int | None = 8765
        token: str | None = None
        quality: int = 80
        max_size: int | None = 1280

        def __post_init__(self) -> None:
            """Makes up a token where one is needed. Raises ValueError for a number out of range."""
            if not self.host:
                raise ValueError("host is empty, must be an address of this machine, or 0.0.0.0 for all it has")
            if self.port is not None and not 1 <= self.port <= 65535:
                raise ValueError(f"port is {self.port}, must be from 1 to 65535")
            if not 1 <= self.quality <= 100:
                raise ValueError(f"quality is {self.quality}, must be from 1 to 100")
            if self.max_size is not None and self.max_size < 16:
                raise ValueError("max_size must be 16 or more")
            if self.token is None and not is_loopback(self.host):
                object.__setattr__(self, "token", secrets.token_urlsafe(16))

    @classmethod
    def fetch(cls, config: Config) -> None:
        """Say where the page will be. Raises StageError for an atlas or a logo that cannot be used."""
        Render.fetch(config.render)
        if config.port is not None:
            host = f"[{config.host}]" if ":" in config.host else config.host
            query = "" if config.token is None else f"?token={config.token}"
            sys.stderr.write(f"preview: http://{host}:{config.port}/{query}\n")

    def __init__(self, config: Config, *, threads: int = 1) -> None:
        """Begin to serve. Raises StageError for an atlas that cannot be used, or a port that is taken."""
        super().__init__(config, threads=threads)
        self._showing = Showing(quality=config.quality, max_size=config.max_size)
        self._looks = Looks(config.render, threads)
        self._page: Page | None = None
        if config.port is not None:
            self._page = Page(config.host, config.port, config.token, self._showing, self._looks)

    def __call__(
        self, job: Job, frames: FrameChunk, people: People, surfaces: Surfaces, captured: Captured
    ) -> Iterator[Overlay]:
        """The chunk's frames with its people drawn."""
        overlay = self._looks.draw(frames, people, surfaces)
        self._showing.put(overlay.rgb_THW3[-1], captured, int((people.frame_N == len(frames) - 1).sum()))
        yield overlay

    def blank(self, job: Job, frames: FrameChunk, *others: Any) -> Overlay:
        """The frames as they came."""
        return Overlay(rgb_THW3=frames.rgb_THW3)

    def close(self) -> None:
        """Stop serving."""
        if self._page is not None:
            self._page.close()
        self._looks.close()
