"""Reads whole files from users, up to a size."""

from __future__ import annotations

import stat
from pathlib import Path


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a file of at most `most` bytes.

    Raises: ValueError for a larger file, or for something that is no regular file, such as a device or a pipe, which
        may have no end; OSError if it cannot be opened.
    """
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise ValueError("it is no regular file")
    if facts.st_size > most:
        raise ValueError(f"it is larger than {most >> 20} MiB")
    with path.open("rb") as file:
        return file.read(facts.st_size)
