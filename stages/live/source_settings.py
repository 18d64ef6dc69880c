"""Configuration of live sources: how they are opened, and when their connection counts as lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

MAX_WATCHDOG_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraSettings:
    """The mode that is requested from a camera; the camera may choose another. None leaves the choice to the camera.

    Attributes:
        width, height: pixels.
        rate: frames a second.
        fourcc: four letters of the pixel format; many webcams reach their full rate at 1280×720 only with `MJPG`.
    """

    width: int | None = None
    height: int | None = None
    rate: float | None = None
    fourcc: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a format that has not four letters."""
        if self.fourcc is not None and len(self.fourcc) != 4:
            raise ValueError(f"fourcc is {self.fourcc!r}, must be four letters such as MJPG")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSettings:
    """How a live source is opened, and when its connection counts as lost.

    Attributes:
        watchdog_s: a connection that gives no frame for this time is closed and made again (0.5..20).
        wait_at_start: True waits for a source that is not there at the first start of a run, as for a lost one; False
            makes a wrong address an error at once. A replaced process and a resumed run always wait.
        give_up_s: after this time without the source the run ends with exit code 1 and keeps what it has; None tries
            without end.
        file: `follow` reads a file that is being written, from its newest frame; `play` plays a complete file at its
            recorded speed; `auto` checks whether the file grows.
        camera: the mode that is requested from a camera.
        options: FFmpeg options of the protocol or format, e.g. `{rtsp_transport: udp}` or `{listen: 1}`.
    """

    watchdog_s: float = 10.0
    wait_at_start: bool = False
    give_up_s: float | None = None
    file: Literal["auto", "follow", "play"] = "auto"
    camera: CameraSettings = field(default_factory=CameraSettings)
    options: Mapping[str, str | int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raises ValueError for a number out of range."""
        if not 0.5 <= self.watchdog_s <= MAX_WATCHDOG_S:
            raise ValueError(f"watchdog_s is {self.watchdog_s}, must be from 0.5 to {MAX_WATCHDOG_S:g}")
        if self.give_up_s is not None and self.give_up_s < 0:
            raise ValueError(f"give_up_s is {self.give_up_s}, must not be negative")
