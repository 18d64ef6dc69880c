"""What live stages tell each other beside the frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Where the frame of a live chunk comes from in time, and how its source stands.

    Attributes:
        captured_s: when its data arrived, seconds since 1970.
        received, dropped: frames that the source gave so far, and those that newer ones replaced before their turn.
        reconnects: how often the source was lost and found again.
    """

    captured_s: float
    received: int
    dropped: int
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """Measured values of a run that goes on; the runner keeps the newest of each name."""

    gauges: Mapping[str, float]
    is_receipt: ClassVar[bool] = True
