"""Files that are written atomically: a file has its name only when it is complete. Also their SHA-256."""

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
"""Maximum length of a file name on usual file systems, in bytes."""
_DRAFT = re.compile(r"\..*\.(\d+)-([0-9a-f]{8})\.partial", re.DOTALL)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a draft to write in place of `path`. It is renamed to `path` if the block succeeds, else removed.

    The draft is a hidden file in the same folder, one per process. Its suffix is `.partial`, so a search by suffix does
    not find drafts of killed processes. Give NumPy an open file, because it would append its own suffix.
    """
    draft = path.with_name(_draft_name(path.name))
    try:
        yield draft
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def remove_stale_drafts(folder: Path) -> None:
    """Remove drafts in a folder whose process ran on this machine and no longer exists."""
    with contextlib.suppress(OSError):  # the folder does not exist yet
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
    if os.name == "nt":  # there this call is no question: it would send the process a Ctrl-C
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # a process of another user, or not a valid process number
        return True
    return True


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
