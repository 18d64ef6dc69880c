"""Detection of truncated files, by the size that a container states in its headers."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import BinaryIO

EBML_HEADER = b"\x1a\x45\xdf\xa3"
SEGMENT = b"\x18\x53\x80\x67"
MAX_BOXES = 10_000


def missing_bytes(path: str) -> int:
    """Bytes missing at the end of a file; 0 for complete files, unknown formats and files still being written.

    Reads MP4/MOV (ISO/IEC 14496-12, 4.2), Matroska/WebM (RFC 8794) and AVI (RIFF) headers only.
    """
    if not Path(path).is_file():
        return 0
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        head = file.read(12)
        if head[:4] == EBML_HEADER:
            stated = _matroska_end(file)
        elif head[:4] == b"RIFF":
            stated = _riff_end(file, size)
        elif head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            stated = _boxes_end(file, size)
        else:
            stated = 0
    return max(stated - size, 0)


def _boxes_end(file: BinaryIO, size: int) -> int:
    """End of the last box that begins inside the file."""
    position = 0
    for _ in range(MAX_BOXES):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            # One to seven bytes are the truncated header of a box.
            return position + 8 if header else position
        length = struct.unpack_from(">I", header)[0]
        if length == 1 and len(header) == 16:
            length = struct.unpack_from(">Q", header, 8)[0]
        if length < 8:
            return position
        position += length
        if position >= size:
            return int(position)
    return 0


def _matroska_end(file: BinaryIO) -> int:
    """End of the segment; 0 when its size is unknown, as in live recordings."""
    file.seek(4)
    header_length = _ebml_length(file)
    if header_length is None:
        return 0
    file.seek(header_length, os.SEEK_CUR)
    if file.read(4) != SEGMENT:
        return 0
    length = _ebml_length(file)
    return 0 if length is None else file.tell() + length


def _ebml_length(file: BinaryIO) -> int | None:
    """A variable-length integer; None for the value that means unknown."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    width = 9 - first[0].bit_length()
    rest = file.read(width - 1)
    value = int.from_bytes(bytes([first[0] & (0xFF >> width)]) + rest, "big")
    return None if len(rest) < width - 1 or value == (1 << 7 * width) - 1 else value


def _riff_end(file: BinaryIO, size: int) -> int:
    """End of the last RIFF chunk (large AVI files have several)."""
    position = 0
    for _ in range(MAX_BOXES):
        file.seek(position)
        header = file.read(8)
        if len(header) < 8 or header[:4] != b"RIFF":
            return position
        length = int(struct.unpack("<I", header[4:])[0])
        if not length:
            return 0
        position += 8 + length + length % 2
        if position >= size:
            return position
    return 0
