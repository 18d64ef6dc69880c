"""Opens one connection to a live source: a camera, a stream or a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from stages.live.address import Address
from stages.live.camera import CameraSource
from stages.live.connection_loss import is_growing
from stages.live.ffmpeg_source import FfmpegSource
from stages.live.frames import LiveFrame
from stages.live.source_settings import SourceSettings
from stages.video.decoding.color_conversion import ColorTags


class LiveSource(Protocol):
    """An open connection.

    Attributes:
        rate: nominal frames a second; None if unknown.
        tags: colour; known from the first frame on.
        note, damage: remarks on how the source ended, known after its end; empty if there are none.
    """

    rate: Fraction | None
    tags: ColorTags
    note: str
    damage: str

    @property
    def reached_s(self) -> float | None:
        """Position in a recording on a server, seconds from its beginning; None for a source without an end."""
        ...

    def __iter__(self) -> Iterator[LiveFrame]:
        """Frames until the source ends. Raises StageError when the connection is lost."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


def open_source(
    address: Address,
    settings: SourceSettings,
    threads: int,
    stopped: threading.Event,
    *,
    resume_s: float | None = None,
) -> LiveSource:
    """Connect to a source.

    Args:
        threads: of the decoder.
        stopped: set when no more frames are wanted.
        resume_s: position at which a lost recording continues (`LiveSource.reached_s`), if its server can seek.

    Raises:
        StageError: the source cannot be reached, or is not a video.
    """
    if address.kind == "camera":
        return CameraSource(address.target, settings.camera)
    if address.kind == "stream":
        return FfmpegSource(address.target, "stream", settings, threads, stopped, resume_s=resume_s)
    follow = settings.file == "follow" or (settings.file == "auto" and is_growing(address.target, stopped))
    return FfmpegSource(address.target, "follow" if follow else "play", settings, threads, stopped)
