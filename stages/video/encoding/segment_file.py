"""The file that FFmpeg writes a segment to through PyAV, which keeps the error of a full disk until it is asked for."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from stages.video.encoding.atomic_writes import sync_file


class SegmentFile:
    """A new file for PyAV. Its methods never raise: after an error they do nothing, and `check` raises the error.

    FFmpeg also writes where no error is expected, such as from a destructor. PyAV prints an exception of such a write,
    or raises it in a later call that has nothing to do with this file.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file cannot be made."""
        self._file = path.open("wb")
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write bytes."""
        if self._error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._error = error
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position, which writes buffered bytes."""
        if self._error is None:
            try:
                return self._file.seek(offset, whence)
            except OSError as error:
                self._error = error
        return 0

    def tell(self) -> int:
        """The position."""
        return 0 if self._error is not None else self._file.tell()

    def check(self) -> None:
        """Raises the OSError of an earlier write."""
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        """Sync the file to disk and close it. Raises OSError."""
        self.check()
        sync_file(self._file)
        self._file.close()

    def discard(self) -> None:
        """Close the file, whose content is not needed."""
        with suppress(OSError):  # buffered bytes that the disk does not take
            self._file.close()
