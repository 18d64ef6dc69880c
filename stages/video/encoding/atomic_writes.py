"""Files that survive a power cut, and disks that are full."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import av

from pipeline.stage import StageError

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def sync_file(file: IO[Any]) -> None:
    """Wait until what was written to an open file is on the disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_and_rename(draft: Path, final: Path) -> None:
    """Give a whole file its name, durably and in one step."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(final)
    sync_folder(final.parent)


@contextmanager
def reported_write_errors(path: str) -> Iterator[None]:
    """Turn a disk that refuses into a StageError that names the output."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        if error.errno in NO_ROOM:
            raise StageError("the disk is full", path, "free some space, or write elsewhere with -o") from error
        if isinstance(error, (PermissionError, FileNotFoundError, NotADirectoryError)) or error.errno == errno.EROFS:
            raise StageError(f"cannot be written ({error.strerror})", path, "name another place with -o") from error
        raise StageError(
            f"writing failed ({error.strerror or error})", path, "check the disk, and encode.codec"
        ) from error
