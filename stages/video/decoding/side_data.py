"""What a frame carries beside its pixels, whatever else comes with it."""

from __future__ import annotations

from typing import Any

import av
from av.buffer import Buffer
from av.sidedata.sidedata import Type


def _unnamed(kinds: type[Type], number: object) -> Any:
    """A member of PyAV's list of kinds for a number that has none, as `enum` asks for one."""
    kind: Any = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNNAMED_{number}", number
    return kind


# PyAV names each kind that a frame carries before it gives any, and its list ends before FFmpeg's does. So one kind
# without a name, such as a camera's EXIF, would hide all the others, and end the run.
setattr(Type, "_missing_", classmethod(_unnamed))  # noqa: B010 (an assignment is not what the type says)


def display_matrix(frame: av.VideoFrame) -> bytes | None:
    """The matrix that says how a frame is to be shown, from container, codec or EXIF; None when it is upright."""
    data = frame.side_data.get(Type.DISPLAYMATRIX.name)
    return bytes(data) if isinstance(data, Buffer) else None
