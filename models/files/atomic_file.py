"""Files that stand under their name only when they are complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME_BYTES = 255
"""The longest name of a file that the usual file systems take, in bytes."""
_DRAFT = re.compile(r"\..*\.(\d+)-([0-9a-f]{8})\.partial", re.DOTALL)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A draft to write in the place of `path`: it gets that name when the block ends well, else it is removed.

    It lies beside the file, hidden, and each process has its own. It ends in `.partial`, so that no search for files
    of a kind finds one that a killed process left; NumPy, which adds the suffix that it misses, is to be given an open
    file.
    """
    draft = path.with_name(_draft_name(path.name))
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def remove_stale_drafts(folder: Path) -> None:
    """Remove the drafts in a folder whose process, one of this machine, was killed under them."""
    with contextlib.suppress(OSError):  # there is no such folder yet
        for entry in os.scandir(folder):
            made_by = _DRAFT.fullmatch(entry.name)
            if made_by and made_by[2] == _machine() and not _lives(int(made_by[1])):
                os.unlink(entry.path)


def _draft_name(name: str) -> str:
    ending = f".{os.getpid()}-{_machine()}.partial"
    kept = os.fsencode(name)[: NAME_BYTES - len(ending) - 1]
    return f".{kept.decode('utf-8', 'ignore')}{ending}"


def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # another user's, or no number of a process
        return True
    return True


def file_sha256(path: Path) -> str:
    """Hexadecimal digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
