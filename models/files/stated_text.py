"""A text inside of files, beside their content: a chunk of a PNG, an array of an npz."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np

AFTER_HEADER = 33
"""Bytes of a PNG's signature and its first chunk, IHDR."""
ARRAY = "provenance"
"""The array of an npz that holds the text."""


def png_with_text(png: bytes, text: str, keyword: str = "Software") -> bytes:
    """A PNG with a text in UTF-8 (chunk iTXt, not compressed), which viewers show under its keyword.

    >>> from models.files.png_image import png_of
    >>> b"Software" in png_with_text(png_of(np.zeros((2, 3), np.uint8)), "made by a test")
    True
    """
    body = b"iTXt" + keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:AFTER_HEADER] + chunk + png[AFTER_HEADER:]


def npz_with_text(npz: bytes, text: str) -> bytes:
    """An npz with a text as the array `provenance`: `str(numpy.load(file)["provenance"])` reads it."""
    array = BytesIO()
    np.save(array, np.array(text))
    buffer = BytesIO(npz)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(f"{ARRAY}.npy")  # its date is that of all entries of an npz, so that files are the same
        entry.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(entry, array.getvalue())
    return buffer.getvalue()


WITH_TEXT: dict[str, Callable[[bytes, str], bytes]] = {".png": png_with_text, ".npz": npz_with_text}
"""How a text gets into a file, by its suffix."""
