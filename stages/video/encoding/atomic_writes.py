"""Durable and atomic writes: fsync, rename, and errors of full or read-only disks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import av

from pipeline.stage import StageError

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def sync_file(file: IO[Any]) -> None:
    """Flush an open file and sync it to disk."""
    file.flush()
    os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Sync the entries of a folder to disk, where the system can (Windows opens no folders)."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_and_rename(draft: Path, final: Path) -> None:
    """Sync a complete file to disk and rename it atomically."""
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    draft.replace(final)
    sync_folder(final.parent)


@contextmanager
def reported_write_errors(path: str) -> Iterator[None]:
    """Convert write errors to a StageError that names the output."""
    try:
        yield
    except (OSError, av.FFmpegError) as error:
        if error.errno in DISK_FULL:
            raise StageError("the disk is full", path, "free some space, or write elsewhere with -o") from error
        if isinstance(error, (PermissionError, FileNotFoundError, NotADirectoryError)) or error.errno == errno.EROFS:
            raise StageError(f"cannot be written ({error.strerror})", path, "name another output with -o") from error
        raise StageError(
            f"writing failed ({error.strerror or error})", path, "check the disk, and encode.codec"
        ) from error
