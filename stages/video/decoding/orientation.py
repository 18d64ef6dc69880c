"""Turning frames upright: display matrices of videos and EXIF orientations of photos as one of eight moves."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.buffer import Buffer
from av.sidedata.sidedata import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Orientation:
    """Transpose first, then mirror left–right, then mirror top–bottom."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height after the turn."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, rgb_HW3: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The turned picture; the same array when there is nothing to do."""
        result = cv2.transpose(rgb_HW3) if self.transpose else rgb_HW3
        if self.mirror_x or self.mirror_y:
            axis = -1 if self.mirror_x and self.mirror_y else int(self.mirror_x)
            result = cv2.flip(result, axis)
        return np.asarray(result, dtype=np.uint8)


UPRIGHT = Orientation()

EXIF_ORIENTATIONS = {
    1: UPRIGHT,
    2: Orientation(mirror_x=True),
    3: Orientation(mirror_x=True, mirror_y=True),
    4: Orientation(mirror_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror_x=True),
    7: Orientation(transpose=True, mirror_x=True, mirror_y=True),
    8: Orientation(transpose=True, mirror_y=True),
}
"""EXIF tag 0x0112 to the move that makes the stored picture upright (CIPA DC-008, 4.6.5.1.6)."""


def orientation_of_matrix(matrix: bytes) -> Orientation:
    """The quarter turn and mirroring nearest to a display matrix.

    Args:
        matrix: nine little-endian int32 of the ISO/IEC 14496-12 track matrix {a, b, u, c, d, v, x, y, w}:
            a stored pixel (x, y) is shown at (a·x + c·y, b·x + d·y).
    """
    a, b, _, c, d = struct.unpack_from("<5i", matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(mirror_x=a < 0, mirror_y=d < 0)
    return Orientation(transpose=True, mirror_x=c < 0, mirror_y=b < 0)


def is_quarter_turn(matrix: bytes) -> bool:
    """False for matrices that also tilt the picture, which cannot be undone without resampling it."""
    a, b, _, c, d = struct.unpack_from("<5i", matrix)
    large, small = max(abs(a), abs(b)), min(abs(a), abs(b))
    return small * 20 <= large and min(abs(c), abs(d)) * 20 <= max(abs(c), abs(d))


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
