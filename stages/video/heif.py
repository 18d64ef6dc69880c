"""What HEIF photos say about their orientation in EXIF, which FFmpeg reads and does not pass on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from stages.video.rotation import EXIF_TURNS, UPRIGHT, Turn

EXIF_ORIENTATION = 0x0112
BRANDS = frozenset({b"mif1", b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"avif", b"msf1"})
LONGEST_META = 2**22
LONGEST_EXIF = 2**20
"""Bytes that are looked at: real ones have some thousand."""
OWN_TURNS = (b"irot", b"imir")
"""Properties of a picture; where there is one it is what counts, and EXIF only repeats it (ISO/IEC 23008-12, 8.2)."""


def exif_turn(path: str) -> Turn:
    """The move that EXIF asks for in a HEIF file whose picture has no turn of its own; none for other files."""
    try:
        with Path(path).open("rb") as file:
            head = file.read(LONGEST_META)
            place = _exif_place(head)
            if place is None:
                return UPRIGHT
            file.seek(place[0])
            block = file.read(min(place[1], LONGEST_EXIF))
        # Four bytes say how many more lie before the header of TIFF.
        start = 4 + struct.unpack_from(">I", block)[0]
        exif = Image.Exif()
        exif.load(b"Exif\0\0" + block[start:])
        return EXIF_TURNS.get(exif.get(EXIF_ORIENTATION, 1), UPRIGHT)
    except (OSError, ValueError, SyntaxError, struct.error):
        return UPRIGHT


def _exif_place(head: bytes) -> tuple[int, int] | None:
    """Offset and length of the EXIF block in the file; None where there is none, or where it does not count."""
    boxes = dict(_boxes(head, 0, len(head)))
    if b"ftyp" not in boxes or b"meta" not in boxes:
        return None
    if head[boxes[b"ftyp"].start :][:4] not in BRANDS:
        return None
    meta = dict(_boxes(head, boxes[b"meta"].start + 4, boxes[b"meta"].stop))
    if not {b"iinf", b"iloc", b"iprp"} <= meta.keys():
        return None
    properties = dict(_boxes(head, meta[b"iprp"].start, meta[b"iprp"].stop)).get(b"ipco", range(0))
    if any(kind in OWN_TURNS for kind, _ in _boxes(head, properties.start, properties.stop)):
        return None
    exif = _exif_item(head, meta[b"iinf"])
    return None if exif is None else _location(head, meta[b"iloc"], exif, meta.get(b"idat"))


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, range]]:
    """(kind, where its content lies) of the boxes that follow each other (ISO/IEC 14496-12, 4.2)."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if length == 1 and start + 16 <= end:
            length, header = struct.unpack_from(">Q", data, start + 8)[0], 16
        length = length or end - start
        if length < header:
            return
        yield kind, range(start + header, min(start + length, end))
        start += length


def _exif_item(data: bytes, iinf: range) -> int | None:
    """Number of the item that is EXIF (8.11.6)."""
    entries = iinf.start + (6 if data[iinf.start] == 0 else 8)
    for kind, place in _boxes(data, entries, iinf.stop):
        version = data[place.start]
        if kind != b"infe" or version < 2:
            continue
        number, width = struct.unpack_from(">H" if version == 2 else ">I", data, place.start + 4)[0], 2 * (version - 1)
        if data[place.start + 6 + width :][:4] == b"Exif":
            return int(number)
    return None


def _location(data: bytes, iloc: range, wanted: int, idat: range | None) -> tuple[int, int] | None:
    """Offset and length of an item's first piece (8.11.3)."""
    position = iloc.start

    def number(width: int) -> int:
        nonlocal position
        position += width
        return int.from_bytes(data[position - width : position], "big")

    version = number(4) >> 24
    sizes = number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    for _ in range(number(4 if version == 2 else 2)):
        if position >= iloc.stop:
            return None
        item = number(4 if version == 2 else 2)
        inside = number(2) & 15 if version else 0
        number(2)
        base = number(base_size)
        pieces = [(number(index_size), number(offset_size), number(length_size)) for _ in range(number(2))]
        if item == wanted and pieces and inside < 2:
            return base + pieces[0][1] + (idat.start if inside and idat else 0), pieces[0][2]
    return None
