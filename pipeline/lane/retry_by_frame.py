"""`on_error: pass`: a packet that an unordered lane fails on is retried frame by frame.

Only the frames that fail again pass unprocessed. A payload type can be cut if it has `frame(index)`, and joined again
if it has `joined(parts)`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pipeline.lane.slot import Entry, Meter, Slot, StoppedError
from pipeline.stage import Job


def can_retry_by_frame(entry: Entry, exports: Sequence[type]) -> bool:
    """Whether a packet has several frames, its payloads can be cut, and the exports of the lane can be joined."""
    given = [kind for kind in entry.payloads if kind is not Job]
    cut = all(hasattr(kind, "frame") for kind in given)
    return entry.packet.frames > 1 and cut and all(hasattr(kind, "joined") for kind in exports)


def frame_by_frame(slots: Sequence[Slot], entry: Entry, exports: Sequence[type], meter: Meter) -> None:
    """Process the frames of a packet one at a time and join the payloads; a blank item replaces a frame that fails.

    Raises StoppedError if a stage has no blank item.
    """
    parts = [_one(slots, entry, index, meter) for index in range(entry.packet.frames)]
    for kind in exports:
        joined: Any = kind
        entry.payloads[kind] = joined.joined([part.payloads[kind] for part in parts])


def _one(slots: Sequence[Slot], entry: Entry, index: int, meter: Meter) -> Entry:
    packet = dataclasses.replace(entry.packet, first=entry.packet.first + index, frames=1)
    payloads = {kind: payload if kind is Job else payload.frame(index) for kind, payload in entry.payloads.items()}
    part, counts = Entry(packet, dict(payloads)), dict(meter.counts)
    try:
        for slot in slots:
            list(slot.apply(part, meter))
    except StoppedError as stopped:
        meter.poisoned.append(stopped.failure)
        meter.counts = counts
        part = Entry(packet, dict(payloads))
        for slot in slots:
            slot.forget()
            slot.blank(part)
    return part
