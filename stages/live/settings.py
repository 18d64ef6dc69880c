"""How a live source is opened and watched: data that stages put into their own configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MOST_WATCHDOG_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """What is asked of a camera; it may give something else. None leaves the choice to the camera.

    Attributes:
        width, height: pixels.
        rate: frames a second.
        pixels: four letters of its format; many webcams reach their full rate at 1280×720 only with `MJPG`.
    """

    width: int | None = None
    height: int | None = None
    rate: float | None = None
    pixels: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a format that is not four letters."""
        if self.pixels is not None and len(self.pixels) != 4:
            raise ValueError(f"pixels is {self.pixels!r}, must be four letters such as MJPG")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """How a live source is opened and when it counts as lost.

    Attributes:
        watchdog_s: seconds without a frame after which a connection is given up and made anew (0.5..20).
        patient: whether a source that is not there at the start is waited for as a lost one is; without it a
            wrong address is an error at once.
        give_up_s: a source that is away for so many seconds is not looked for any more: the run ends with what it has,
            says so, and fails; null looks without end.
        file: `follow` a file that is being written, from its newest frame; `play` one that is whole, at the speed
            it was recorded; `auto` looks whether it grows.
        camera: what is asked of a camera.
        options: FFmpeg's own options of the protocol or format, e.g. `{rtsp_transport: udp}` or `{listen: 1}`.
    """

    watchdog_s: float = 10.0
    patient: bool = False
    give_up_s: float | None = None
    file: Literal["auto", "follow", "play"] = "auto"
    camera: CameraSettings = field(default_factory=CameraSettings)
    options: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        if not 0.5 <= self.watchdog_s <= MOST_WATCHDOG_S:
            raise ValueError(f"watchdog_s is {self.watchdog_s}, must be from 0.5 to {MOST_WATCHDOG_S:g}")
        if self.give_up_s is not None and self.give_up_s < 0:
            raise ValueError(f"give_up_s is {self.give_up_s}, must not be negative")
