"""One connection to a live source, whatever its kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from stages.live.address import Address
from stages.live.camera import CameraFeed
from stages.live.growing import grows
from stages.live.media import MediaFeed
from stages.live.pictures import Shot
from stages.live.settings import SourceSettings
from stages.video.decoding.color_conversion import ColorTags


class Feed(Protocol):
    """An open connection.

    Attributes:
        rate: nominal frames a second.
        tags: colour; known from the first frame on.
        note, damage: what is to be said of its end, known after it; empty where there is nothing.
    """

    rate: Fraction | None
    tags: ColorTags
    note: str
    damage: str

    @property
    def reached_s(self) -> float | None:
        """How far a recording on a server was given, seconds from its beginning; None for what has no end."""
        ...

    def __iter__(self) -> Iterator[Shot]:
        """Frames until the source is over. Raises StageError when the connection is lost."""
        ...

    def close(self) -> None:
        """Release it."""
        ...


def open_feed(
    address: Address,
    settings: SourceSettings,
    threads: int,
    stopped: threading.Event,
    *,
    resume_s: float | None = None,
) -> Feed:
    """Connect to a source.

    Args:
        threads: of the decoder.
        stopped: set when nobody wants the frames any more.
        resume_s: where a recording goes on that was lost there (`Feed.reached_s`), if its server knows how.

    Raises:
        StageError: it cannot be reached, or is no video.
    """
    if address.kind == "camera":
        return CameraFeed(address.target, settings.camera)
    if address.kind == "stream":
        return MediaFeed(address.target, "stream", settings, threads, stopped, resume_s=resume_s)
    follow = settings.file == "follow" or (settings.file == "auto" and grows(address.target, stopped))
    return MediaFeed(address.target, "follow" if follow else "play", settings, threads, stopped)
