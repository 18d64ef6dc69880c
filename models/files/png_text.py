"""PNG files without their oversized texts and colour profiles, which are compressed and can hold gigabytes of zeros.

Pillow refuses a file with such a chunk, and FFmpeg expands it. No pixel depends on them, so readers get the file
without these chunks.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import PngImagePlugin

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_TEXT = PngImagePlugin.MAX_TEXT_CHUNK
"""Bytes of one expanded text or profile; Pillow refuses more."""
ALL_TEXT = 8 * LARGEST_TEXT
"""Bytes of all of them together."""
PROFILE, TEXT, ZIPPED, INTERNATIONAL = b"iCCP", b"tEXt", b"zTXt", b"iTXt"
OVERHEAD = 12
"""Bytes of a chunk's length, name and checksum."""
HEAD_BYTES = 4096
"""A chunk's keyword and languages, before its text, are shorter."""
PIECE_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Name of a chunk, its place in the file with overhead, and the place of its content."""

    name: bytes
    whole: range
    content: range


def without_large_text(file: BinaryIO) -> tuple[BinaryIO, str]:
    """A PNG file without its oversized texts and profiles, and a sentence about that.

    Returns the file itself and "" for every other file. The position of the file is at its beginning.
    """
    large = list(_large_chunks(file))
    file.seek(0)
    if not large:
        return file, ""
    parts, begin = [], 0
    for chunk in large:
        parts.append(range(begin, chunk.whole.start))
        begin = chunk.whole.stop
    parts.append(range(begin, file.seek(0, io.SEEK_END)))
    kinds = {"colour profile" if chunk.name == PROFILE else "text" for chunk in large}
    sentence = f"the image is read without its {' and '.join(sorted(kinds))} (over {LARGEST_TEXT // 10**6} MB)"
    return io.BufferedReader(_Parts(file, [part for part in parts if part])), sentence


def left_out_text(path: str | Path) -> str:
    """The sentence of `without_large_text` for a file; "" for one that cannot be opened."""
    try:
        with open(path, "rb") as file:
            return without_large_text(file)[1]
    except OSError:
        return ""


def _large_chunks(file: BinaryIO) -> Iterator[_Chunk]:
    left = ALL_TEXT
    for chunk in _chunks(file):
        if chunk.name in (PROFILE, TEXT, ZIPPED, INTERNATIONAL):
            most = min(LARGEST_TEXT, left)
            size = _expanded_size(file, chunk, most)
            if size > most:
                yield chunk
            else:
                left -= size


def _chunks(file: BinaryIO) -> Iterator[_Chunk]:
    """All chunks of a PNG file, up to the first that is not whole; none of another file."""
    file.seek(0)
    if file.read(len(SIGNATURE)) != SIGNATURE:
        return
    begin, size = len(SIGNATURE), file.seek(0, io.SEEK_END)
    while begin + OVERHEAD <= size:
        file.seek(begin)
        length, name = struct.unpack(">I4s", file.read(8))
        end = begin + OVERHEAD + length
        if end > size:
            return
        yield _Chunk(name, range(begin, end), range(begin + 8, end - 4))
        begin = end


def _expanded_size(file: BinaryIO, chunk: _Chunk, most: int) -> int:
    """Bytes of a chunk's content after decompression; a number above `most` as soon as there are more."""
    length = len(chunk.content)
    file.seek(chunk.content.start)
    begin = _begin_of_packed(chunk.name, file.read(min(length, HEAD_BYTES)))
    if begin is None:
        return length
    file.seek(chunk.content.start + begin)
    unpacker, left, size = zlib.decompressobj(), length - begin, 0
    while left > 0 and size <= most:
        piece = file.read(min(left, PIECE_BYTES))
        left -= len(piece)
        try:
            while piece and size <= most:
                size += len(unpacker.decompress(piece, PIECE_BYTES))
                piece = unpacker.unconsumed_tail
        except zlib.error:  # a damaged text; readers take what comes before the damage
            break
        if not piece and unpacker.eof:
            break
    return max(size, length)


def _begin_of_packed(name: bytes, head: bytes) -> int | None:
    """Where the compressed data of a chunk begin (PNG, 11.3.3 and 11.3.4); None where nothing is compressed."""
    keyword = head.find(b"\0")
    if name == TEXT or keyword < 0:
        return None
    if name != INTERNATIONAL:
        return keyword + 2
    if head[keyword + 1 : keyword + 2] != b"\1":
        return None
    language = head.find(b"\0", keyword + 3)
    translated = head.find(b"\0", language + 1)
    return None if min(language, translated) < 0 else translated + 1


class _Parts(io.RawIOBase):
    """Some parts of a file, one after the other, as a file."""

    def __init__(self, file: BinaryIO, parts: list[range]) -> None:
        super().__init__()
        self._file, self._parts = file, parts
        self._size = sum(map(len, parts))
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(begin + offset, 0)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        offset = self._position
        for part in self._parts:
            if offset < len(part):
                self._file.seek(part.start + offset)
                found = self._file.read(min(len(buffer), len(part) - offset))
                buffer[: len(found)] = found
                self._position += len(found)
                return len(found)
            offset -= len(part)
        return 0
