"""A packet that a lane without order fails on, frame by frame: only the frames at fault go through unprocessed.

A payload type that has a `frame(index)` can be cut, one that has a `joined(parts)` can be put together again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from pipeline.slot import Entry, Meter, Slot, StoppedError
from pipeline.stage import Job


def can_retry_by_frame(entry: Entry, exports: Sequence[type]) -> bool:
    """Whether a packet has several frames, its payloads can be cut, and what the lane makes of them can be joined."""
    given = [kind for kind in entry.payloads if kind is not Job]
    cut = all(hasattr(kind, "frame") for kind in given)
    return entry.packet.frames > 1 and cut and all(hasattr(kind, "joined") for kind in exports)


def frame_by_frame(slots: Sequence[Slot], entry: Entry, exports: Sequence[type], meter: Meter) -> None:
    """Give a packet the payloads that the stages make of its frames one at a time; blank ones where they fail.

    Raises StoppedError where a stage has no blank item.
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
