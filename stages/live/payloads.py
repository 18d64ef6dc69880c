"""Payloads of live stages, in addition to the frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Capture time of a live frame, and the counters of its source.

    Attributes:
        captured_s: when the frame's data arrived, seconds since 1970.
        received, dropped: frames received so far, and frames that newer ones replaced before they were used.
        reconnects: how often the connection was lost and made again.
    """

    captured_s: float
    received: int
    dropped: int
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    """Values measured during a run, by name; the runner keeps the newest of each."""

    gauges: Mapping[str, float]
    is_receipt: ClassVar[bool] = True
