"""Locks on files, which the system releases when their process ends in any way. Some file systems have none."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP}
"""What `flock` answers on a file system without locks, such as NFS without its lock service."""


def lock_file(path: str | Path, patience_s: float) -> FileLock | None:
    """Lock a file, which is created; None where its file system has no locks: then nothing is locked.

    No file stands in for a lock there: a killed process would leave it, and a run on another machine could not know
    that its owner is dead.

    Raises:
        filelock.Timeout: another process holds the lock, also after `patience_s` seconds.
        OSError: the file cannot be created.
    """
    lock = FileLock(path, fallback_to_soft=False)
    try:
        lock.acquire(timeout=patience_s)
    except OSError as error:  # a Timeout is an OSError, too
        if error.errno not in _NO_LOCKS:
            raise
        with suppress(OSError):
            os.unlink(path)
        return None
    return lock


def is_locked(path: str | Path, patience_s: float) -> bool:
    """Whether another process holds the lock on a file, also after `patience_s` seconds. The file stays."""
    if not os.path.isfile(path):
        return False
    try:
        lock = lock_file(path, patience_s)
    except Timeout:
        return True
    except OSError:  # it cannot be opened, or was removed meanwhile
        return False
    if lock is not None:
        lock.release()
    return False


def unlock_file(lock: FileLock | None) -> None:
    """Remove the file of a lock, and release it; None is what `lock_file` gives where there are no locks."""
    if lock is not None:
        with suppress(OSError):
            os.unlink(lock.lock_file)
        lock.release()


def has_locks(folder: str) -> bool:
    """Whether files in a folder, or in the nearest one above it that exists, can be locked; True if nobody can tell."""
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    try:
        with tempfile.TemporaryDirectory(prefix=".locks-", dir=place) as empty:
            lock = lock_file(os.path.join(empty, "lock"), 0)
            unlock_file(lock)
            return lock is not None
    except OSError:
        return True
