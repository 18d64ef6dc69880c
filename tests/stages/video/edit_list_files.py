"""Writes edit lists (ISO/IEC 14496-12, 8.6.6) into existing MP4 files, without a change of the coded data."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

Edit = tuple[float, float | None, float]
"""Duration in seconds, start in seconds of the track (None = an empty edit), and rate."""


def with_edits(source: Path, target: Path, tracks: Mapping[int, Sequence[Edit]]) -> Path:
    """Copy an MP4 file whose index is at its end, with new edits for some tracks (numbered from 0)."""
    data = source.read_bytes()
    boxes = {kind: (start, end) for kind, start, end in _boxes(data, 0, len(data))}
    start, end = boxes[b"moov"]
    assert boxes[b"mdat"][0] < start, "offsets of the data would move"
    parts = [(kind, data[s:e]) for kind, s, e in _boxes(data, start + 8, end)]
    head = next(part for kind, part in parts if kind == b"mvhd")
    assert head[8] == 0
    scale = struct.unpack_from(">I", head, 20)[0]
    number, made = 0, []
    for kind, part in parts:
        if kind == b"trak":
            part = _edited(part, tracks[number], scale) if number in tracks else part
            number += 1
        made.append(part)
    moov = b"".join(made)
    target.write_bytes(data[:start] + struct.pack(">I4s", len(moov) + 8, b"moov") + moov + data[end:])
    return target


def _edited(trak: bytes, edits: Sequence[Edit], movie_scale: int) -> bytes:
    """The track box with a new edit list; without one if there are no edits."""
    inner = [(kind, trak[s:e]) for kind, s, e in _boxes(trak, 8, len(trak)) if kind != b"edts"]
    mdia = next(part for kind, part in inner if kind == b"mdia")
    mdhd = next(mdia[s:e] for kind, s, e in _boxes(mdia, 8, len(mdia)) if kind == b"mdhd")
    scale = struct.unpack_from(">I", mdhd, 20)[0]
    rows = b"".join(
        struct.pack(
            ">Iii",
            round(seconds * movie_scale),
            -1 if begin is None else round(begin * scale),
            round(rate * 65536),
        )
        for seconds, begin, rate in edits
    )
    elst = struct.pack(">I4sII", 16 + len(rows), b"elst", 0, len(edits)) + rows
    edts = struct.pack(">I4s", 8 + len(elst), b"edts") + elst
    parts = [part for _, part in inner]
    parts.insert(1, edts if edits else b"")
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), b"trak") + content


def _boxes(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        yield kind, start, start + length
        start += length
