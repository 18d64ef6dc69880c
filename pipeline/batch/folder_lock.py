"""The lock on a folder of results: two batches must not write the same files and the same manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.files.file_lock import lock_file, unlock_file
from pipeline.jobs import remote_files
from pipeline.stage import PlainError

LOCK = "batch.lock"
"""Locked while a batch runs; the system releases the lock when the process ends in any way."""
PATIENCE_S = 3.0
"""How long to wait for the lock of a killed process, which the system may release a moment later."""
_DRAFT = re.compile(rf".+\.[0-9a-f]{{8}}{re.escape(remote_files.DRAFT)}")


@contextmanager
def lock_folder(folder: str) -> Iterator[None]:
    """Lock the folder of a batch's results while the block runs, and remove drafts that a killed batch left in it.

    Object stores (`s3://…`) and some file systems have no locks: nothing is locked there.

    Raises:
        PlainError: another batch has locked it, or it cannot be written to.
    """
    place = remote_files.path_on_this_machine(folder)
    if place is None:
        yield
        return
    lock = _acquire(place)
    try:
        with os.scandir(place) as files:
            drafts = [file.path for file in files if _DRAFT.fullmatch(file.name)]
        for left in drafts:
            with suppress(OSError):
                os.unlink(left)
        yield
    finally:
        unlock_file(lock)


def _acquire(place: Path) -> FileLock | None:
    """The lock on a folder; None where its file system has none."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        return lock_file(place / LOCK, PATIENCE_S)
    except Timeout as error:
        remedy = "wait until it is done, or name another folder with -o"
        raise PlainError("another batch is writing its results there", str(place), remedy) from error
    except OSError as error:
        what = f"the results cannot be written there ({error.strerror or error})"
        raise PlainError(what, str(place), "name another folder with -o") from error
