"""Films whose containers ask for a part of their pictures."""

from __future__ import annotations

from pathlib import Path

import av


def with_crop(source: Path, target: Path, *, top: int = 0, bottom: int = 0, left: int = 0, right: int = 0) -> Path:
    """A copy of a Matroska film made by FFmpeg that asks to cut off rows and columns (at most 127 each).

    The elements take the room of three that FFmpeg writes behind the size of the pictures, one of them outside.
    """
    data = bytearray(source.read_bytes())
    room = bytes.fromhex("54b28104 55ee8100 ec01000000000000020000")
    start = data.index(room)
    assert data[start - 8 : start - 5] == b"\xe0\x8a\xb0" and data[start - 3] == 0xBA
    elements = b"\x54\xcc\x81%c\x54\xdd\x81%c\x54\xaa\x81%c\x54\xbb\x81%c" % (left, right, bottom, top)
    data[start - 7] = 0x80 | 6 + len(elements)
    data[start : start + len(room)] = elements + b"\xec\x81\x00"
    target.write_bytes(data)
    return target


def in_container(source: Path, target: Path, *, rotation: int = 0) -> Path:
    """The same video in another kind of file, which FFmpeg makes ask for the same part."""
    with av.open(str(source)) as before, av.open(str(target), "w") as after:
        stream = before.streams.video[0]
        copy = after.add_stream_from_template(stream)
        if rotation:
            copy.set_display_rotation(rotation)
        for packet in before.demux(stream):
            if packet.size:
                packet.stream = copy
                after.mux(packet)
    return target
