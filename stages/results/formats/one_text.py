"""An export that is one text: appended to as frames come, named when it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from pipeline.stage import StageError
from stages.results.formats.moment import Moment
from stages.results.formats.writer import Target, Writer
from stages.video.encoding.atomic_writes import reported_write_errors, sync_file
from stages.video.encoding.output_file import OutputFile


class OneText(Writer):
    """Entries of text appended to a draft in `FILE.partial/`, which gets its name at the end."""

    def __init__(
        self,
        target: Target,
        suffix: str,
        lines: Callable[[Moment], Iterable[str]],
        *,
        head: str = "",
        between: str = "",
        tail: str = "",
    ) -> None:
        """Args: lines: entries of a frame; head, between, tail: what stands before, between and after all of them."""
        path = target.file((suffix,))
        self.place = Path(path)
        self._destination = OutputFile(path, target.job.input, overwrite=target.replaces())
        self._draft = self._destination.folder / f"joined{suffix}"
        self._lines, self._head, self._between, self._tail = lines, head, between, tail
        self._file: IO[bytes] | None = None
        self._count = 0
        self._resumable = False

    def add(self, moment: Moment) -> None:
        """Append the frame's lines."""
        with reported_write_errors(self._destination.path):
            file = self._opened()
            for line in self._lines(moment):
                file.write(((self._between if self._count else "") + line).encode())
                self._count += 1

    def finish(self) -> list[str]:
        """Close the draft and give it its name."""
        with reported_write_errors(self._destination.path):
            self._close_draft()
            self._destination.publish(self._draft)
        return []

    def interrupt(self) -> None:
        """The lines so far become `NAME.partial.SUFFIX`."""
        with reported_write_errors(self._destination.path):
            self._close_draft()
            self._destination.publish_part(self._draft)

    def state(self) -> dict[str, Any]:
        """Lines and bytes so far."""
        with reported_write_errors(self._destination.path):
            file = self._opened()
            sync_file(file)
        self._resumable = True
        return {"lines": self._count, "bytes": file.tell()}

    def restore(self, state: dict[str, Any]) -> None:
        """Cut the draft back to where the state was taken."""
        if not self._draft.is_file() or self._draft.stat().st_size < state["bytes"]:
            raise StageError("what was exported so far is gone", str(self._draft), "start anew without --resume")
        self._file = self._draft.open("r+b")
        self._file.truncate(state["bytes"])
        self._file.seek(state["bytes"])
        self._count = state["lines"]
        self._resumable = True

    def close(self) -> None:
        """A draft that no restart can use is removed."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self._resumable:
                self._draft.unlink(missing_ok=True)
        self._destination.tidy()

    def stands(self) -> bool:
        """True where the name is there and the draft is not."""
        return Path(self._destination.path).is_file() and not self._draft.exists()

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._destination.prepare(fresh=True)
            self._file = self._draft.open("w+b")
            self._file.write(self._head.encode())
        return self._file

    def _close_draft(self) -> None:
        file = self._opened()
        file.write(self._tail.encode())
        file.close()
        self._file = None
