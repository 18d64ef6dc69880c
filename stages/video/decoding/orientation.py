"""Orientation: rotates frames upright by the display matrix of a video or the EXIF orientation of a photo."""

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
    """One of eight orientations: transpose first, then flip horizontally, then flip vertically."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height of the upright frame."""
        return (height, width) if self.transpose else (width, height)

    def apply(self, rgb_HW3: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The upright frame; the same array when it is upright already."""
        result = cv2.transpose(rgb_HW3) if self.transpose else rgb_HW3
        if self.flip_x or self.flip_y:
            axis = -1 if self.flip_x and self.flip_y else int(self.flip_x)
            result = cv2.flip(result, axis)
        return np.asarray(result, dtype=np.uint8)


UPRIGHT = Orientation()

EXIF_ORIENTATIONS = {
    1: UPRIGHT,
    2: Orientation(flip_x=True),
    3: Orientation(flip_x=True, flip_y=True),
    4: Orientation(flip_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, flip_x=True),
    7: Orientation(transpose=True, flip_x=True, flip_y=True),
    8: Orientation(transpose=True, flip_y=True),
}
"""By the value of EXIF tag 0x0112 (CIPA DC-008, 4.6.5.1.6)."""


def orientation_of_matrix(matrix: bytes) -> Orientation:
    """The orientation nearest to a display matrix.

    Args:
        matrix: nine little-endian int32 of the ISO/IEC 14496-12 track matrix {a, b, u, c, d, v, x, y, w}:
            a stored pixel (x, y) is shown at (a·x + c·y, b·x + d·y).
    """
    a, b, _, c, d = struct.unpack_from("<5i", matrix)
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Orientation(flip_x=a < 0, flip_y=d < 0)
    return Orientation(transpose=True, flip_x=c < 0, flip_y=b < 0)


def is_quarter_turn(matrix: bytes) -> bool:
    """False for matrices with a rotation by less than 90°, which would need resampling."""
    a, b, _, c, d = struct.unpack_from("<5i", matrix)
    large, small = max(abs(a), abs(b)), min(abs(a), abs(b))
    return small * 20 <= large and min(abs(c), abs(d)) * 20 <= max(abs(c), abs(d))


def _unnamed(kinds: type[Type], number: object) -> Any:
    """An enum member of PyAV's side data types for a number without one."""
    kind: Any = object.__new__(kinds)
    kind._name_, kind._value_ = f"UNNAMED_{number}", number
    return kind


# PyAV looks up the type of every side data of a frame before it returns any, and lacks FFmpeg's newest types. So one
# unknown type, such as a camera's EXIF, would raise an error for all of them.
setattr(Type, "_missing_", classmethod(_unnamed))  # noqa: B010 (mypy rejects an assignment)


def display_matrix(frame: av.VideoFrame) -> bytes | None:
    """The display matrix of a frame, from container, codec or EXIF; None without one."""
    data = frame.side_data.get(Type.DISPLAYMATRIX.name)
    return bytes(data) if isinstance(data, Buffer) else None
