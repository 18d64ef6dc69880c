"""Inputs in memory: frames or images that a Python program passes in place of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FramesInMemory:
    """Frames or images of a calling program; the stage `memory_source` reads them.

    Attributes:
        frames: an image, a stack of images, or an iterable of images.
        channels: the order of the channels of arrays: `rgb` or `bgr`.
        rate: frames per second of a film; None = single images, each on its own.
    """

    frames: Any
    channels: str = "rgb"
    rate: float | None = None
