"""Where a result goes: its final name, the folder it is made in, and the promise that nothing else is touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.stage import CLAIM, PARTS, WHOLE, StageError, fitting_name, working_folder
from stages.video.decoding.paths_and_urls import is_url
from stages.video.encoding.atomic_writes import sync_and_rename, sync_file

PATIENCE_S = 5.0
"""For a process that was killed, and whose successor is quicker than the system in letting go of its claim."""


class OutputFile:
    """One output file on its way."""

    def __init__(self, path: str, source: str, *, overwrite: bool) -> None:
        """Args: source: the input, which is never written over.

        Raises:
            StageError: the output is the input or a folder, or exists and may not be replaced.
        """
        self.path = path
        self.folder = Path(working_folder(path))
        self._source = source
        self._overwrite = overwrite
        self._claim: FileLock | None = None
        self.check()

    def check(self) -> None:
        """Raise unless the final name may be used."""
        if _same_file(self.path, self._source):
            raise StageError("the output would overwrite the input", self.path, "name another output with -o")
        if os.path.isdir(self.path):
            raise StageError("is a folder", self.path, "name a file in it with -o")
        if os.path.lexists(self.path) and not self._overwrite:
            raise StageError("the output exists already", self.path, "add --overwrite or name another with -o")

    def prepare(self, *, fresh: bool) -> None:
        """Make the working folder and claim it; a fresh start removes what an earlier run left in it.

        Raises:
            StageError: another run is making this result.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._take_claim()
        if fresh:
            self._remove_own_files()

    def discard(self) -> None:
        """Remove what was made so far."""
        self._remove_own_files()
        self.tidy()

    def publish(self, draft: Path) -> None:
        """Give a whole file the final name and remove the working folder."""
        self.check()
        if any(self.folder.glob("journal.*")):  # there is something to go on from, which the result makes void
            facts = draft.stat()
            with (self.folder / WHOLE).open("w", encoding="utf-8") as file:
                json.dump({"size": facts.st_size, "mtime_ns": facts.st_mtime_ns}, file)
                sync_file(file)
        sync_and_rename(draft, Path(self.path))
        self.discard()

    def publish_part(self, draft: Path) -> str:
        """Put the finished part of an interrupted run beside the output and remove the working folder; its name."""
        part = self.publish_copy(draft)
        self.discard()
        return part

    def publish_copy(self, draft: Path) -> str:
        """Put a part of the result beside the output, and leave the working folder; returns its name."""
        final = Path(self.path)
        part = final.with_name(fitting_name(final.stem, f".partial{final.suffix}"))
        count = 2
        while _same_file(str(part), self._source):
            part = final.with_name(fitting_name(final.stem, f".partial-{count}{final.suffix}"))
            count += 1
        sync_and_rename(draft, part)
        return str(part)

    def tidy(self) -> None:
        """Let go of the working folder, and remove it when nothing is left in it."""
        if self._claim is not None:
            Path(self._claim.lock_file).unlink(missing_ok=True)
            self._claim.release()
            self._claim = None
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _take_claim(self) -> None:
        if self._claim is not None:
            return
        claim = FileLock(self.folder / CLAIM, timeout=PATIENCE_S)
        try:
            claim.acquire()
        except Timeout as error:
            remedy = "wait until it is done, or name another output with -o"
            raise StageError("another run is making this result", self.path, remedy) from error
        except NotImplementedError:  # a file system without locks
            return
        self._claim = claim

    def _remove_own_files(self) -> None:
        for pattern in PARTS:
            for file in self.folder.glob(pattern):
                file.unlink()


def _same_file(path: str, other: str) -> bool:
    if is_url(other) or not os.path.exists(path) or not os.path.exists(other):
        return os.path.abspath(path) == os.path.abspath(other)
    return os.path.samefile(path, other)
