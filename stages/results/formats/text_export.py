"""Exports of one text file, which grows with the frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

from pipeline.stage import StageError
from stages.results.formats.frame_result import FrameResult
from stages.results.formats.writer import ExportTarget, ExportWriter
from stages.video.encoding.atomic_writes import reported_write_errors, sync_file
from stages.video.encoding.output_file import OutputFile


class TextExport(ExportWriter):
    """Text entries are appended to a draft in `FILE.partial/`, which is renamed at the end."""

    def __init__(
        self,
        target: ExportTarget,
        suffix: str,
        lines: Callable[[FrameResult], Iterable[str]],
        *,
        header: str = "",
        separator: str = "",
        footer: str = "",
    ) -> None:
        """Args: lines: the entries of a frame; header, separator, footer: before, between and after all entries."""
        path = target.file((suffix,))
        self.output_path = Path(path)
        self._destination = OutputFile(path, target.job.input, overwrite=target.may_overwrite())
        self._draft = self._destination.folder / f"joined{suffix}"
        self._lines, self._header, self._separator, self._footer = lines, header, separator, footer
        self._file: IO[bytes] | None = None
        self._count = 0
        self._resumable = False
        self._ended: dict[str, Any] | None = None

    def add(self, result: FrameResult) -> None:
        """Append the frame's lines."""
        self.append(self._lines(result))

    def append(self, lines: Iterable[str]) -> None:
        """Append lines. Raises StageError if the disk refuses."""
        with reported_write_errors(self._destination.path):
            file = self._open_draft()
            for line in lines:
                file.write(((self._separator if self._count else "") + line).encode())
                self._count += 1

    def finish(self) -> list[str]:
        """Close the draft and rename it."""
        with reported_write_errors(self._destination.path):
            self._close_draft()
            self._destination.publish(self._draft)
        return []

    def interrupt(self) -> None:
        """The entries so far become `NAME.partial.SUFFIX`."""
        with reported_write_errors(self._destination.path):
            self._close_draft()
            self._destination.publish_part(self._draft)

    def state(self) -> dict[str, Any]:
        """Number of entries and bytes so far; of a file that has its name, those when it got it."""
        if self._ended is not None:
            return self._ended
        with reported_write_errors(self._destination.path):
            file = self._open_draft()
            sync_file(file)
        self._resumable = True
        return {"lines": self._count, "bytes": file.tell()}

    def restore(self, state: dict[str, Any]) -> None:
        """Truncate the draft to where the state was taken."""
        if not self._draft.is_file() or self._draft.stat().st_size < state["bytes"]:
            raise StageError("the draft of this export is missing", str(self._draft), "run again without --resume")
        self._file = self._draft.open("r+b")
        self._file.truncate(state["bytes"])
        self._file.seek(state["bytes"])
        self._count = state["lines"]
        self._resumable = True

    def close(self) -> None:
        """Remove a draft that no restart can use."""
        if self._file is not None:
            self._file.close()
            self._file = None
            if not self._resumable:
                self._draft.unlink(missing_ok=True)
        self._destination.tidy()

    def is_finished(self) -> bool:
        """True if the final file exists and the draft does not."""
        return Path(self._destination.path).is_file() and not self._draft.exists()

    def _open_draft(self) -> IO[bytes]:
        if self._file is None:
            self._destination.prepare(fresh=True)
            self._file = self._draft.open("w+b")
            self._file.write(self._header.encode())
        return self._file

    def _close_draft(self) -> None:
        file = self._open_draft()
        self._ended = {"lines": self._count, "bytes": file.tell()}
        file.write(self._footer.encode())
        file.close()
        self._file = None
