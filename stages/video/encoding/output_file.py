"""The output file: its final name, its working folder `OUT.partial/` and the lock on that folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.stage import (
    CLAIM,
    PARTS,
    SAVED,
    WHOLE,
    StageError,
    bears_mark,
    blocked_working_folder,
    fitting_name,
    lock_file,
    put_mark,
    unlock_file,
    working_folder,
)
from stages.video.decoding.paths_and_urls import is_url
from stages.video.encoding.atomic_writes import sync_and_rename

LOCK_TIMEOUT_S = 5.0
"""Longest wait for the lock: a killed process may hold it for a moment after the next one has started."""


class OutputFile:
    """One output file, from the working folder to its final name."""

    def __init__(self, path: str, source: str, *, overwrite: bool) -> None:
        """Args: source: the input, which is never overwritten.

        Raises:
            StageError: the output is the input or a folder, or exists without `overwrite`.
        """
        self.path = path
        self.folder = Path(working_folder(path))
        self._source = source
        self._overwrite = overwrite or bears_mark(path, SAVED)
        self._lock: FileLock | None = None
        self.check()

    def check(self) -> None:
        """Raise StageError unless the final name can be used."""
        if _same_file(self.path, self._source):
            raise StageError("the output would overwrite the input", self.path, "name another output with -o")
        if os.path.isdir(self.path):
            raise StageError("is a folder", self.path, "name a file in it with -o")
        check_free(self.path, overwrite=self._overwrite)

    def prepare(self, *, fresh: bool) -> None:
        """Create the working folder and lock it; a fresh start removes the files of an earlier run.

        Raises:
            StageError: another run writes this output, or the working folder's path is a file.
        """
        if reason := blocked_working_folder(self.path):
            remedy = "remove it, or name another output with -o"
            raise StageError(f"is {reason}, but the output needs a folder there", str(self.folder), remedy)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._acquire_lock()
        if fresh:
            self._remove_own_files()

    def discard(self) -> None:
        """Remove all files of this run."""
        self._remove_own_files()
        self.tidy()

    def publish(self, draft: Path) -> None:
        """Rename a complete file to the final name and remove the working folder."""
        self.check()
        if any(self.folder.glob("journal.*")):  # a later --resume must see that the result is complete
            put_mark(draft, WHOLE)
        sync_and_rename(draft, Path(self.path))
        self.discard()

    def publish_so_far(self, draft: Path) -> None:
        """Rename a file to the final name and keep the working folder; a resumed run replaces the file later."""
        self.check()
        put_mark(draft, SAVED)
        sync_and_rename(draft, Path(self.path))

    def publish_part(self, draft: Path) -> str:
        """Move the partial result beside the output and remove the working folder; returns the new name."""
        part = self.publish_copy(draft)
        self.discard()
        return part

    def publish_copy(self, draft: Path) -> str:
        """Move a partial result beside the output and keep the working folder; returns the new name."""
        final = Path(self.path)
        part = final.with_name(fitting_name(final.stem, f".partial{final.suffix}"))
        count = 2
        while _same_file(str(part), self._source) or (os.path.lexists(part) and not self._overwrite):
            part = final.with_name(fitting_name(final.stem, f".partial-{count}{final.suffix}"))
            count += 1
        sync_and_rename(draft, part)
        return str(part)

    def tidy(self) -> None:
        """Unlock the working folder, and remove it when it is empty."""
        unlock_file(self._lock)
        self._lock = None
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _acquire_lock(self) -> None:
        if self._lock is not None:
            return
        try:
            self._lock = lock_file(self.folder / CLAIM, LOCK_TIMEOUT_S)
        except Timeout as error:
            remedy = "wait until it ends, or name another output with -o"
            raise StageError("another run is writing this output", self.path, remedy) from error

    def _remove_own_files(self) -> None:
        for pattern in PARTS:
            for file in self.folder.glob(pattern):
                file.unlink()


def check_free(path: str, *, overwrite: bool) -> None:
    """Raise StageError if there is a file that may not be overwritten."""
    if os.path.lexists(path) and not overwrite:
        raise StageError("the output exists already", path, "add --overwrite or name another with -o")


def check_table(output: str | None, *, overwrite: bool, endings: Sequence[str] = (".csv",)) -> None:
    """Raise StageError unless an output is a table, and it and the files beside it can be written.

    Args:
        output: path of the table.
        endings: of all files, which stand beside each other.
    """
    path = Path(output or "")
    if path.suffix.lower() != ".csv":
        raise StageError("the result is a table", str(path), "name a .csv file or a folder with -o")
    for ending in endings:
        check_free(str(path.with_suffix(ending)), overwrite=overwrite)


def free_path(path: str, *, overwrite: bool) -> str:
    """The path for a result at the end of the work: `path`, or NAME-2.SUFFIX … if `path` exists by now.

    Stages refuse an existing file before the work. A file that appears during the work belongs to somebody else: it is
    not replaced, and the work is not lost.
    """
    final, number = Path(path), 2
    while not overwrite and os.path.lexists(path):
        path = str(final.with_name(fitting_name(final.stem, f"-{number}{final.suffix}")))
        number += 1
    return path


def other_path_note(path: str, written: str) -> list[str]:
    """A sentence for the user if the result was written to another path than `path`; else none."""
    return [] if written == path else [f"{path} was made by something else meanwhile, so the result is {written}"]


def _same_file(path: str, other: str) -> bool:
    if is_url(other) or not os.path.exists(path) or not os.path.exists(other):
        return os.path.abspath(path) == os.path.abspath(other)
    return os.path.samefile(path, other)
