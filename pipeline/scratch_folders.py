"""Folders for the time of a run: removed at its end, and those of runs that were killed at the next one's start."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

OWNER = "owner.lock"
"""Locked while the process lives that a folder belongs to: the system lets go of it, however that process ends."""


class Scratch:
    """A folder of this process's own."""

    def __init__(self, prefix: str, place: str | None = None) -> None:
        """Make it, after those of killed processes are gone. Args: place: where; the temporary directory by default."""
        sweep(prefix, place)
        draft = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=place))
        self._lock = FileLock(draft / OWNER)
        with suppress(NotImplementedError):  # a file system without locks: nobody sweeps there
            self._lock.acquire()
        # Only now it has a name that is swept, so that nobody meets it without its owner.
        self.path = str(draft.with_name(draft.name[1:]))
        os.rename(draft, self.path)

    def remove(self) -> None:
        """It is not needed any more."""
        self._lock.release()
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A folder that is gone after the block."""
    scratch = Scratch(prefix)
    try:
        yield Path(scratch.path)
    finally:
        scratch.remove()


def sweep(prefix: str, place: str | None = None) -> None:
    """Remove the folders of that name whose processes are gone; what is not ours, or cannot be locked, stays."""
    for owner in Path(place or tempfile.gettempdir()).glob(f"{prefix}*/{OWNER}"):
        lock = FileLock(owner)
        with suppress(OSError, Timeout, NotImplementedError):
            lock.acquire(timeout=0)
            shutil.rmtree(owner.parent, ignore_errors=True)
            lock.release()
