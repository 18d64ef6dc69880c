"""Temporary folders of a run: removed at its end; those of killed runs are removed at the start of the next run."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.files.file_lock import lock_file, unlock_file

OWNER = "owner.lock"
"""Locked while the process that owns a folder lives; the system releases the lock when the process ends."""


class Scratch:
    """A temporary folder that this process owns."""

    def __init__(self, prefix: str, place: str | None = None) -> None:
        """Create it, after those of killed processes are removed; in `place`, or the temporary directory."""
        sweep(prefix, place)
        draft = Path(tempfile.mkdtemp(prefix=f".{prefix}", dir=place))
        self._lock = lock_file(draft / OWNER, 0)  # without locks nothing is swept
        # Only a locked folder gets a name that `sweep` looks for.
        self.path = str(draft.with_name(draft.name[1:]))
        os.rename(draft, self.path)

    def remove(self) -> None:
        """Remove the folder."""
        unlock_file(self._lock)
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A temporary folder that is removed after the block."""
    scratch = Scratch(prefix)
    try:
        yield Path(scratch.path)
    finally:
        scratch.remove()


def sweep(prefix: str, place: str | None = None) -> None:
    """Remove folders with this prefix whose processes have ended; folders that cannot be locked stay."""
    for owner in Path(place or tempfile.gettempdir()).glob(f"{prefix}*/{OWNER}"):
        with suppress(OSError):  # another process holds it, or it is another user's
            if (lock := lock_file(owner, 0)) is not None:
                shutil.rmtree(owner.parent, ignore_errors=True)
                lock.release()
